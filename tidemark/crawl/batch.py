"""What a crawler hands over: columns, laid out as Arrow lays them out.

Every column is a contiguous buffer, so that a crawler in C and one in Python produce the same thing and the
index wraps it without copying. Anything that offers the buffer protocol will do: `array.array`, `bytes`,
`memoryview`, or the memory of a C core.
"""

from __future__ import annotations

import dataclasses
from errno import ENOENT, ENOTDIR
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer

Operation: TypeAlias = Literal["open", "readdir", "stat", "readlink", "list"]

# ENOTDIR: what was a directory is now a file or a link. No other error number means that a path is gone.
VANISHED = frozenset({ENOENT, ENOTDIR})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BytesColumn:
    """Byte strings one after the other; the n-th is data[offsets[n]:offsets[n + 1]]."""

    offsets: Buffer  # int32, one more than there are strings, from 0
    data: Buffer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something the crawl saw and could not, or not reliably, read. Never fatal, never silent."""

    path: bytes  # from the root, starts with "/"
    operation: Operation
    # 0 for a directory that changed while it was listed; EXDEV of `open` for one with another file system
    # mounted over it, which is not crawled
    errno: int
    kind: Literal["unreadable", "vanished", "changed"]

    @classmethod
    def seen(cls, path: bytes, operation: Operation, errno: int) -> Problem:
        """Return what an operation that ended with an error number means; 0 for a change while listed."""
        kind: Literal["unreadable", "vanished", "changed"] = "vanished" if errno in VANISHED else "unreadable"
        return cls(path=path, operation=operation, errno=errno, kind=kind if errno else "changed")

    @property
    def is_of_the_root(self) -> bool:
        """Whether the root could not be listed to its end: a crawl without it has seen nothing reliable."""
        return self.path == b"/" and self.operation in ("open", "readdir")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some entries of the file system, in no particular order, of one or many directories."""

    rows: int
    directories: BytesColumn  # paths from the root, b"/" or b"/.../"; may name one twice
    directory: Buffer  # int32: the row's place in `directories`
    names: BytesColumn
    targets: BytesColumn  # empty unless the row is a symbolic link that could be read
    mode: Buffer  # int32: st_mode whole, type and permissions
    nlink: Buffer  # int32
    uid: Buffer  # int64, as all below
    gid: Buffer
    size: Buffer
    inode: Buffer
    mtime_us: Buffer  # microseconds since 1970, rounded down
    ctime_us: Buffer
    mtime_ns: Buffer  # int16: the nanoseconds, 0 to 999, that mtime_us leaves out
    ctime_ns: Buffer  # int16
    problems: tuple[Problem, ...] = ()
