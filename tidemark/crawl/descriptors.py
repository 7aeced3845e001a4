"""Open directories, and opening directories without following links."""

from __future__ import annotations

import dataclasses
import os
from errno import EIO, ESTALE, EXDEV

from tidemark.crawl.batch import VANISHED, Operation, Problem
from tidemark.errors import CrawlFailed

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclasses.dataclass(slots=True)
class OpenDirectory:
    """An open directory, closed when its last user releases it. The crawl's lock guards `users`."""

    path: bytes  # from the root, ends with "/"
    fd: int
    users: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """A directory that was seen and is not listed yet."""

    directory: (
        OpenDirectory | None
    )  # its parent; None if too many are open, in which case it is opened from the root
    path: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """The open root of a crawl, from which every path can be reached by name."""

    fd: int
    device: int  # a different device below the root is another mounted file system

    def open(self, path: bytes) -> int:
        """Open a directory (`/` or `/.../`), name by name; return its descriptor.

        Raises OSError; with EXDEV if another file system is mounted over one of its parents.
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
        """Return the problem for an operation that failed on a path; a directory's path ends with a slash.

        ESTALE is about a handle: the server no longer has it, or the file was removed. So the path is looked
        up by name, and counts as vanished only if the name is gone, too.
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
        # A name that is missing on another file system may exist on the crawled one.
        if os.fstat(directory).st_dev != self.device:
            raise OSError(EXDEV, os.strerror(EXDEV)) from error


def open_root(root: bytes) -> Root:
    """Open the crawl's root, the only path where a symbolic link is followed. Raises CrawlFailed."""
    try:
        fd = os.open(root, _FLAGS & ~os.O_NOFOLLOW)
        return Root(fd, os.fstat(fd).st_dev)
    except OSError as error:
        raise root_unreadable(root, error.errno or EIO) from error


def root_unreadable(root: bytes, errno: int) -> CrawlFailed:
    """Return the error for a root that cannot be opened or listed completely."""
    return _failed(root, f"cannot be read: {os.strerror(errno)}")


def check_anything_read(root: bytes, entries: int, unreadable: int) -> None:
    """Raise CrawlFailed if a crawl from the root read no entry and some could not be read."""
    if unreadable and not entries:
        raise _failed(root, f"cannot be read: reading failed for every entry in it ({unreadable:,})")


def _failed(root: bytes, why: str) -> CrawlFailed:
    check = "check that it is mounted and that root on it is not squashed (ClientRootAccess)"
    return CrawlFailed(f"{os.fsdecode(root)} {why}; {check}")


def open_waiting(waiting: Waiting, root: Root) -> int:
    """Open a waiting directory; from the root if its parent is not open or the parent's handle is stale.

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
