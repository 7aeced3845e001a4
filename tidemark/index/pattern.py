"""What a user searches for -> a condition on names."""

from __future__ import annotations

import re
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import ConfigurationError
from tidemark.index.escape import escape
from tidemark.index.expressions import glob_to_re2, literal_pieces, required_texts
from tidemark.index.names import contains, lower

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
        self._expression = glob_to_re2(self._text) if mode == "glob" else self._text
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
        if self._mode == "glob" and (simple := _ENDS.fullmatch(self._text)):
            names = lower(names) if self._ignore_case else names
            return pc.starts_with(names, simple[1]) if simple[1] else pc.ends_with(names, simple[2])
        if self._mode in ("glob", "regex"):
            return self._expressed(names)
        if self._ignore_case:
            names = lower(names)
        if self._mode == "exact":
            return pc.equal(names, self._text)
        return contains(names, self._text)

    @property
    def pieces(self) -> list[str]:
        """Texts that every name that matches holds, but for case; for trigrams to look up."""
        if self._mode == "regex":
            # Regardless of case, RE2 takes a long s (U+017F) for an s, which no lower-case mapping does.
            return [] if self._ignore_case else required_texts(self._text)
        if self._mode == "glob":
            return literal_pieces(self._text)
        return [self._text]

    def _expressed(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Tell which names match an expression, trying it only on those that hold its longest text."""
        regex = self._mode == "regex"
        if self._ignore_case and not regex:
            names = lower(names)
        longest = max(self.pieces, key=len, default="")
        if not longest:
            return pc.match_substring_regex(names, self._expression, ignore_case=regex and self._ignore_case)
        candidates = contains(names, longest).combine_chunks()
        found = pc.match_substring_regex(names.filter(candidates), self._expression)
        return pa.chunked_array([pc.replace_with_mask(candidates, candidates, found.combine_chunks())])


def _lower(text: str) -> str:
    """Return a text in lower case as Arrow has it, which is how names are compared."""
    return str(pc.utf8_lower(pa.scalar(text)).as_py())
