"""One row of an index, as readers hand it out."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from tidemark.index.format.escape import unescape

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, directory, symbolic link or anything else that has a name in the file system.

    Names are data from strangers: they may hold newlines, terminal escapes and formulas. Whoever prints
    them escapes them for where they go.
    """

    parent: str  # from the file-system root, starts and ends with "/"; bytes that are not UTF-8 as \xNN
    name: str  # likewise
    type: str  # one of f d l p s c b, as find's %y
    size: int  # bytes, apparent
    mtime_us: int  # microseconds since 1970 UTC; any 64-bit integer, for file systems hold nonsense too
    ctime_us: int
    uid: int
    gid: int
    mode: int  # permission bits only, as find's %m
    nlink: int
    inode: int | None  # None unless nlink > 1
    target: str | None  # of a symbolic link
    ext: str | None  # lower case, without the dot

    @property
    def path(self) -> str:
        """The full path from the file-system root, escaped as the names are."""
        return self.parent + self.name

    @property
    def raw_path(self) -> bytes:
        """The path's true bytes, to hand to the operating system or to AWS Backup."""
        return unescape(self.path)

    @property
    def mtime(self) -> datetime:
        """UTC; a time that datetime cannot hold becomes the nearest one that it can."""
        return to_datetime(self.mtime_us)

    @property
    def ctime(self) -> datetime:
        """UTC; a time that datetime cannot hold becomes the nearest one that it can."""
        return to_datetime(self.ctime_us)


def to_datetime(microseconds: int) -> datetime:
    """Return a moment in UTC, clamped to the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return _FIRST if microseconds < 0 else _LAST
