"""What a user searches for -> a condition on names."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.escape import escape

_WILD = re.compile(r"[*?\[]")


def matches(names: pa.ChunkedArray, pattern: str, *, ignore_case: bool) -> pa.ChunkedArray:
    """Tell which names match: with `*`, `?` or `[` as a glob of the whole name, else as a substring."""
    shown = escape(pattern.encode("utf-8", "surrogateescape"))
    if not _WILD.search(pattern):
        return pc.match_substring(names, shown, ignore_case=ignore_case)
    return pc.match_substring_regex(names, glob_to_re2(shown), ignore_case=ignore_case)


def glob_to_re2(glob: str) -> str:
    """Return the RE2 expression of a shell glob; a `[` without its end stands for itself."""
    parts: list[str] = []
    at = 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[" and (end := _class_end(glob, at)) > 0:
            inside = glob[at:end].replace("\\", "\\\\").replace("[", "\\[").replace("&", "\\&")
            negated = inside[0] in "!^"
            parts.append(f"[{'^' if negated else ''}{_escape_first(inside[negated:])}]")
            at = end + 1
        else:
            parts.append(re.escape(character))
    return f"(?s)^{''.join(parts)}$"


def _class_end(glob: str, start: int) -> int:
    """Return where the class that begins at `start` ends, or -1; a `]` that comes first belongs to it."""
    first = start + (glob[start : start + 1] in ("!", "^"))
    return glob.find("]", first + 1)


def _escape_first(inside: str) -> str:
    return "\\" + inside if inside[:1] in ("]", "^") else inside
