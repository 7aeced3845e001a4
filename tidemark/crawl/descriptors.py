"""Directories that are open, and how to open the next one without ever following a link."""

from __future__ import annotations

import dataclasses
import os
from errno import EIO

from tidemark.errors import CrawlFailed

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclasses.dataclass(slots=True)
class OpenDirectory:
    """An open directory, closed when the last of its users lets go. The crawl's lock guards `users`."""

    path: bytes  # from the root, ends with "/"
    fd: int
    users: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """A directory that was seen and is yet to be listed."""

    directory: (
        OpenDirectory | None
    )  # above it; None where too many are open: it is then reached from the root
    path: bytes


def open_root(root: bytes) -> tuple[int, int]:
    """Open the crawl's root, where alone a symbolic link is followed; return it and its device.

    Raises CrawlFailed.
    """
    try:
        fd = os.open(root, _FLAGS & ~os.O_NOFOLLOW)
        return fd, os.fstat(fd).st_dev
    except OSError as error:
        raise root_unreadable(root, error.errno or EIO) from error


def root_unreadable(root: bytes, errno: int) -> CrawlFailed:
    """Return the error of a crawl whose root cannot be opened, or not be listed to its end."""
    return _failed(root, f"cannot be read: {os.strerror(errno)}")


def check_anything_read(root: bytes, entries: int, unreadable: int) -> None:
    """Raise CrawlFailed where a crawl from the root read no entry and some refused."""
    if unreadable and not entries:
        raise _failed(root, f"cannot be read: all that is in it refused, {unreadable:,} in all")


def _failed(root: bytes, why: str) -> CrawlFailed:
    check = "check that it is mounted and that root on it is not squashed (ClientRootAccess)"
    return CrawlFailed(f"{os.fsdecode(root)} {why}; {check}")


def open_waiting(waiting: Waiting, root: int) -> int:
    """Open a directory that waits, name by name where it begins at the root. Raises OSError."""
    if waiting.directory is not None:
        return os.open(waiting.path[len(waiting.directory.path) : -1], _FLAGS, dir_fd=waiting.directory.fd)
    fd = os.open(".", _FLAGS, dir_fd=root)
    for name in waiting.path.strip(b"/").split(b"/") if waiting.path != b"/" else ():
        try:
            below = os.open(name, _FLAGS, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd
