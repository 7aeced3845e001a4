"""The output of a crawler: columns in Arrow's memory layout.

Every column is a contiguous buffer, so that crawlers in C and in Python produce the same output and the index
wraps it without copying. Any object with the buffer protocol is allowed: `array.array`, `bytes`,
`memoryview`, or memory of the C core.
"""

from __future__ import annotations

import dataclasses
from errno import ENOENT, ENOTDIR
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer

Operation: TypeAlias = Literal["open", "readdir", "stat", "readlink", "list"]

# ENOTDIR: a former directory is now a file or a link. No other error number means that a path is gone.
VANISHED = frozenset({ENOENT, ENOTDIR})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BytesColumn:
    """Concatenated byte strings; the n-th is data[offsets[n]:offsets[n + 1]]."""

    offsets: Buffer  # int32, one more than the number of strings, starting at 0
    data: Buffer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A path that the crawl could not read, or not reliably. The crawl continues and reports it."""

    path: bytes  # from the root, starts with "/"
    operation: Operation
    # 0 for a directory that changed while it was listed; EXDEV of `open` for one with another file system
    # mounted over it, which is not crawled
    errno: int
    kind: Literal["unreadable", "vanished", "changed"]

    @classmethod
    def seen(cls, path: bytes, operation: Operation, errno: int) -> Problem:
        """Return the problem for an operation's error number; 0 for a change during listing."""
        kind: Literal["unreadable", "vanished", "changed"] = "vanished" if errno in VANISHED else "unreadable"
        return cls(path=path, operation=operation, errno=errno, kind=kind if errno else "changed")

    @property
    def is_of_the_root(self) -> bool:
        """Whether the root could not be listed completely, which makes the whole crawl unreliable."""
        return self.path == b"/" and self.operation in ("open", "readdir")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some entries of the file system, in no particular order, of one or many directories."""

    rows: int
    directories: BytesColumn  # paths from the root, b"/" or b"/.../"; may contain one twice
    directory: Buffer  # int32: the row's index in `directories`
    names: BytesColumn
    targets: BytesColumn  # empty unless the row is a symbolic link that could be read
    mode: Buffer  # int32: the full st_mode, type and permissions
    nlink: Buffer  # int32
    uid: Buffer  # int64, as all below
    gid: Buffer
    size: Buffer
    inode: Buffer
    mtime_us: Buffer  # microseconds since 1970, rounded down
    ctime_us: Buffer
    mtime_ns: Buffer  # int16: the nanoseconds, 0 to 999, that mtime_us omits
    ctime_ns: Buffer  # int16
    problems: tuple[Problem, ...] = ()
