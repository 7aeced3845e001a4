"""Ends a call at any of its operations that change the file system, as `kill -9` does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

Moment = Literal["before", "after", "torn"]
MOMENTS: tuple[Moment, ...] = ("before", "after", "torn")
CHANGING = (
    "chmod",
    "chown",
    "fchmod",
    "fchown",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "open",
    "pwrite",
    "rename",
    "replace",
    "rmdir",
    "symlink",
    "unlink",
    "utime",
    "write",
)


class Crash(BaseException):
    """The process is gone: no operation that it attempts afterwards has an effect."""


class Crashes:
    """Counts changing operations, and crashes at one of them.

    `torn` loses what was written and not flushed, except for the first half of it, and takes the place of
    `before`: whatever the process has not flushed is torn as if the machine died.
    """

    def __init__(self, at: int | None, moment: Moment) -> None:
        """Crash at an operation, counted from 0; never for None."""
        self.count = 0
        self.dead = False
        self._lock = threading.Lock()
        self._at = at
        self._moment = moment
        self._flushed: dict[int, tuple[str, int]] = {}  # descriptor -> path, length

    def wrap(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Return the operation that counts."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return operation(*args, **kwargs)
            with self._lock:
                if self.dead:
                    raise Crash
                number, self.count = self.count, self.count + 1
                if number == self._at and self._moment != "after":
                    raise self._die()
            try:
                result = operation(*args, **kwargs)
                if name in ("pwrite", "fsync", "ftruncate"):
                    self._note(name, args[0])
            finally:  # also if the operation was refused
                if number == self._at:
                    raise self._die()
            return result

        return counted

    def _note(self, name: str, fd: int) -> None:
        path, size = f"/proc/self/fd/{fd}", os.fstat(fd).st_size
        if name != "pwrite" or fd not in self._flushed:
            flushed = 0 if name == "pwrite" else size
            self._flushed[fd] = (os.readlink(path), flushed)

    def _die(self) -> Crash:
        self.dead = True
        if self._moment == "torn":
            for path, flushed in self._flushed.values():
                if os.path.exists(path) and os.path.getsize(path) > flushed:
                    _truncate(path, flushed + (os.path.getsize(path) - flushed) // 2)
        return Crash()


def _truncate(path: str, length: int) -> None:
    with open(path, "r+b") as file:
        file.truncate(length)


@contextmanager
def crashing(at: int | None, moment: Moment = "before") -> Iterator[Crashes]:
    """Patch the operations; yield the counter. The block may end with Crash, which is caught."""
    crashes = Crashes(at, moment)
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGING:
            patch.setattr(os, name, crashes.wrap(name, getattr(os, name)))
        try:
            yield crashes
        except Crash:
            assert crashes.dead
