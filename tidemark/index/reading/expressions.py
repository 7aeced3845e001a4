"""Converts globs and regular expressions to RE2, and extracts texts that every match contains."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from re import _parser as sre  # type: ignore[attr-defined]  # the only available parser of regular expressions
from typing import Any

_NOTHING, _ANYTHING = r"[^\x00-\x{10ffff}]", r"[\x00-\x{10ffff}]"


def glob_to_re2(glob: str) -> str:
    """Return the RE2 expression of a shell glob; an unclosed `[` is literal."""
    return f"(?s)^{''.join(part if wild else re.escape(part) for part, wild in _parts(glob))}$"


def literal_pieces(glob: str) -> list[str]:
    """Return the literal substrings of a shell glob."""
    pieces = [""]
    for part, wild in _parts(glob):
        if wild:
            pieces.append("")
        else:
            pieces[-1] += part
    return [piece for piece in pieces if piece]


def _parts(glob: str) -> list[tuple[str, bool]]:
    """Return a glob's characters, each with False, and its wildcards in RE2's syntax, each with True."""
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
            parts.append((_class(glob[at:end]), True))
            at = end + 1
        else:
            parts.append((character, False))
    return parts


def _class_end(glob: str, start: int) -> int:
    """Return the end of the class that begins at `start`, or -1; a leading `]` is part of the class."""
    first = start + (glob[start : start + 1] in ("!", "^"))
    return glob.find("]", first + 1)


def _class(inside: str) -> str:
    """Return the RE2 expression of a class; a range that ends before it starts is empty."""
    negated = inside[0] in "!^"
    ranges: list[str] = []
    at = int(negated)
    while at < len(inside):
        is_range = inside[at + 1 : at + 2] == "-" and at + 2 < len(inside)
        low, high = inside[at], inside[at + 2 if is_range else at]
        if low <= high:
            ranges.append(rf"\x{{{ord(low):x}}}-\x{{{ord(high):x}}}")
        at += 3 if is_range else 1
    if not ranges:  # RE2 has no empty class
        return _ANYTHING if negated else _NOTHING
    return f"[{'^' if negated else ''}{''.join(ranges)}]"


def required_texts(expression: str) -> list[str]:
    """Return texts that every match of an RE2 expression contains; none if that is uncertain.

    Python parses most expressions like RE2; those that differ are errors in Python, or contribute no text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = sre.parse(expression)
    except (re.error, Warning, RecursionError, OverflowError):
        return []
    if parsed.state.flags & (re.IGNORECASE | re.VERBOSE):
        return []
    return [text for text in "".join(_texts(parsed)).split("\0") if text]


def _texts(parsed: Any) -> Iterator[str]:
    """Return the characters that a match contains, in order, with a NUL where others may be in between."""
    for operation, argument in parsed:
        if operation is sre.LITERAL:
            yield chr(argument)
        elif operation is sre.SUBPATTERN and not argument[1] and not argument[2]:  # no flags of its own
            yield from _texts(argument[3])
        else:
            yield "\0"
