"""The crawler in C: starts the core's threads and hands out their columns, without copying them.

The core is a plain shared library, built with the package where there is a C compiler. It holds no Python
object and needs no lock of the interpreter's, so that its threads run beside everything else.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Final, cast

from tidemark.crawl.batch import Batch, BytesColumn, Problem
from tidemark.crawl.crawler import ROOT, CrawlOptions, CrawlProgress, CrawlStopped
from tidemark.crawl.deferred import Deferred
from tidemark.crawl.descriptors import open_root
from tidemark.errors import CrawlFailed

# The order of these is _core.c's.
_OPERATIONS: Final = ("open", "readdir", "stat", "readlink", "list")
_KINDS: Final = ("unreadable", "vanished", "changed")
_COUNTERS: Final = ("entries", "directories", "directories_queued", "bytes", "unreadable", "vanished")
_DIRS, _DIR_ENDS, _NAMES, _NAME_ENDS, _TARGETS, _TARGET_ENDS, _DIRECTORY, _PROBLEMS, _DEFERRED = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    17,
    18,
)
_NUMBERS: Final = (
    "directory", "mode", "nlink", "uid", "gid", "size", "inode",
    "mtime_us", "ctime_us", "mtime_ns", "ctime_ns",
)  # fmt: skip
_COLUMNS: Final = 19
_PROBLEM_HEAD = struct.Struct("=iiii")
_WAIT_MILLISECONDS = 100  # between looks at Python's signals


class _Buffer(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("used", ctypes.c_size_t), ("room", ctypes.c_size_t))


class _Batch(ctypes.Structure):
    _fields_ = (("column", _Buffer * _COLUMNS), ("bytes", ctypes.c_size_t), ("rows", ctypes.c_int32))


def load_core() -> ctypes.CDLL | None:
    """Return the core, or None where it was not built."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_core{suffix}")
        if path.exists():
            return _declare(ctypes.CDLL(str(path)))
    return None


def _declare(core: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    core.crawl_new.restype = pointer
    core.crawl_new.argtypes = (
        number,
        number,
        number,
        number,
        ctypes.c_longlong,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )
    core.crawl_add.argtypes = (pointer, ctypes.c_char_p)
    core.crawl_start.argtypes = (pointer,)
    core.crawl_next.restype = ctypes.POINTER(_Batch)
    core.crawl_next.argtypes = (pointer, number, ctypes.POINTER(number))
    core.crawl_end.argtypes = (pointer, number)
    core.crawl_free.argtypes = (pointer,)
    core.crawl_free_batch.argtypes = (ctypes.POINTER(_Batch),)
    return core


class CCrawl:
    """See `crawler.Crawl`."""

    def __init__(
        self,
        root: bytes,
        options: CrawlOptions,
        pending: Iterable[bytes] = (ROOT,),
        *,
        core: ctypes.CDLL | None = None,
    ) -> None:
        self._root_path, self._options = root, options
        self._deferred = Deferred(pending)
        self._queued_before = len(self._deferred)  # the core counts only what it finds itself
        self._root_fd = -1
        self._crawl: int | None = None
        self._counters: Any = [0] * len(_COUNTERS)
        self._paused = self._stopped = False
        # Held while a thread that does not crawl looks at the core's memory; a signal handler may come in
        # between, in the thread that holds it.
        self._alive = threading.RLock()
        library = core or load_core()
        if library is None:
            raise CrawlFailed(
                "the C core is not built; use the crawler in Python, "
                "or install Tidemark where there is a C compiler"
            )
        self._core = library

    def batches(self) -> Iterator[Batch]:
        """Crawl."""
        if self._crawl is None and self._deferred:
            self._open()
        self._paused = False
        while not self._stopped and not self._paused and (paths := self._deferred.take()):
            for path in paths:
                self._core.crawl_add(self._crawl, path)
            if not self._core.crawl_start(self._crawl):
                raise CrawlFailed("no thread could be started to crawl with; give the worker more memory")
            yield from self._until_the_end()
        if self._stopped:
            self.close()
            raise CrawlStopped
        if not self._deferred:
            self.close()

    def pause(self) -> None:
        """Begin no further directory."""
        self._paused = True
        self._end(stop=False)

    def pending(self) -> Iterator[bytes]:
        """Return the directories that are yet to be listed."""
        return iter(self._deferred)

    def progress(self) -> CrawlProgress:
        """Return how far the crawl is."""
        with self._alive:
            counts = dict(zip(_COUNTERS, self._counters, strict=True))
        counts["directories_queued"] = max(counts["directories_queued"] + self._queued_before, 0)
        return CrawlProgress(**counts)

    def stop(self) -> None:
        """Make `batches` end."""
        self._stopped = True
        self._end(stop=True)

    def close(self) -> None:
        """Give back memory and descriptors; not while `batches` runs."""
        with self._alive:
            if self._crawl is not None:
                self._counters = list(self._counters)
                self._core.crawl_free(self._crawl)
                self._crawl = None
                os.close(self._root_fd)
                self._deferred.close()

    def __del__(self) -> None:
        self.close()

    def _end(self, *, stop: bool) -> None:
        with self._alive:
            if self._crawl is not None:
                self._core.crawl_end(self._crawl, int(stop))

    def _open(self) -> None:
        try:
            self._root_fd = open_root(self._root_path)
        except OSError as error:
            raise CrawlFailed(
                f"{os.fsdecode(self._root_path)} cannot be read: {error.strerror}; "
                f"check that it is mounted and that root on it is not squashed (ClientRootAccess)"
            ) from error
        options = self._options
        exclude = b"".join(pattern + b"\0" for pattern in options.exclude)
        pace = 1_000_000_000 // options.operations_per_second if options.operations_per_second else 0
        self._crawl = self._core.crawl_new(
            self._root_fd,
            options.threads,
            options.descriptors,
            options.batch_rows,
            pace,
            exclude,
            len(exclude),
        )
        self._counters = (ctypes.c_longlong * len(_COUNTERS)).from_address(cast(int, self._crawl))

    def _until_the_end(self) -> Iterator[Batch]:
        whole = False
        try:
            for batch in iter(self._next, None):
                if batch.rows or batch.problems:
                    yield batch
            whole = True
        finally:
            if not whole:  # nobody reads on
                self.stop()
                while self._next() is not None:
                    pass
                self.close()

    def _next(self) -> Batch | None:
        ended = ctypes.c_int()
        while True:  # Python's signal handlers run in between
            found = self._core.crawl_next(self._crawl, _WAIT_MILLISECONDS, ctypes.byref(ended))
            if ended.value:
                return None
            if found:
                owner = _Owner(self._core, found)
                self._deferred.add(bytes(owner.column(_DEFERRED)))
                return owner.batch()


class _Owner:
    """Keeps a batch of the core's alive as long as one of its columns is."""

    def __init__(self, core: ctypes.CDLL, found: Any) -> None:
        self._core, self._found = core, found

    def __del__(self) -> None:
        self._core.crawl_free_batch(self._found)

    def column(self, number: int) -> Any:
        """Return a column's memory."""
        buffer = self._found.contents.column[number]
        if not buffer.used:
            return b""
        memory = (ctypes.c_char * buffer.used).from_address(buffer.at)
        memory.owner = self
        return memory

    def batch(self) -> Batch:
        """Return the batch."""
        numbers = {name: self.column(_DIRECTORY + number) for number, name in enumerate(_NUMBERS)}
        return Batch(
            rows=self._found.contents.rows,
            directories=BytesColumn(offsets=self.column(_DIR_ENDS), data=self.column(_DIRS)),
            names=BytesColumn(offsets=self.column(_NAME_ENDS), data=self.column(_NAMES)),
            targets=BytesColumn(offsets=self.column(_TARGET_ENDS), data=self.column(_TARGETS)),
            problems=tuple(_problems(bytes(self.column(_PROBLEMS)))),
            **numbers,
        )


def _problems(record: bytes) -> Iterator[Problem]:
    at = 0
    while at < len(record):
        operation, error, kind, length = _PROBLEM_HEAD.unpack_from(record, at)
        at += _PROBLEM_HEAD.size
        yield Problem(
            path=record[at : at + length],
            operation=_OPERATIONS[operation],
            errno=error,
            kind=_KINDS[kind],
        )
        at += length
