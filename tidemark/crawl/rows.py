"""Rows that Python has gathered, until they are a batch."""

from __future__ import annotations

import os
import struct
import time
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from tidemark.crawl.batch import Batch, BytesColumn, Problem

# As struct has them: faster than array, and a buffer all the same. The inode's 64 bits are read as signed.
_FORMATS: Final = {
    "mode": "i", "nlink": "i", "uid": "q", "gid": "q", "size": "q", "inode": "Q",
    "mtime_us": "q", "ctime_us": "q", "mtime_ns": "h", "ctime_ns": "h",
}  # fmt: skip

# The garbage collector looks at everything whenever 700 objects more are alive, and a stat_result is one.
# So they become columns of numbers, which it does not look at, while they are fewer.
_STATS_AT_ONCE = 256


class Rows:
    """A growing batch, filled by one thread. Columns are made in one go: far cheaper than row by row."""

    def __init__(self) -> None:
        self._recorded_parameters = time.monotonic()
        self._directories: list[bytes] = []
        self._directory = array("i")
        self.path_bytes = 0  # of directories and targets: what a batch's memory could otherwise grow with
        self._names: list[str] = []  # as os.fsdecode gives them
        self._stats: list[os.stat_result] = []  # of the last of the names
        self._numbers = {column: bytearray() for column in _FORMATS}
        self._targets: dict[int, bytes] = {}
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def empty(self) -> bool:
        """Whether there is neither a row nor a problem to hand over."""
        return not self._names and not self._problems

    @property
    def seconds(self) -> float:
        """For how long rows have been gathered."""
        return time.monotonic() - self._recorded_parameters

    def add_directory(self, path: bytes, names: list[str], stats: list[os.stat_result]) -> int:
        """Add rows of one directory; return the number of the first."""
        first = len(self._names)
        self._directory += array("i", (len(self._directories),)) * len(names)
        self._directories.append(path)
        self.path_bytes += len(path)
        self._names += names
        self._stats += stats
        if len(self._stats) >= _STATS_AT_ONCE:
            self._settle()
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
        self._settle()
        batch = Batch(
            rows=len(self._names),
            directories=bytes_column(self._directories),
            directory=self._directory,
            names=_names_column(self._names),
            targets=self._targets_column(),
            problems=tuple(self._problems),
            **self._numbers,
        )
        self.__init__()  # type: ignore[misc]  # a fresh start is exactly what is meant
        return batch

    def _targets_column(self) -> BytesColumn:
        lengths = [0] * len(self._names)
        for row, target in self._targets.items():
            lengths[row] = len(target)
        return _column(lengths, b"".join(self._targets[row] for row in sorted(self._targets)))

    def _settle(self) -> None:
        if not self._stats:
            return
        modes, inodes, _, links, uids, gids, sizes, *_ = zip(*self._stats, strict=True)
        mtimes = [status.st_mtime_ns for status in self._stats]
        ctimes = [status.st_ctime_ns for status in self._stats]
        columns: dict[str, Sequence[int]] = {
            "mode": modes,
            "nlink": links,
            "uid": uids,
            "gid": gids,
            "size": sizes,
            "inode": inodes,
            "mtime_us": [time // 1000 for time in mtimes],
            "ctime_us": [time // 1000 for time in ctimes],
            "mtime_ns": [time % 1000 for time in mtimes],
            "ctime_ns": [time % 1000 for time in ctimes],
        }
        for column, values in columns.items():
            self._numbers[column] += _packed(_FORMATS[column], values)
        self._stats.clear()


def bytes_column(values: list[bytes]) -> BytesColumn:
    """Return byte strings as a column."""
    return _column(map(len, values), b"".join(values))


def _names_column(names: list[str]) -> BytesColumn:
    text = "".join(names)
    if text.isascii():
        return _column(map(len, names), text.encode())
    return bytes_column(os.fsencode("\0".join(names)).split(b"\0"))  # a name holds no NUL


def _column(lengths: Iterable[int], data: bytes) -> BytesColumn:
    return BytesColumn(offsets=_packed("i", list(accumulate(lengths, initial=0))), data=data)


def _packed(code: str, values: Sequence[int]) -> bytes:
    try:
        return struct.pack(f"{len(values)}{code}", *values)
    except struct.error:  # no real file has such a size or time, but a damaged inode may
        bits = 8 * struct.calcsize(code)
        return _packed(code, [min(max(value, -1 << bits - 1), (1 << bits - 1) - 1) for value in values])
