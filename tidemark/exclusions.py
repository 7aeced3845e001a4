r"""Patterns of directories that an index omits: `--exclude`, and `exclude` in tidemark.yaml.

The syntax is that of a line in a .gitignore file, for directories only:

* A pattern with a slash at its beginning or in its middle is a path from the root: `/cache`, `home/*/.cache`.
  A pattern without one matches a name at any depth: `node_modules`. A trailing slash has no effect.
* `*` matches zero or more characters, `?` one, `[a-z]` one in a set, `[!a-z]` one outside a set. None of them
  matches a slash. A byte that is not valid UTF-8 counts as one character.
* `**` as a whole name matches zero or more directories; at the end, everything below.
* A backslash makes the next character literal. `\xNN` is a byte, as in displayed names.

Matching is case-sensitive. `./` and repeated slashes are dropped; in a .gitignore file they match nothing.
`..`, a leading `!`, and patterns that cannot match a directory are rejected.
Source: gitignore(5), "PATTERN FORMAT".
"""

from __future__ import annotations

import dataclasses
import enum
import re

_BYTE = re.compile(r"x([0-9a-f]{2})")
_CLASS = ("[:", "[.", "[=")


class _Wild(enum.Enum):
    ANY = "*"
    ONE = "?"
    DIRECTORIES = "**"


@dataclasses.dataclass(frozen=True, slots=True)
class _Set:
    """One character inside ranges of code points; outside them if `negated`."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool


# A str is one literal character; a surrogate is a byte that is not valid UTF-8 (PEP 383).
_Name = tuple[str | _Wild | _Set, ...]
_DIRECTORIES: _Name = (_Wild.DIRECTORIES,)

# The opcodes that _core.c reads. A set is _SET or _NOT_SET, pairs of code points, and _SET_END.
_OPERATIONS = {_Wild.ANY: b"\1", _Wild.ONE: b"\2"}
_DIRECTORIES_OPERATION, _SET, _NOT_SET, _SET_END, _QUOTE = b"\3", b"\4", b"\5", b"\6", b"\7"
_QUOTED = frozenset(map(chr, range(1, 8)))


@dataclasses.dataclass(frozen=True, slots=True)
class Exclusion:
    """A pattern of directories to omit, with everything below them."""

    names: tuple[_Name, ...]  # from the root; never empty

    @classmethod
    def parse(cls, text: str) -> Exclusion:
        """Return the parsed pattern. Raises ValueError, with the fix in its message, if it is invalid."""
        if text.startswith("!"):
            raise ValueError(
                f"{text!r} begins with '!', but an excluded directory cannot be included again; "
                f"for a name that begins with '!', write '\\{text}'"
            )
        parts = [part for part in text.split("/") if part not in ("", ".")]
        names = [] if "/" in text.rstrip("/") else [_DIRECTORIES]
        for part in parts:
            name = _parsed(part, text)
            if name != _DIRECTORIES or names[-1:] != [_DIRECTORIES]:
                names.append(name)
        if not parts or any(name in ((".",), (".", ".")) for name in names):
            raise ValueError(
                f"{text!r} is not a directory below the root; write a path such as '/home/*/.cache'"
            )
        return cls((*names, (_Wild.ANY,)) if names[-1] == _DIRECTORIES else tuple(names))

    def __str__(self) -> str:
        """Return the pattern as a path from the root; parsing it gives an equal Exclusion."""
        return "".join("/" + "".join(map(_shown, name)) for name in self.names)

    def regex(self) -> str:
        """Return a regular expression for full paths, decoded with surrogateescape, without outer slashes."""
        names = [
            "(?:[^/]+/)*" if name == _DIRECTORIES else "".join(map(_regex, name)) + "/" for name in self.names
        ]
        return "".join(names).removesuffix("/")

    def program(self) -> bytes:
        """Return the pattern compiled for _core.c; it contains no NUL."""
        names = [
            _DIRECTORIES_OPERATION if name == _DIRECTORIES else b"".join(map(_program, name)) + b"/"
            for name in self.names
        ]
        return b"".join(names).removesuffix(b"/")


def _parsed(part: str, pattern: str) -> _Name:
    """Return one parsed name of a pattern."""
    if part == "**":
        return _DIRECTORIES
    pieces: list[str | _Wild | _Set] = []
    at = 0
    while at < len(part):
        piece: str | _Wild | _Set
        if part[at] in "*?":
            piece, at = _Wild(part[at]), at + 1
        elif part[at] == "[":
            piece, at = _set(part, at + 1, pattern)
        else:
            piece, at = _literal(part, at, pattern)
        if piece is not _Wild.ANY or pieces[-1:] != [piece]:
            pieces.append(piece)
    return _decoded(pieces)


def _literal(part: str, at: int, pattern: str) -> tuple[str, int]:
    """Return the character at a position in a name, and the next position."""
    character, end = part[at], at + 1
    if character == "\\":
        if byte := _BYTE.match(part, end):
            character, end = bytes.fromhex(byte[1]).decode("utf-8", "surrogateescape"), byte.end()
        elif end == len(part):
            raise ValueError(f"{pattern!r} has a name that ends with a backslash; write it as '\\\\'")
        else:
            character, end = part[end], end + 1
    if character in "\0/" or 0xD800 <= ord(character) < 0xDC80 or 0xDCFF < ord(character) <= 0xDFFF:
        raise ValueError(f"{pattern!r} contains {character!r}, which no name can; write '?' or '*' instead")
    return character, end


def _set(part: str, at: int, pattern: str) -> tuple[_Set, int]:
    """Return the set whose bracket precedes a position in a name, and the position after the set."""
    negated = part[at : at + 1] in ("!", "^")
    at += negated
    first, ranges = at, list[tuple[int, int]]()
    while part[at : at + 1] != "]" or at == first:
        if at >= len(part):
            raise ValueError(f"{pattern!r} has a '[' without its ']'; write '\\[' for a bracket")
        if part.startswith(_CLASS, at):
            raise ValueError(
                f"{pattern!r} contains a character class; write ranges instead, such as [a-zA-Z]"
            )
        low, at = _literal(part, at, pattern)
        high = low
        if part[at : at + 1] == "-" and part[at + 1 : at + 2] not in ("", "]"):
            high, at = _literal(part, at + 1, pattern)
        if ord(low) > ord(high):
            raise ValueError(f"{pattern!r} has the range {low}-{high}, which is empty; write {high}-{low}")
        ranges.append((ord(low), ord(high)))
    return _Set(tuple(ranges), negated), at + 1


def _decoded(pieces: list[str | _Wild | _Set]) -> _Name:
    """Return the pieces with adjacent bytes decoded as UTF-8 characters where they form one."""
    decoded: list[str | _Wild | _Set] = []
    run = ""
    for piece in (*pieces, None):
        if isinstance(piece, str):
            run += piece
            continue
        decoded += run.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        run = ""
        if piece is not None:
            decoded.append(piece)
    return tuple(decoded)


def _shown(piece: str | _Wild | _Set) -> str:
    if isinstance(piece, _Wild):
        return piece.value
    if isinstance(piece, str):
        return _quoted(piece, "*?[\\")
    ends = ["-".join(_quoted(chr(end), "!^[]-\\") for end in dict.fromkeys(pair)) for pair in piece.ranges]
    return f"[{'!' * piece.negated}{''.join(ends)}]"


def _quoted(character: str, special: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return f"\\{character}" if character in special else character


def _regex(piece: str | _Wild | _Set) -> str:
    if isinstance(piece, _Wild):
        return {_Wild.ANY: "[^/]*", _Wild.ONE: "[^/]"}[piece]
    if isinstance(piece, str):
        return re.escape(piece)
    ends = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in piece.ranges)
    return f"(?!/)[{'^' * piece.negated}{ends}]"


def _program(piece: str | _Wild | _Set) -> bytes:
    if isinstance(piece, _Wild):
        return _OPERATIONS[piece]
    if isinstance(piece, str):
        return (_QUOTE if piece in _QUOTED else b"") + piece.encode("utf-8", "surrogateescape")
    ends = b"".join(_code_point(end) for pair in piece.ranges for end in pair)
    return (_NOT_SET if piece.negated else _SET) + ends + _SET_END


def _code_point(number: int) -> bytes:
    """Return 21 bits in three bytes, none of which has a small value."""
    return bytes(0x80 | number >> shift & 0x7F for shift in (14, 7, 0))
