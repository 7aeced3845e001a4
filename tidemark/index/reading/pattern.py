"""Converts a search pattern to a condition on names."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import ConfigurationError
from tidemark.index.reading.characters import (
    ESCAPE,
    STAND_INS,
    by_stand_ins,
    characters,
    escaped,
    escaped_pieces,
    first_free,
    has_bytes,
    named_bytes,
    stand_ins,
)
from tidemark.index.reading.expressions import glob_to_re2, literal_pieces, required_texts
from tidemark.index.reading.folding import alternatives, fold, fold_expression, is_ascii
from tidemark.index.reading.page_search import Holding, Needle

Mode = Literal["auto", "exact", "substring", "glob", "regex"]

_WILD = re.compile(r"[*?\[]")
_ENDS = re.compile(r"([^*?\[]+)\*|\*([^*?\[]+)")  # globs for a prefix or a suffix


class NamePattern:
    r"""A condition on names. Case-sensitive unless `ignore_case`, which folds both sides, see `folding`.

    Both sides are characters: the pattern is text decoded with `surrogateescape`, and a byte of a name that
    is not part of valid UTF-8 is one character, which only a wildcard or that byte in the pattern matches. In
    the range of a class, it follows the characters of planes 0 to 3. A pattern never matches a part of the
    `\xNN` by which an index represents such a byte.

    If a letter folds to several, wildcards match both the original and the folded name, so that `stra?e` and
    `stras?e` match `Straße`.

    `auto`: a pattern with `*`, `?` or `[` is a glob for the whole name, any other a substring. A regular
    expression uses RE2's syntax and matches anywhere unless anchored. Raises ConfigurationError if it is
    invalid.
    """

    def __init__(self, pattern: str, *, mode: Mode = "auto", ignore_case: bool = False) -> None:
        if mode == "auto":
            mode = "glob" if _WILD.search(pattern) else "substring"
        self._mode, self._ignore_case = mode, ignore_case
        self._pattern = characters(pattern)
        self._text = self._pattern.casefold() if ignore_case and mode != "regex" else self._pattern
        self.matches_all = not self._text and mode != "exact"
        self._condition = functools.cache(self._condition_of)
        if mode == "regex":
            first = first_free(self._pattern)
            try:
                pc.match_substring_regex(pa.array([""]), stand_ins(self._pattern, first))
            except pa.ArrowInvalid as error:
                shown, reason = (named_bytes(text, first) for text in (stand_ins(pattern, first), str(error)))
                raise ConfigurationError(
                    f"'{shown}' is not a regular expression ({reason}); "
                    f"see https://github.com/google/re2/wiki/Syntax"
                ) from error

    def __call__(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return a mask of the matching names, which are escaped text."""
        return pa.chunked_array([self._matching(chunk) for chunk in names.chunks], pa.bool_())

    def _matching(self, names: pa.StringArray) -> pa.BooleanArray:
        if has_bytes(self._pattern):  # its stand-ins could be characters of any name
            return self._matching_characters(names.to_pylist())
        found = self._condition(STAND_INS.start)(names)
        mask = escaped(names)
        if mask is None:
            return found
        return pc.replace_with_mask(found, mask, self._matching_characters(names.filter(mask).to_pylist()))

    def _matching_characters(self, names: list[str]) -> pa.BooleanArray:
        matches = [False] * len(names)
        for first, texts in by_stand_ins(names).items():
            found = self._condition(first)(pa.array(texts.values(), pa.string())).to_pylist()
            for number, match in zip(texts, found, strict=True):
                matches[number] = match
        return pa.array(matches, pa.bool_())

    def _condition_of(self, first: int) -> _Condition:
        """Return the condition on texts that have stand-ins from `first` on."""
        return _Condition(stand_ins(self._pattern, first), self._mode, self._ignore_case)

    @cached_property
    def needle(self) -> Needle | None:
        """The text to search in raw pages; None if the pattern has none."""
        text = max(self.pieces, key=len, default="")
        if not text or "\0" in text or (self._ignore_case and not text.isascii()):
            return None
        start, end = self._ends if len(self.pieces) == 1 else ("", "")
        return Needle(text.encode(), self._ignore_case, at_start=bool(start), at_end=bool(end))

    @cached_property
    def is_needle(self) -> bool:
        """Whether every name without escaped bytes that has the needle in its required position matches."""
        if self._ignore_case and has_bytes(self._pattern):
            return False  # in lower case, the name `\XFF` contains `\xff`
        return len(self.pieces) == 1 and (self._mode == "substring" or any(self._ends))

    @cached_property
    def _ends(self) -> tuple[str, str]:
        return _ends_of(self._text) if self._mode == "glob" else ("", "")

    def count_of(self, holding: Holding) -> int:
        """Return the number of matching names, of those that contain the needle."""
        if self.is_needle:
            return len(holding) - len(self._apart(holding))
        return len(self.rows_of(holding))

    def rows_of(self, holding: Holding) -> list[int]:
        """Return the rows with matching names, of those that contain the needle."""
        rows = list(holding.rows())
        if not rows:
            return rows
        if self.is_needle:
            apart = self._apart(holding)
            return [row for number, row in enumerate(rows) if number not in apart] if apart else rows
        found: list[int] = (
            pa.array(rows, pa.int64()).filter(self._matching(_names(holding.texts()))).to_pylist()
        )
        return found

    def _apart(self, holding: Holding) -> set[int]:
        """Return the numbers of names that contain the needle, but only with a part of an escaped byte."""
        names = dict(holding.with_text(ESCAPE))
        matches = self._matching(_names(names.values())).to_pylist()
        return {number for number, match in zip(names, matches, strict=True) if not match}

    @cached_property
    def pieces(self) -> list[str]:
        """Texts that every matching name contains as it is escaped; folded if case-insensitive."""
        if self._mode == "regex":
            pieces = [] if self._ignore_case else required_texts(self._pattern)
        else:
            pieces = literal_pieces(self._text) if self._mode == "glob" else [self._text]
        return [text for piece in pieces for text in escaped_pieces(piece)]

    @property
    def looked_up(self) -> list[list[str]]:
        """Lists of texts for trigrams: every matching name contains, in lower case, one of each list."""
        if not self._ignore_case:
            return [[piece] for piece in self.pieces]
        return [found for piece in self.pieces for found in alternatives(piece)]


class _Condition:
    """A condition on texts without escaped bytes."""

    def __init__(self, pattern: str, mode: Mode, ignore_case: bool) -> None:
        self._mode, self._ignore_case = mode, ignore_case
        self._text = pattern.casefold() if ignore_case and mode != "regex" else pattern
        self._expression = glob_to_re2(pattern) if mode == "glob" else pattern
        self._folded_expression = fold_expression(self._expression) if ignore_case else None
        self._ends = _ends_of(self._text) if mode == "glob" else ("", "")

    def __call__(self, names: pa.StringArray) -> pa.BooleanArray:
        if self._mode in ("glob", "regex") and not any(self._ends):
            found = pc.match_substring_regex(names, self._expression, ignore_case=self._ignore_case)
            if self._folded_expression is None or (self._expression.isascii() and is_ascii(names)):
                return found
            by_folding = pc.match_substring_regex(fold(names), self._folded_expression, ignore_case=True)
            return pc.or_(found, by_folding)
        if self._ignore_case:
            names = fold(names)
        if self._mode == "glob":
            start, end = self._ends
            return pc.starts_with(names, start) if start else pc.ends_with(names, end)
        if self._mode == "exact":
            return pc.equal(names, self._text)
        return pc.match_substring(names, self._text)


def _names(texts: Iterable[bytes]) -> pa.StringArray:
    return pa.array([text.decode("utf-8", "replace") for text in texts], pa.string())


def _ends_of(glob: str) -> tuple[str, str]:
    """Return the prefix or the suffix that a glob consists of; otherwise two empty texts."""
    simple = _ENDS.fullmatch(glob)
    return (simple[1] or "", simple[2] or "") if simple else ("", "")
