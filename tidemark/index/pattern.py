"""What a user searches for -> a condition on names."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import ConfigurationError
from tidemark.index.escape import escape
from tidemark.index.expressions import glob_to_re2, literal_pieces, required_texts
from tidemark.index.plain import Holding, Needle

Mode = Literal["auto", "exact", "substring", "glob", "regex"]

_WILD = re.compile(r"[*?\[]")
_ENDS = re.compile(r"([^*?\[]+)\*|\*([^*?\[]+)")  # the globs that say how a name begins or ends


class NamePattern:
    """A condition on names. Case is minded unless `ignore_case`; then both sides are taken in lower case.

    `auto`: a pattern with `*`, `?` or `[` is a glob of the whole name, any other a substring of it. A regular
    expression is RE2's, and matches anywhere unless it is anchored. Raises ConfigurationError where it is
    not one.
    """

    def __init__(self, pattern: str, *, mode: Mode = "auto", ignore_case: bool = False) -> None:
        if mode == "auto":
            mode = "glob" if _WILD.search(pattern) else "substring"
        self._mode, self._ignore_case = mode, ignore_case
        shown = pattern if mode == "regex" else escape(pattern.encode("utf-8", "surrogateescape"))
        self._text = _lower(shown) if ignore_case and mode != "regex" else shown
        self.matches_all = not self._text and mode != "exact"
        if mode == "regex":
            try:
                pc.match_substring_regex(pa.array([""]), pattern)
            except pa.ArrowInvalid as error:
                raise ConfigurationError(
                    f"{pattern!r} is not a regular expression ({error}); see https://github.com/google/re2/wiki/Syntax"
                ) from error

    def __call__(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Tell which names match."""
        if self._mode == "regex":
            return pc.match_substring_regex(names, self._text, ignore_case=self._ignore_case)
        if self._ignore_case:
            names = lower(names)
        if self._mode == "glob":
            start, end = self._ends
            if start or end:
                return pc.starts_with(names, start) if start else pc.ends_with(names, end)
            return pc.match_substring_regex(names, glob_to_re2(self._text))
        if self._mode == "exact":
            return pc.equal(names, self._text)
        return pc.match_substring(names, self._text)

    @cached_property
    def needle(self) -> Needle | None:
        """What to look for in names as they lie in the file; None if there is nothing that could be."""
        text = max(self.pieces, key=len, default="")
        if not text or "\0" in text or (self._ignore_case and not text.isascii()):
            return None
        start, end = self._ends
        return Needle(text.encode(), self._ignore_case, at_start=bool(start), at_end=bool(end))

    @cached_property
    def is_needle(self) -> bool:
        """Whether every name that holds the needle, where it says, matches."""
        return self._mode == "substring" or any(self._ends)

    @cached_property
    def _ends(self) -> tuple[str, str]:
        """How names begin, or how they end, where a glob says only that; else two empty texts."""
        simple = _ENDS.fullmatch(self._text) if self._mode == "glob" else None
        return (simple[1] or "", simple[2] or "") if simple else ("", "")

    def rows_of(self, holding: Holding) -> list[int]:
        """Return the rows whose names match, of those that hold the needle."""
        rows = list(holding.rows())
        if self.is_needle or not rows:
            return rows
        names = pa.array([name.decode("utf-8", "replace") for name in holding.texts()], pa.string())
        matches = self(pa.chunked_array([names])).combine_chunks()
        found: list[int] = pa.array(rows, pa.int64()).filter(matches).to_pylist()
        return found

    @cached_property
    def pieces(self) -> list[str]:
        """Texts that every name that matches holds, but for case; for trigrams to look up."""
        if self._mode == "regex":
            # Regardless of case, RE2 takes a long s (U+017F) for an s, which no lower-case mapping does.
            return [] if self._ignore_case else required_texts(self._text)
        if self._mode == "glob":
            return literal_pieces(self._text)
        return [self._text]


def lower(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names in lower case, as Unicode's simple mapping has it."""
    # ASCII is lowered in a twentieth of the time.
    return pa.chunked_array(
        [pc.ascii_lower(each) if _is_ascii(each) else pc.utf8_lower(each) for each in names.chunks],
        pa.string(),
    )


def _is_ascii(names: pa.StringArray) -> bool:
    letters = names.buffers()[2]  # of these names, and perhaps of others beside them
    return letters is None or letters.to_pybytes().isascii()


def _lower(text: str) -> str:
    """Return a text in lower case as Arrow has it, which is how names are compared."""
    return str(pc.utf8_lower(pa.scalar(text)).as_py())
