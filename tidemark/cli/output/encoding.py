r"""Escapes for characters that an output's encoding cannot represent: `\xNN` for each byte of their UTF-8.

So different names never look alike, and shown names can be typed back, also on terminals that are not UTF-8.
"""

from __future__ import annotations

import codecs
import functools
import sys
from collections.abc import Collection

from tidemark.answers.text import as_bytes

ERRORS = "tidemark-bytes"  # an error handler of codecs, for output streams


def limits() -> set[str]:
    """Return the encodings of standard output and standard error that are not Unicode."""
    encodings = {getattr(stream, "encoding", None) for stream in (sys.stdout, sys.stderr)}
    return {encoding for encoding in encodings if encoding is not None and not _is_unicode(encoding)}


def shows(character: str, encodings: Collection[str]) -> bool:
    """Return whether all of `encodings` represent a character unchanged."""
    return all(_shows(encoding, character) for encoding in encodings)


def sign(preferred: str, plain: str) -> str:
    """Return `preferred`, or `plain` (ASCII) if the output cannot show it."""
    encodings = limits()
    return preferred if all(shows(character, encodings) for character in preferred) else plain


def register() -> None:
    """Register the error handler ERRORS, for text that was not checked with `shows`."""
    codecs.register_error(ERRORS, _in_place_of)


def _in_place_of(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(as_bytes, error.object[error.start : error.end])), error.end


@functools.cache
def _is_unicode(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf-")


@functools.lru_cache(maxsize=4096)
def _shows(encoding: str, character: str) -> bool:
    """Return whether a character survives an encoding; Shift JIS turns a yen sign into a backslash."""
    try:
        return character.encode(encoding).decode(encoding) == character
    except UnicodeError:
        return False
