r"""The characters of names: each byte that is not part of valid UTF-8 is one character.

An index contains names as escaped text, in which such a byte is `\xNN`, and a backslash before an `x` is
`\x5c`. Conditions on names refer to characters, as in Python's text decoded with `surrogateescape`. Arrow
rejects surrogates, so text for Arrow contains a stand-in for each such byte: one of 128 consecutive code
points that are not assigned and that the text does not contain.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa

from tidemark.escape import escape, unescape

ESCAPE = b"\\x"  # in escaped text: the start of an escaped byte
_BYTES = range(0xDC80, 0xDD00)  # the code points of `surrogateescape`
_BYTE = re.compile("[\udc80-\udcff]")
STAND_INS = range(0x40000, 0xE0000, len(_BYTES))  # where a block of stand-ins can begin: planes 4 to 13
_FARTHER = re.compile(f"[{chr(STAND_INS.start)}-{chr(STAND_INS.stop - 1)}]")


def characters(text: str) -> str:
    """Return text decoded with `surrogateescape`, in which no surrogates together are valid UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def has_bytes(text: str) -> bool:
    """Return whether characters include bytes that are not valid UTF-8."""
    return _BYTE.search(text) is not None


def stand_ins(text: str, first: int) -> str:
    """Return characters with stand-ins from `first` on for bytes that are not valid UTF-8."""
    return _BYTE.sub(lambda byte: chr(ord(byte[0]) - _BYTES.start + first), text)


def named_bytes(text: str, first: int) -> str:
    r"""Return text with `\xNN` for each stand-in."""
    return text.translate({first + at: f"\\x{at + 0x80:02x}" for at in range(len(_BYTES))})


def escaped_pieces(text: str) -> list[str]:
    r"""Return texts that each name that contains these characters contains in its escaped text, in order.

    Usually one. A backslash and an `x` are apart: between them, escaped text may have a `5c` or not, which in
    a case-insensitive search depends on the name.
    """
    pieces = re.split(r"(?<=\\)(?=[xX])", text)
    return [escape(piece.encode("utf-8", "surrogateescape")) for piece in pieces]


def escaped(names: pa.StringArray) -> pa.BooleanArray | None:
    """Return a mask of the names that contain an escaped byte; None if there are none."""
    _, offsets, letters = names.buffers()
    if not len(names) or letters is None:
        return None
    ends = memoryview(offsets).cast("i")[names.offset : names.offset + len(names) + 1]
    together = letters[ends[0] : ends[-1]].to_pybytes()
    mask, found = bytearray(len(names)), False
    at = together.find(ESCAPE[:1])  # searching one byte is much faster than searching two
    while at >= 0:
        next_from = at + 1
        if together.startswith(ESCAPE, at):
            row = bisect_right(ends, ends[0] + at) - 1
            mask[row], found = 1, True
            next_from = ends[row + 1] - ends[0]
        at = together.find(ESCAPE[:1], next_from)
    if not found:
        return None
    return pa.Array.from_buffers(pa.uint8(), len(mask), [None, pa.py_buffer(mask)]).cast(pa.bool_())


def by_stand_ins(names: Sequence[str]) -> dict[int, dict[int, str]]:
    """Return the texts for Arrow of escaped names: by the first stand-in, then by the number of the name."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for number, name in enumerate(names):
        text = unescape(name).decode("utf-8", "surrogateescape")
        first = first_free(text)
        found[first][number] = stand_ins(text, first)
    return found


def first_free(text: str) -> int:
    """Return the first code point of the first block of stand-ins that a text does not contain."""
    used = {ord(letter) // len(_BYTES) for letter in _FARTHER.findall(text)}
    return next(first for first in STAND_INS if first // len(_BYTES) not in used)
