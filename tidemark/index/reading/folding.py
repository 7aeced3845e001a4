"""Case-insensitive names: Unicode's full case folding, which maps ß to ss and unifies the three sigmas.

Source: the Unicode Standard, section 3.13, "Default Case Folding"; CaseFolding.txt, statuses C and F, which
Python's `casefold` follows.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

# Ranges of letters with case; a test checks all. In the second range, each folds to a single letter.
_LETTERS = "".join(map(chr, (*range(0x3000), *range(0xA640, 0xAC00), *range(0xF900, 0x10000))))
_FARTHER = range(0x10000, 0x20000)
_MOST = 48  # alternatives of one text

# Parts of an expression that are never changed: quotations, escapes, classes, names of groups.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[pP].|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\(\?P?<[^>]*>|.",
    re.DOTALL,
)
_MINDS_CASE = re.compile(r"\(\?[a-zA-Z]*-[a-zA-Z]*i")


def is_ascii(names: pa.StringArray) -> bool:
    """Return whether the names' buffer, which may contain other names, is ASCII."""
    letters = names.buffers()[2]
    return letters is None or letters.to_pybytes().isascii()


def fold(names: pa.StringArray) -> pa.StringArray:
    """Return the case-folded names."""
    lowered = pc.ascii_lower(names)
    if is_ascii(names):
        return lowered
    others = pc.invert(pc.string_is_ascii(names))
    texts = [name.casefold() for name in names.filter(others).to_pylist()]
    return pc.replace_with_mask(lowered, others, pa.array(texts, pa.string()))


def fold_expression(expression: str) -> str | None:
    """Return an RE2 expression for folded names: a letter that folds to several becomes a group of these.

    None if a part of it is case-sensitive. Match it case-insensitively; RE2 does so letter by letter.
    """
    if _MINDS_CASE.search(expression):
        return None
    return "".join(
        "".join(map(_fold_letter, token[2:].removesuffix("\\E")))
        if token.startswith("\\Q")
        else _fold_token(token)
        for token in _TOKEN.findall(expression)
    )


def _fold_letter(letter: str) -> str:
    return f"(?:{letter.casefold()})" if len(letter.casefold()) > 1 else re.escape(letter)


def _fold_token(token: str) -> str:
    return f"(?:{token.casefold()})" if len(token) == 1 and len(token.casefold()) > 1 else token


def alternatives(text: str) -> Iterator[list[str]]:
    """Return lists of texts; a name that contains the folded text contains, in lower case, one of each list.

    Lower case is as in trigrams.bin, where the final sigma and the long s are separate letters.
    """
    found = list(islice(_alternatives(text), _MOST + 1))
    if len(found) <= _MOST:
        yield list(dict.fromkeys(found))
    elif len(text) > 1:
        half = len(text) // 2
        yield from alternatives(text[:half])
        yield from alternatives(text[half:])


def _alternatives(text: str) -> Iterator[str]:
    yield from _from(text, 0)
    for several, letters in _lowered().items():  # whose last letters are the first of the text
        for length in range(1, len(several)):
            if text.startswith(several[-length:]):
                for letter in letters:
                    yield from (letter + rest for rest in _from(text, length))


def _from(text: str, start: int) -> Iterator[str]:
    """Return the possible lower-case forms of the rest of a text, beginning with itself."""
    if start == len(text):
        yield ""
        return
    yield from (text[start] + rest for rest in _from(text, start + 1))
    for several, letters in _by_first()[text[start]]:
        if text.startswith(several, start):
            yield from (letter + rest for letter in letters for rest in _from(text, start + len(several)))
        elif several.startswith(text[start:]):  # whose first letters are the last of the text
            yield from letters


@functools.cache
def _lowered() -> dict[str, list[str]]:
    """Return, by folded text, the other letters that fold to it, in Arrow's lower case."""
    farther = "".join(map(chr, _FARTHER))
    folds = pa.array([*(letter.casefold() for letter in _LETTERS), *farther.casefold()])
    lowered = pc.utf8_lower(pa.array([*_LETTERS, *farther]))
    differ = pc.not_equal(folds, lowered)
    found = defaultdict(set)
    for fold, letter in zip(
        folds.filter(differ).to_pylist(), lowered.filter(differ).to_pylist(), strict=True
    ):
        found[fold].add(letter)
    return {text: sorted(each) for text, each in found.items()}


@functools.cache
def _by_first() -> dict[str, list[tuple[str, list[str]]]]:
    found = defaultdict(list)
    for several, letters in _lowered().items():
        found[several[0]].append((several, letters))
    return found


def foreign(text: bytes) -> list[bytes]:
    """Return the non-ASCII letters, in UTF-8, whose folding contains a letter of a text."""
    return [letter for letter, ascii_letters in _foreign() if any(each in text for each in ascii_letters)]


@functools.cache
def _foreign() -> list[tuple[bytes, bytes]]:
    """Return each non-ASCII letter whose folding contains ASCII, with that ASCII."""
    folds = ((letter, letter.casefold().encode("ascii", "ignore")) for letter in _LETTERS)
    return [(letter.encode(), letters) for letter, letters in folds if letters and not letter.isascii()]
