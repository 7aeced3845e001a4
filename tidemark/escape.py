r"""Reversible text form of names, which are bytes.

Bytes that are not valid UTF-8 appear as `\xNN`. Where a name itself holds a backslash followed by `x`,
that backslash appears as `\x5c`. So every `\xNN` in the text represents one byte, and nothing is lost.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


# Control, format (which reorder or hide text), surrogate, private use, unassigned; line and paragraph ends.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


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


def visible(text: str, shows: Callable[[str], bool] = lambda _character: True) -> str:
    """Return the text with characters that could move, hide or reorder text as `\\xNN` bytes.

    Characters that `shows` refuses are written like this, too.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        as_bytes(character)
        if unicodedata.category(character) in _UNSAFE or not shows(character)
        else character
        for character in text
    )


def as_bytes(character: str) -> str:
    r"""Return a character as `\xNN` for each byte of its UTF-8."""
    number = ord(character)
    # PEP 383: a byte of the command line that is not text is one of these surrogates.
    typed_byte = 0xDC80 <= number <= 0xDCFF
    raw = bytes([number - 0xDC00]) if typed_byte else character.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in raw)
