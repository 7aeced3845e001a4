"""Directories that are open, and how to open the next one without ever following a link."""

from __future__ import annotations

import dataclasses
import os

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_PIECE = 3000  # bytes of a path per open call, below PATH_MAX with any one name more


@dataclasses.dataclass(slots=True)
class OpenDirectory:
    """An open directory, closed when the last of its users lets go. The crawl's lock guards `users`."""

    path: bytes  # from the root, ends with "/"
    fd: int
    device: int
    users: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """A directory that was seen and is yet to be listed."""

    parent: OpenDirectory | None  # None where too many are open: it is then reached from the root again
    path: bytes
    name: bytes
    inode: int


def open_root(root: bytes) -> OpenDirectory:
    """Open the crawl's root; only here a symbolic link is followed. Raises OSError."""
    fd = os.open(root, _FLAGS & ~os.O_NOFOLLOW)
    return OpenDirectory(b"/", fd, os.fstat(fd).st_dev)


def open_waiting(waiting: Waiting, root: OpenDirectory) -> tuple[int, os.stat_result]:
    """Open a directory that waits. Returns its descriptor and what it is now.

    Raises OSError, with ENOENT too where the path has come to name another directory than the one seen: only
    the last name of each piece of a long path is safe from links, so the inode decides.
    """
    if waiting.parent is not None:
        fd = os.open(waiting.name, _FLAGS, dir_fd=waiting.parent.fd)
    else:
        fd = _open_by_path(root.fd, waiting.path)
    now = os.fstat(fd)
    if waiting.parent is None and (now.st_dev, now.st_ino) != (root.device, waiting.inode):
        os.close(fd)
        raise FileNotFoundError
    return fd, now


def _open_by_path(root_fd: int, path: bytes) -> int:
    fd = os.dup(root_fd)
    rest = path.strip(b"/")
    while rest:
        cut = len(rest) if len(rest) <= _PIECE else rest.rindex(b"/", 0, _PIECE)
        try:
            below = os.open(rest[:cut], _FLAGS, dir_fd=fd)
        finally:
            os.close(fd)
        fd, rest = below, rest[cut + 1 :]
    return fd
