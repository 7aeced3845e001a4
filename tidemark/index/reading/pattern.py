"""Converts a search pattern to a condition on names."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import ConfigurationError
from tidemark.escape import escape
from tidemark.index.reading.expressions import glob_to_re2, literal_pieces, required_texts
from tidemark.index.reading.folding import alternatives, fold_expression, folded, is_ascii
from tidemark.index.reading.page_search import Holding, Needle

Mode = Literal["auto", "exact", "substring", "glob", "regex"]

_WILD = re.compile(r"[*?\[]")
_ENDS = re.compile(r"([^*?\[]+)\*|\*([^*?\[]+)")  # globs for a prefix or a suffix


class NamePattern:
    """A condition on names. Case-sensitive unless `ignore_case`, which folds both sides, see `folding`.

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
        shown = pattern if mode == "regex" else escape(pattern.encode("utf-8", "surrogateescape"))
        self._shown = shown
        self._text = shown.casefold() if ignore_case and mode != "regex" else shown
        self.matches_all = not self._text and mode != "exact"
        if mode == "regex":
            try:
                pc.match_substring_regex(pa.array([""]), pattern)
            except pa.ArrowInvalid as error:
                raise ConfigurationError(
                    f"{pattern!r} is not a regular expression ({error}); see https://github.com/google/re2/wiki/Syntax"
                ) from error

    def __call__(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return a mask of the matching names."""
        if self._mode in ("glob", "regex") and not any(self._ends):
            found = pc.match_substring_regex(names, self._expression, ignore_case=self._ignore_case)
            if not self._ignore_case or self._folded_expression is None or _are_ascii(names, self._text):
                return found
            by_folding = pc.match_substring_regex(folded(names), self._folded_expression, ignore_case=True)
            return pa.chunked_array([pc.or_(found.combine_chunks(), by_folding.combine_chunks())])
        if self._ignore_case:
            names = folded(names)
        if self._mode == "glob":
            start, end = self._ends
            return pc.starts_with(names, start) if start else pc.ends_with(names, end)
        if self._mode == "exact":
            return pc.equal(names, self._text)
        return pc.match_substring(names, self._text)

    @cached_property
    def needle(self) -> Needle | None:
        """The text to search in raw pages; None if the pattern has none."""
        text = max(self.pieces, key=len, default="")
        if not text or "\0" in text or (self._ignore_case and not text.isascii()):
            return None
        start, end = self._ends
        return Needle(text.encode(), self._ignore_case, at_start=bool(start), at_end=bool(end))

    @cached_property
    def is_needle(self) -> bool:
        """Whether every name with the needle in its required position matches."""
        return self._mode == "substring" or any(self._ends)

    @cached_property
    def _expression(self) -> str:
        return self._text if self._mode == "regex" else glob_to_re2(self._shown)

    @cached_property
    def _folded_expression(self) -> str | None:
        return fold_expression(self._expression)

    @cached_property
    def _ends(self) -> tuple[str, str]:
        """The prefix or the suffix that a glob consists of; otherwise two empty texts."""
        simple = _ENDS.fullmatch(self._text) if self._mode == "glob" else None
        return (simple[1] or "", simple[2] or "") if simple else ("", "")

    def rows_of(self, holding: Holding) -> list[int]:
        """Return the rows with matching names, of those that contain the needle."""
        rows = list(holding.rows())
        if self.is_needle or not rows:
            return rows
        names = pa.array([name.decode("utf-8", "replace") for name in holding.texts()], pa.string())
        matches = self(pa.chunked_array([names])).combine_chunks()
        found: list[int] = pa.array(rows, pa.int64()).filter(matches).to_pylist()
        return found

    @cached_property
    def pieces(self) -> list[str]:
        """Texts that every matching name contains; folded if case-insensitive."""
        if self._mode == "regex":
            return [] if self._ignore_case else required_texts(self._text)
        if self._mode == "glob":
            return literal_pieces(self._text)
        return [self._text]

    @property
    def looked_up(self) -> list[list[str]]:
        """Lists of texts for trigrams: every matching name contains, in lower case, one of each list."""
        if not self._ignore_case:
            return [[piece] for piece in self.pieces]
        return [found for piece in self.pieces for found in alternatives(piece)]


def _are_ascii(names: pa.ChunkedArray, text: str) -> bool:
    return text.isascii() and all(map(is_ascii, names.chunks))
