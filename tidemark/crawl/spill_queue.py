"""A queue of directories on disk, so that memory does not grow with the file system."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

_TAKEN_AT_ONCE = 65_536


class SpillQueue:
    """A queue of paths, each ended by NUL in the file; paths contain no NUL."""

    def __init__(self, paths: Iterable[bytes] = ()) -> None:
        self._file: IO[bytes] | None = None
        self._count = self._read_to = 0
        for path in paths:
            self.add(path + b"\0")

    def __len__(self) -> int:
        return self._count

    def add(self, paths: bytes) -> None:
        """Add paths, each ended by NUL."""
        if not paths:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="tidemark-crawl-")  # noqa: SIM115 - lives as long as the queue
        self._file.seek(0, 2)
        self._file.write(paths)
        self._count += paths.count(b"\0")

    def take(self) -> list[bytes]:
        """Remove and return some of the paths; none if the queue is empty."""
        taken: list[bytes] = []
        for path in self._from(self._read_to):
            taken.append(path)
            self._read_to += len(path) + 1
            if len(taken) == _TAKEN_AT_ONCE:
                break
        self._count -= len(taken)
        if self._count == 0 and self._file is not None:
            self._file.truncate(0)
            self._read_to = 0
        return taken

    def __iter__(self) -> Iterator[bytes]:
        """Return all paths without removing them."""
        return self._from(self._read_to)

    def close(self) -> None:
        """Remove all paths."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._count = self._read_to = 0

    def __del__(self) -> None:
        self.close()

    def _from(self, offset: int) -> Iterator[bytes]:
        if self._file is None:
            return
        rest = b""
        while True:
            self._file.seek(offset)
            block = self._file.read(1 << 20)
            offset += len(block)
            *paths, rest = (rest + block).split(b"\0")
            yield from paths
            if not block:
                return
