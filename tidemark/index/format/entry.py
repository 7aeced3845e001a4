"""One row of an index."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from tidemark.escape import unescape

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, directory, symbolic link or any other named object in the file system.

    Names are untrusted data and may contain newlines, terminal escapes and formulas. Output code must escape
    them for its destination.
    """

    parent: str  # from the file-system root, starts and ends with "/"; escaped: bytes not in UTF-8 are \xNN
    name: str  # escaped, too
    type: str  # one of f d l p s c b, as find's %y
    size: int  # apparent size in bytes
    mtime_us: int  # microseconds since 1970 UTC; any 64-bit integer, as file systems contain invalid times
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
        """The path's original bytes, for the operating system or AWS Backup."""
        return unescape(self.path)

    @property
    def mtime(self) -> datetime:
        """In UTC, clamped to the range of datetime."""
        return to_datetime(self.mtime_us)

    @property
    def ctime(self) -> datetime:
        """In UTC, clamped to the range of datetime."""
        return to_datetime(self.ctime_us)


def to_datetime(microseconds: int) -> datetime:
    """Return a moment in UTC, clamped to the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return _FIRST if microseconds < 0 else _LAST
