r"""Which directories an index leaves out: the grammar of `--exclude`, and of `exclude` in tidemark.yaml.

It is that of a line of a .gitignore file, for directories only:

* A pattern with a slash at its beginning or in its middle is a path from the root: `/cache`, `home/*/.cache`.
  One without is a name at any depth: `node_modules`. A slash at the end changes nothing.
* `*` stands for any characters or none, `?` for one, `[a-z]` for one of a set, `[!a-z]` for one that is not
  in it; none of them for a slash. A byte that is not UTF-8 is a character.
* `**` as a whole name stands for any number of directories or none, and at the end for all that are below.
* A backslash takes the meaning from the character after it; `\xNN` is a byte, as names are shown.

Upper and lower case differ. `./` and repeated slashes are dropped; in a .gitignore file they match nothing.
`..`, a `!` at the beginning, and what can match no directory are refused.
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
    """One character, or one that is none, of ranges of code points."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool


# A text is one character, which stands for itself; a surrogate is a byte that is not UTF-8, see PEP 383.
_Name = tuple[str | _Wild | _Set, ...]
_DIRECTORIES: _Name = (_Wild.DIRECTORIES,)

# What _core.c reads instead. A set is followed by _SET or _NOT_SET, by pairs of code points, and by _SET_END.
_OPERATIONS = {_Wild.ANY: b"\1", _Wild.ONE: b"\2"}
_DIRECTORIES_OPERATION, _SET, _NOT_SET, _SET_END, _QUOTE = b"\3", b"\4", b"\5", b"\6", b"\7"
_QUOTED = frozenset(map(chr, range(1, 8)))


@dataclasses.dataclass(frozen=True, slots=True)
class Exclusion:
    """A pattern of directories that are left out, with all below them."""

    names: tuple[_Name, ...]  # from the root; never empty

    @classmethod
    def parse(cls, text: str) -> Exclusion:
        """Return what a pattern means. Raises ValueError, which ends with the way out, where it is none."""
        if text.startswith("!"):
            raise ValueError(
                f"{text!r} begins with '!', but what is left out cannot be brought back in; "
                f"for a name that begins so, write '\\{text}'"
            )
        parts = [part for part in text.split("/") if part not in ("", ".")]
        names = [] if "/" in text.rstrip("/") else [_DIRECTORIES]
        for part in parts:
            name = _parsed(part, text)
            if name != _DIRECTORIES or names[-1:] != [_DIRECTORIES]:
                names.append(name)
        if not parts or any(name in ((".",), (".", ".")) for name in names):
            raise ValueError(
                f"{text!r} is no directory below the root; write its path, such as '/home/*/.cache'"
            )
        return cls((*names, (_Wild.ANY,)) if names[-1] == _DIRECTORIES else tuple(names))

    def __str__(self) -> str:
        """Return the pattern as a path from the root, which parses to the same."""
        return "".join("/" + "".join(map(_shown, name)) for name in self.names)

    def regex(self) -> str:
        """Return an expression for whole paths, decoded with surrogateescape, no slash at either end."""
        names = [
            "(?:[^/]+/)*" if name == _DIRECTORIES else "".join(map(_regex, name)) + "/" for name in self.names
        ]
        return "".join(names).removesuffix("/")

    def program(self) -> bytes:
        """Return what _core.c reads; it holds no NUL."""
        names = [
            _DIRECTORIES_OPERATION if name == _DIRECTORIES else b"".join(map(_program, name)) + b"/"
            for name in self.names
        ]
        return b"".join(names).removesuffix(b"/")


def _parsed(part: str, pattern: str) -> _Name:
    """Return what one name of a pattern means."""
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
    """Return the character at a place of a name, and the place after it."""
    character, end = part[at], at + 1
    if character == "\\":
        if byte := _BYTE.match(part, end):
            character, end = bytes.fromhex(byte[1]).decode("utf-8", "surrogateescape"), byte.end()
        elif end == len(part):
            raise ValueError(f"{pattern!r} has a name that ends with a backslash; write it as '\\\\'")
        else:
            character, end = part[end], end + 1
    if character in "\0/" or 0xD800 <= ord(character) < 0xDC80 or 0xDCFF < ord(character) <= 0xDFFF:
        raise ValueError(
            f"{pattern!r} holds {character!r}, which no name does; write '?' or '*' instead of it"
        )
    return character, end


def _set(part: str, at: int, pattern: str) -> tuple[_Set, int]:
    """Return the set whose bracket is before a place of a name, and the place after it."""
    negated = part[at : at + 1] in ("!", "^")
    at += negated
    first, ranges = at, list[tuple[int, int]]()
    while part[at : at + 1] != "]" or at == first:
        if at >= len(part):
            raise ValueError(f"{pattern!r} has a '[' without its ']'; write '\\[' for a bracket")
        if part.startswith(_CLASS, at):
            raise ValueError(
                f"{pattern!r} names a class of characters; write ranges instead, such as [a-zA-Z]"
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
    """Return the pieces with neighbouring bytes as the characters that they are together."""
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
    """Return 21 bits in three bytes, of which none is small."""
    return bytes(0x80 | number >> shift & 0x7F for shift in (14, 7, 0))
