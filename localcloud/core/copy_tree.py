"""Copies a directory tree as AWS Backup copies an EFS file system.

Runs as a script, `copy_tree.py [--link | --whole] SOURCE DESTINATION [ITEM...]`, in a separate process: a
large tree must not block the server's other threads, and a signal stops a job. DESTINATION must not exist.
ITEMs are paths relative to SOURCE: only those are copied, with everything below them and the directories
above. With --link, files become hard links to SOURCE's, for trees that no longer change. The last line of the
output is a JSON object of counts (`Counts`). Exits with 0, or with 1 and the reason on standard error.

Copied: regular files with their holes and hard links, directories, symbolic links (never followed), modes,
owners where the process may set them, and modification times to the nanosecond. Left out: sockets, FIFOs and
devices, which are never in a backup, and files that vanish or cannot be read during the copy. EFS has no
extended attributes.

With --whole, the copy replaces SOURCE for its readers: it also has sockets and FIFOs, and an entry that
cannot be read has its name, mode, times and size, but no content.

Every name is opened relative to its directory's descriptor: trees may be deeper than PATH_MAX, and a link
that replaces a directory is never followed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import stat
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # NONBLOCK: a FIFO may have replaced the file
READ_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
LONGEST_PATH = 4000  # below PATH_MAX; a hard link to a deeper file becomes a separate file
CHUNK = 1 << 30
SMALL = 1 << 20
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}
FORBIDDEN = {errno.EACCES, errno.EPERM}


@dataclass(slots=True)
class Counts:
    """Counts of copied and omitted items."""

    files: int = 0  # names of regular files; hard links count once per name
    directories: int = 0  # without the root
    links: int = 0
    bytes: int = 0  # apparent size, hard-linked files once; none with --link
    special: int = 0  # sockets, FIFOs, devices
    vanished: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Level:
    """A directory on the path to the current position."""

    name: bytes
    status: os.stat_result
    source: int
    destination: int
    pending: list[tuple[bytes, os.stat_result]] = field(default_factory=list)


@dataclass(slots=True)
class TreeCopier:
    """One copy of one tree."""

    link: bool = False
    whole: bool = False
    counts: Counts = field(default_factory=Counts)
    _levels: list[_Level] = field(default_factory=list)
    _first_names: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _user: int = field(default_factory=os.geteuid)
    _group: int = field(default_factory=os.getegid)

    def copy(self, source: bytes, destination: bytes) -> Counts:
        """Copy the directory `source` to the new directory `destination`; raises OSError."""
        os.mkdir(destination, 0o700)  # noqa: PTH102  # bytes, which pathlib does not support
        self._levels.append(self._top(source, destination))
        self._copy_entries(self._levels[0])
        self._finish()
        return self.counts

    def copy_items(self, source: bytes, destination: bytes, items: Iterable[bytes]) -> Counts:
        """Copy some paths below `source`; raises OSError, FileNotFoundError for a missing path."""
        wanted = {item.strip(b"/") for item in items}
        os.mkdir(destination, 0o700)  # noqa: PTH102  # bytes, which pathlib does not support
        for item in sorted(wanted):
            above = item.split(b"/")[:-1]
            if any(b"/".join(above[:depth]) in wanted for depth in range(1, len(above) + 1)):
                continue  # copied with its directory
            self._levels.append(self._top(source, destination))
            for name in above:
                status = os.stat(name, dir_fd=self._levels[-1].source, follow_symlinks=False)
                self._levels.append(self._below(self._levels[-1], name, status))
            name = item.rsplit(b"/", 1)[-1]
            status = os.stat(name, dir_fd=self._levels[-1].source, follow_symlinks=False)
            self._copy_entry(self._levels[-1], name, status)
            self._finish()
        return self.counts

    def _finish(self) -> None:
        while self._levels:
            if self._levels[-1].pending:
                self._descend(*self._levels[-1].pending.pop())
            else:
                self._leave(self._levels.pop())

    def _top(self, source: bytes, destination: bytes) -> _Level:
        top = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
        return _Level(b"", os.fstat(top), top, os.open(destination, READ_DIRECTORY))

    def _below(self, parent: _Level, name: bytes, status: os.stat_result) -> _Level:
        source = os.open(name, READ_DIRECTORY, dir_fd=parent.source)
        with contextlib.suppress(FileExistsError):  # made for an earlier item
            os.mkdir(name, 0o700, dir_fd=parent.destination)
            self.counts.directories += 1
        return _Level(name, status, source, os.open(name, READ_DIRECTORY, dir_fd=parent.destination))

    def _descend(self, name: bytes, status: os.stat_result) -> None:
        try:
            level = self._below(self._levels[-1], name, status)
        except OSError as error:
            self._leave_out(error)
            self._copy_shell(self._levels[-1], name, status, error)
            return
        self._levels.append(level)
        self._copy_entries(level)

    def _copy_entries(self, level: _Level) -> None:
        with os.scandir(level.source) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:
                    self._leave_out(error)
                    continue
                try:
                    self._copy_entry(level, name, status)
                except OSError as error:
                    self._leave_out(error)
                    self._copy_shell(level, name, status, error)

    def _leave(self, level: _Level) -> None:
        self._own(level.destination, level.status)
        os.fchmod(level.destination, stat.S_IMODE(level.status.st_mode))
        os.utime(level.destination, ns=(level.status.st_atime_ns, level.status.st_mtime_ns))
        os.close(level.source)
        os.close(level.destination)

    def _copy_entry(self, level: _Level, name: bytes, status: os.stat_result) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            level.pending.append((name, status))
        elif kind == stat.S_IFREG:
            if self.link:
                os.link(name, name, src_dir_fd=level.source, dst_dir_fd=level.destination)
            elif status.st_nlink == 1 or not self._link_to_first(level, name, status):
                self._copy_file(level, name, status)
            self.counts.files += 1
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=level.source), name, dir_fd=level.destination)
            if self._user == 0:
                os.chown(name, status.st_uid, status.st_gid, dir_fd=level.destination, follow_symlinks=False)
            times = (status.st_atime_ns, status.st_mtime_ns)
            os.utime(name, ns=times, dir_fd=level.destination, follow_symlinks=False)
            self.counts.links += 1
        else:
            self.counts.special += 1
            if self.whole and kind in (stat.S_IFIFO, stat.S_IFSOCK):
                os.mknod(name, status.st_mode, dir_fd=level.destination)
                self._dress(level, name, status)

    def _copy_shell(self, level: _Level, name: bytes, status: os.stat_result, error: OSError) -> None:
        """Copy an entry that cannot be read, without its content."""
        if not self.whole or error.errno not in FORBIDDEN:
            return
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, 0o700, dir_fd=level.destination)
        else:
            descriptor = os.open(name, CREATE, 0o600, dir_fd=level.destination)
            os.ftruncate(descriptor, status.st_size)
            os.close(descriptor)
        self._dress(level, name, status)

    def _dress(self, level: _Level, name: bytes, status: os.stat_result) -> None:
        """Give a new entry, which is not a link, the mode, owner and times in `status`."""
        if self._user == 0:
            os.chown(name, status.st_uid, status.st_gid, dir_fd=level.destination)
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=level.destination)  # dir_fd
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=level.destination)

    def _link_to_first(self, level: _Level, name: bytes, status: os.stat_result) -> bool:
        """Link `name` to the copy of the same file under its first name; return False when this is the
        first."""
        identity = (status.st_dev, status.st_ino)
        first = self._first_names.get(identity)
        if first is not None:
            top = self._levels[0].destination
            os.link(first, name, src_dir_fd=top, dst_dir_fd=level.destination)
            return True
        path = b"/".join([*(step.name for step in self._levels[1:]), name])
        if len(path) <= LONGEST_PATH:
            self._first_names[identity] = path
        return False

    def _copy_file(self, level: _Level, name: bytes, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        source = os.open(name, READ_FILE, dir_fd=level.source) if status.st_size else -1
        try:
            destination = os.open(name, CREATE, mode & 0o777, dir_fd=level.destination)
            try:
                if source >= 0:
                    self.counts.bytes += _copy_bytes(source, destination, status)
                self._own(destination, status)
                if mode & 0o7000:
                    os.fchmod(destination, mode)
                os.utime(destination, ns=(status.st_atime_ns, status.st_mtime_ns))
            finally:
                os.close(destination)
        finally:
            if source >= 0:
                os.close(source)

    def _own(self, descriptor: int, status: os.stat_result) -> None:
        if self._user == 0 and (status.st_uid, status.st_gid) != (self._user, self._group):
            os.fchown(descriptor, status.st_uid, status.st_gid)

    def _leave_out(self, error: OSError) -> None:
        if error.errno in GONE:
            self.counts.vanished += 1
        elif error.errno in FORBIDDEN:
            self.counts.unreadable += 1
        else:
            raise error


def _copy_bytes(source: int, destination: int, status: os.stat_result) -> int:
    """Copy the data of a file, keeping holes; returns its size.

    A file that grows during the copy is copied up to the size in `status`.
    """
    size = status.st_size
    if not stat.S_ISREG(os.fstat(source).st_mode):
        raise OSError(errno.ENOENT, "the file was replaced during the copy")
    if status.st_blocks * 512 >= size:
        _copy_range(source, destination, 0, size)
        return size
    os.ftruncate(destination, size)
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # the rest is a hole
                break
            raise
        end = min(os.lseek(source, offset, os.SEEK_HOLE), size)
        _copy_range(source, destination, offset, end)
        offset = end
    return size


def _copy_range(source: int, destination: int, start: int, end: int) -> None:
    while start < end:
        copied = _copy_some(source, destination, start, end - start)
        if copied == 0:
            return  # the file has shrunk
        start += copied


def _copy_some(source: int, destination: int, start: int, length: int) -> int:
    # For small files the kernel's copy is several times slower than read and write.
    if length > SMALL and hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, destination, min(length, CHUNK), start, start)
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
                raise
    return os.pwrite(destination, os.pread(source, min(length, SMALL), start), start)


def main() -> int:
    """Copy the tree that the command line names; return the exit code."""
    os.umask(0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # two descriptors per level of depth
    arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
    copier = TreeCopier(link=arguments[0] == b"--link", whole=arguments[0] == b"--whole")
    source, destination, *items = arguments[copier.link or copier.whole :]
    try:
        counts = copier.copy_items(source, destination, items) if items else copier.copy(source, destination)
    except OSError as error:
        sys.stderr.write(f"cannot copy the file system: {error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(counts)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
