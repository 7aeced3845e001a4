r"""Reversible text form of names, which are bytes.

Bytes that are not valid UTF-8 appear as `\xNN`. Where a name itself holds a backslash followed by `x`,
that backslash appears as `\x5c`. So every `\xNN` in the text represents one byte, and nothing is lost.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def escape(raw: bytes) -> str:
    """Return the escaped text of these bytes; `unescape` reverses it."""
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", "backslashreplace")


def unescape(text: str) -> bytes:
    """Return the bytes of a text from `escape`."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8"))


def is_utf8(raw: bytes) -> bool:
    """Return whether the bytes are valid UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
