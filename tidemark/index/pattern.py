"""What a user searches for -> a condition on names."""

from __future__ import annotations

import re
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import ConfigurationError
from tidemark.index.escape import escape

Mode = Literal["auto", "exact", "substring", "glob", "regex"]

_WILD = re.compile(r"[*?\[]")


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
            return pc.match_substring_regex(names, self._expression, ignore_case=self._ignore_case)
        if self._ignore_case:
            names = pc.utf8_lower(names)
        if self._mode == "exact":
            return pc.equal(names, self._text)
        if self._mode == "substring":
            return pc.match_substring(names, self._text)
        return pc.match_substring_regex(names, self._expression)

    @property
    def pieces(self) -> list[str]:
        """Texts that every name that matches holds, but for case; for trigrams to look up."""
        if self._mode == "regex":
            return []
        if self._mode == "glob":
            return literal_pieces(self._text)
        return [self._text]


def glob_to_re2(glob: str) -> str:
    """Return the RE2 expression of a shell glob; a `[` without its end stands for itself."""
    return f"(?s)^{''.join(part if wild else re.escape(part) for part, wild in _parts(glob))}$"


def literal_pieces(glob: str) -> list[str]:
    """Return the runs of ordinary characters of a shell glob."""
    pieces = [""]
    for part, wild in _parts(glob):
        if wild:
            pieces.append("")
        else:
            pieces[-1] += part
    return [piece for piece in pieces if piece]


def _parts(glob: str) -> list[tuple[str, bool]]:
    """Return a glob's characters, each with False, and its wildcards as RE2 says them, each with True."""
    parts: list[tuple[str, bool]] = []
    at = 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "*":
            parts.append((".*", True))
        elif character == "?":
            parts.append((".", True))
        elif character == "[" and (end := _class_end(glob, at)) > 0:
            inside = glob[at:end].replace("\\", "\\\\").replace("[", "\\[").replace("&", "\\&")
            negated = inside[0] in "!^"
            parts.append((f"[{'^' if negated else ''}{_escape_first(inside[negated:])}]", True))
            at = end + 1
        else:
            parts.append((character, False))
    return parts


def _class_end(glob: str, start: int) -> int:
    """Return where the class that begins at `start` ends, or -1; a `]` that comes first belongs to it."""
    first = start + (glob[start : start + 1] in ("!", "^"))
    return glob.find("]", first + 1)


def _escape_first(inside: str) -> str:
    return "\\" + inside if inside[:1] in ("]", "^") else inside


def _lower(text: str) -> str:
    """Return a text in lower case as Arrow has it, which is how names are compared."""
    return str(pc.utf8_lower(pa.scalar(text)).as_py())
