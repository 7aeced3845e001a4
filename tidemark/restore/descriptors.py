"""Paths below an open directory, reached name by name without following a link."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from errno import EINVAL, ESTALE, EXDEV

from tidemark.errors import ConfigurationError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_OPEN = 32  # levels of one descent, so that the depth of a tree is not limited by RLIMIT_NOFILE


@dataclasses.dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes that Tidemark gives a directory."""

    mode: int  # permission bits, setuid, setgid and sticky
    uid: int
    gid: int
    atime_ns: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Attributes:
        """Return the attributes in a status."""
        mode = stat.S_IMODE(status.st_mode)
        return cls(mode, status.st_uid, status.st_gid, status.st_atime_ns, status.st_mtime_ns)

    def apply(self, fd: int) -> None:
        """Give an open directory these attributes. Raises OSError."""
        os.fchown(fd, self.uid, self.gid)  # first, because it clears setuid and setgid
        os.fchmod(fd, self.mode)
        os.utime(fd, ns=(self.atime_ns, self.mtime_ns))


@dataclasses.dataclass(slots=True)
class _Level:
    name: bytes
    status: os.stat_result  # when it was entered
    fd: int | None  # None after it was closed to limit the number of open descriptors


class Descent:
    """A directory at or below a top directory: the position of a walk.

    Enters one name at a time and refuses symbolic links, other file systems (EXDEV) and one directory that
    the caller forbids (EINVAL). An entered directory stays open, or is opened again and is verified to be the
    same one (ESTALE if it is not), so a directory that is exchanged during the walk leads nowhere else.
    """

    def __init__(self, top: int, *, forbidden: os.stat_result | None = None) -> None:
        """Start at an open directory, which remains the caller's to close."""
        self._levels = [_Level(b"", os.fstat(top), top)]
        self._forbidden = forbidden

    @property
    def depth(self) -> int:
        """The number of names from the top."""
        return len(self._levels) - 1

    @property
    def fd(self) -> int:
        """The descriptor of the position, valid until the next move. Raises OSError."""
        return self._open(len(self._levels) - 1)

    def status(self, depth: int) -> os.stat_result:
        """Return the status of a directory on the way, 0 for the top, when it was entered."""
        return self._levels[depth].status

    def enter(self, name: bytes) -> None:
        """Move one level down. Raises OSError, and then stays."""
        fd = os.open(name, DIRECTORY, dir_fd=self.fd)
        try:
            status = os.fstat(fd)
            self._check(status)
        except OSError:
            os.close(fd)
            raise
        self._levels.append(_Level(name, status, fd))
        if len(self._levels) - 1 > _KEPT_OPEN:
            self._close(self._levels[-1 - _KEPT_OPEN])

    def leave(self) -> None:
        """Move one level up."""
        left = self._levels.pop()
        above = self._levels[-1]
        if above.fd is None and left.fd is not None:
            # Faster than from the top. If the directory was moved, `fd` walks from the top and reports it.
            try:
                above.fd = _opened_again(b"..", left.fd, above.status)
            except OSError:
                above.fd = None
        self._close(left)

    def go_to(self, names: Sequence[bytes]) -> None:
        """Move to a path from the top. Raises OSError, and then `depth` names of the path were entered."""
        common = 0
        while common < min(self.depth, len(names)) and self._levels[common + 1].name == names[common]:
            common += 1
        while self.depth > common:
            self.leave()
        for name in names[common:]:
            self.enter(name)

    def close(self) -> None:
        """Close all descriptors but the top's."""
        while self.depth:
            self._close(self._levels.pop())

    def _open(self, number: int) -> int:
        """Return the descriptor of a level, opened again from the nearest open level if it was closed."""
        level = self._levels[number]
        if level.fd is not None:
            return level.fd
        start = number
        while (fd := self._levels[start].fd) is None:
            start -= 1
        for below in self._levels[start + 1 : number + 1]:
            try:
                entered = _opened_again(below.name, fd, below.status)
            finally:
                if fd != self._levels[start].fd:
                    os.close(fd)
            fd = entered
        level.fd = fd
        return fd

    def _check(self, status: os.stat_result) -> None:
        if status.st_dev != self._levels[0].status.st_dev:
            raise OSError(EXDEV, "another file system is mounted there")
        if self._forbidden is not None and os.path.samestat(status, self._forbidden):
            raise OSError(EINVAL, "it is the restored directory itself")

    def _close(self, level: _Level) -> None:
        if level.fd is not None and level is not self._levels[0]:
            os.close(level.fd)
            level.fd = None


def _opened_again(name: bytes, directory: int, expected: os.stat_result) -> int:
    """Open a directory that was open before. Raises OSError, with ESTALE if it is another one now."""
    fd = os.open(name, DIRECTORY, dir_fd=directory)
    if not os.path.samestat(os.fstat(fd), expected):
        os.close(fd)
        raise OSError(ESTALE, "the directory was exchanged meanwhile")
    return fd


def names_of(path: bytes) -> tuple[bytes, ...]:
    """Return the names of a path from the root, none for the root (`b""`).

    Raises ConfigurationError for a path that does not name one place: an absolute one, or one with an empty
    name, `.` or `..`.
    """
    names = tuple(path.split(b"/")) if path else ()
    if b"\0" in path or any(name in (b"", b".", b"..") for name in names):
        raise ConfigurationError(
            f"{path!r} is not a path from the root of the file system; write it without a slash at its "
            f"beginning or end, without empty names, '.' and '..'"
        )
    return names


def is_in(path: bytes, items: Collection[bytes]) -> bool:
    """Return whether a path is one of the items, or below one. All are from the root, the root is `b""`."""
    end = len(path)
    while end > 0:
        if path[:end] in items:
            return True
        end = path.rfind(b"/", 0, end)
    return b"" in items


def names_in(directory: int) -> Iterator[bytes]:
    """Return the names in an open directory. Raises OSError.

    Reads all of them before it returns, because the caller removes them, and NFS may lose the position in a
    directory that changes. They are kept packed: a million names need 30 MB.
    """
    packed = bytearray()
    with os.scandir(directory) as listing:
        for entry in listing:
            packed += os.fsencode(entry.name)
            packed.append(0)
    return _unpacked(packed)


def _unpacked(packed: bytearray) -> Iterator[bytes]:
    start = 0
    while (end := packed.find(0, start)) >= 0:
        yield bytes(packed[start:end])
        start = end + 1


def status_of(name: bytes, directory: int) -> os.stat_result | None:
    """Return the status of a name in an open directory, None if it does not exist. Follows no link."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
