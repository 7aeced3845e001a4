"""Rows that Python has gathered, until they are a batch."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterable
from itertools import accumulate

from tidemark.crawl.batch import Batch, BytesColumn, Problem

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class Rows:
    """A growing batch, filled by one thread. Columns are made in one go: far cheaper than row by row."""

    def __init__(self) -> None:
        self._directories: list[bytes] = []
        self._directory = array("i")
        self.path_bytes = 0  # of directories and targets: what a batch's memory could otherwise grow with
        self._names: list[str] = []  # as os.fsdecode gives them
        self._stats: list[os.stat_result] = []
        self._targets: dict[int, bytes] = {}
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def empty(self) -> bool:
        """Whether there is neither a row nor a problem to hand over."""
        return not self._names and not self._problems

    def add_directory(self, path: bytes, names: list[str], stats: list[os.stat_result]) -> int:
        """Add rows of one directory; return the number of the first."""
        first = len(self._names)
        self._directory.extend([len(self._directories)] * len(names))
        self._directories.append(path)
        self.path_bytes += len(path)
        self._names += names
        self._stats += stats
        return first

    def set_target(self, row: int, target: bytes) -> None:
        """Say where a symbolic link points."""
        self._targets[row] = target
        self.path_bytes += len(target)

    def add_problem(self, problem: Problem) -> None:
        """Add what could not be read."""
        self._problems.append(problem)

    def take(self) -> Batch:
        """Return what has been gathered, and start anew."""
        stats = self._stats
        mtimes = [s.st_mtime_ns for s in stats]
        ctimes = [s.st_ctime_ns for s in stats]
        targets = [b""] * len(stats)
        for row, target in self._targets.items():
            targets[row] = target
        batch = Batch(
            rows=len(stats),
            directories=bytes_column(self._directories),
            directory=self._directory,
            # A name holds no NUL, so all of them are turned into bytes at once.
            names=bytes_column(os.fsencode("\0".join(self._names)).split(b"\0") if stats else []),
            targets=bytes_column(targets),
            mode=array("i", [s.st_mode for s in stats]),
            nlink=array("i", [min(s.st_nlink, 2**31 - 1) for s in stats]),
            uid=array("q", [s.st_uid for s in stats]),
            gid=array("q", [s.st_gid for s in stats]),
            size=_int64([s.st_size for s in stats]),
            inode=array("Q", [s.st_ino for s in stats]),  # the same 64 bits, read as signed
            mtime_us=_int64([t // 1000 for t in mtimes]),
            ctime_us=_int64([t // 1000 for t in ctimes]),
            mtime_ns=array("h", [t % 1000 for t in mtimes]),
            ctime_ns=array("h", [t % 1000 for t in ctimes]),
            problems=tuple(self._problems),
        )
        self.__init__()  # type: ignore[misc]  # a fresh start is exactly what is meant
        return batch


def bytes_column(values: list[bytes]) -> BytesColumn:
    """Return byte strings as a column."""
    return BytesColumn(offsets=array("i", accumulate(map(len, values), initial=0)), data=b"".join(values))


def regular_bytes(stats: Iterable[os.stat_result]) -> int:
    """Return the apparent size of the regular files among these."""
    return sum([s.st_size for s in stats if stat.S_ISREG(s.st_mode)])


def _int64(values: list[int]) -> array[int]:
    try:
        return array("q", values)
    except OverflowError:  # no real file has such a size or time, but a damaged inode may
        return array("q", [min(max(value, _SMALLEST), _LARGEST) for value in values])
