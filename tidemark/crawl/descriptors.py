"""Directories that are open, and how to open the next one without ever following a link."""

from __future__ import annotations

import dataclasses
import os
from errno import EIO, ESTALE, EXDEV

from tidemark.crawl.batch import VANISHED, Operation, Problem
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


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """The open root of a crawl, from which every path can be reached by name."""

    fd: int
    device: int  # another one, below, is another file system's, mounted there

    def open(self, path: bytes) -> int:
        """Open a directory (`/` or `/.../`), name by name; return its descriptor.

        Raises OSError; with EXDEV where another file system is mounted over a directory above it.
        """
        fd = os.open(".", _FLAGS, dir_fd=self.fd)
        for name in filter(None, path.split(b"/")):
            try:
                below = os.open(name, _FLAGS, dir_fd=fd)
            except OSError as error:
                self._refuse_other_mount(fd, error)
                raise
            finally:
                os.close(fd)
            fd = below
        return fd

    def problem(self, path: bytes, operation: Operation, errno: int) -> Problem:
        """Return what an operation that failed on a path means; a directory's path ends with a slash.

        ESTALE is a fact about a handle: the server has forgotten it, or the file was removed. The path is
        looked up by name, and has vanished only where it is gone by name, too.
        """
        if errno == ESTALE and (now := self._errno_of(path)) in VANISHED:
            errno = now
        return Problem.seen(path, operation, errno)

    def _errno_of(self, path: bytes) -> int:
        """Return the error number of a lookup by name, or 0."""
        try:
            if path.endswith(b"/"):
                os.close(self.open(path))
                return 0
            above, _, name = path.rpartition(b"/")
            fd = self.open(above + b"/")
            try:
                os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError as error:
                self._refuse_other_mount(fd, error)
                raise
            finally:
                os.close(fd)
        except OSError as error:
            return error.errno or EIO
        return 0

    def _refuse_other_mount(self, directory: int, error: OSError) -> None:
        # A name that is missing on another file system says nothing about the one that is crawled.
        if os.fstat(directory).st_dev != self.device:
            raise OSError(EXDEV, os.strerror(EXDEV)) from error


def open_root(root: bytes) -> Root:
    """Open the crawl's root, where alone a symbolic link is followed. Raises CrawlFailed."""
    try:
        fd = os.open(root, _FLAGS & ~os.O_NOFOLLOW)
        return Root(fd, os.fstat(fd).st_dev)
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


def open_waiting(waiting: Waiting, root: Root) -> int:
    """Open a directory that waits, from the root where the one above is not open or its handle is stale.

    Raises OSError.
    """
    if waiting.directory is not None:
        try:
            name = waiting.path[len(waiting.directory.path) : -1]
            return os.open(name, _FLAGS, dir_fd=waiting.directory.fd)
        except OSError as error:
            if error.errno != ESTALE:
                raise
    return root.open(waiting.path)
