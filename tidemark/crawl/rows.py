"""Collects rows of the Python crawler into batches."""

from __future__ import annotations

import os
import struct
import time
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from tidemark.crawl.batch import Batch, BytesColumn, Problem

# Codes of struct, which is faster than array. The inode's 64 bits are interpreted as signed.
_FORMATS: Final = {
    "mode": "i", "nlink": "i", "uid": "q", "gid": "q", "size": "q", "inode": "Q",
    "mtime_us": "q", "ctime_us": "q", "mtime_ns": "h", "ctime_ns": "h",
}  # fmt: skip

# The garbage collector runs whenever 700 more objects are alive, and each stat_result is one. So they are
# converted to columns of numbers, which it does not traverse, before they reach that number.
_STATS_AT_ONCE = 256


class Rows:
    """A growing batch, filled by one thread. Columns are built in bulk, which is faster than row by row."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._directories: list[bytes] = []
        self._directory = array("i")
        self.path_bytes = 0  # bytes of directories and targets, which would otherwise be unbounded
        self._names: list[str] = []  # as os.fsdecode gives them
        self._stats: list[os.stat_result] = []  # of the last of the names
        self._numbers = {column: bytearray() for column in _FORMATS}
        self._targets: dict[int, bytes] = {}
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def empty(self) -> bool:
        """Whether there is neither a row nor a problem to return."""
        return not self._names and not self._problems

    @property
    def seconds(self) -> float:
        """The age of the batch in seconds."""
        return time.monotonic() - self._started_at

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
        """Set the target of a symbolic link."""
        self._targets[row] = target
        self.path_bytes += len(target)

    def add_problem(self, problem: Problem) -> None:
        """Add a problem."""
        self._problems.append(problem)

    def take(self) -> Batch:
        """Return the collected batch and start a new one."""
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
        self.__init__()  # type: ignore[misc]  # resets all fields
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
    except struct.error:  # only a damaged inode has such a size or time
        bits = 8 * struct.calcsize(code)
        return _packed(code, [min(max(value, -1 << bits - 1), (1 << bits - 1) - 1) for value in values])
