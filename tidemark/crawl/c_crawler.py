"""The crawler in C: starts the core's threads and returns their columns without copying.

The core is a shared library, built with the package if there is a C compiler. It uses no Python objects and
does not need the interpreter lock, so its threads run in parallel with Python. They send the addresses of
their batches through a pipe. The pipe holds few, so that the threads wait for a slow reader; reading from it
can be interrupted by signals.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Final

from tidemark.crawl.batch import Batch, BytesColumn, Operation, Problem
from tidemark.crawl.crawler import ROOT, CrawlOptions, CrawlProgress, CrawlStopped
from tidemark.crawl.descriptors import Root, check_anything_read, open_root, root_unreadable
from tidemark.crawl.spill_queue import SpillQueue
from tidemark.errors import CrawlFailed

_BATCHES = 8  # ready for a reader
_BATCH_BYTES, _QUEUE_BYTES = (
    1 << 26,
    1 << 25,
)  # of all threads' batches; of the directories that wait in memory

# The order of the following fields must match _core.c.
_OPERATIONS: Final = ("open", "readdir", "stat", "readlink", "list")
_ENTRIES, _DIRECTORIES, _QUEUED, _BYTES, _PAUSE, _STOP, _LEFT_OUT = range(7)
_DIRS, _DIR_ENDS, _NAMES, _NAME_ENDS, _TARGETS, _TARGET_ENDS = range(6)
_NUMBERS: Final = (
    "directory", "mode", "nlink", "uid", "gid", "size", "inode",
    "mtime_us", "ctime_us", "mtime_ns", "ctime_ns",
)  # fmt: skip
_PROBLEMS, _DEFERRED, _COLUMNS = range(17, 20)
_PROBLEM_HEAD = struct.Struct("=iii")
_ADDRESS = struct.Struct("P")


class _Buffer(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("used", ctypes.c_size_t), ("room", ctypes.c_size_t))


class _Batch(ctypes.Structure):
    _fields_ = (("column", _Buffer * _COLUMNS), ("bytes", ctypes.c_size_t), ("rows", ctypes.c_int32))


class _Options(ctypes.Structure):
    _fields_ = (
        ("root", ctypes.c_int),
        ("batches", ctypes.c_int),
        ("threads", ctypes.c_int),
        ("descriptors", ctypes.c_int),
        ("batch_rows", ctypes.c_int),
        ("batch_bytes", ctypes.c_size_t),
        ("queue_bytes", ctypes.c_size_t),
        ("device", ctypes.c_longlong),
        ("ns_an_operation", ctypes.c_longlong),
        ("exclude", ctypes.c_char_p),
        ("shared", ctypes.c_void_p),
    )


def load_core() -> ctypes.CDLL | None:
    """Return the core, or None if it was not built."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_core{suffix}")
        if path.exists():
            core = ctypes.CDLL(str(path))
            core.crawl_start.restype = ctypes.c_void_p
            core.crawl_start.argtypes = (
                ctypes.POINTER(_Options),
                ctypes.c_char_p,
                ctypes.POINTER(ctypes.c_int),
            )
            core.crawl_rest.restype = ctypes.c_void_p
            core.crawl_rest.argtypes = (ctypes.c_void_p,)
            core.crawl_free_batch.argtypes = (ctypes.c_void_p,)
            return core
    return None


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
        self._root, self._options = root, options
        self._deferred = SpillQueue(pending)
        self._from_root = next(iter(self._deferred), None) == ROOT
        self._shared = (ctypes.c_longlong * (_LEFT_OUT + len(options.exclude)))()
        self._shared[_QUEUED] = len(self._deferred)
        self._unreadable = self._vanished = 0
        library = core or load_core()
        if library is None:
            raise CrawlFailed(
                "the C core is not built; use the Python crawler, or install Tidemark on a machine with a "
                "C compiler"
            )
        self._core = library

    def batches(self) -> Iterator[Batch]:
        """Crawl."""
        self._shared[_PAUSE] = 0
        root = open_root(self._root)
        try:
            while not self._shared[_STOP] and not self._shared[_PAUSE] and (paths := self._deferred.take()):
                yield from self._below(paths, root)
        finally:
            os.close(root.fd)
            if self._shared[_STOP] or not self._deferred:
                self._deferred.close()
        if self._shared[_STOP]:
            raise CrawlStopped
        if self._from_root and not self._deferred:
            check_anything_read(self._root, self._shared[_ENTRIES], self._unreadable)

    def pause(self) -> None:
        """Start no further directories."""
        self._shared[_PAUSE] = 1

    def pending(self) -> Iterator[bytes]:
        """Return the directories that are not listed yet."""
        return iter(self._deferred)

    def progress(self) -> CrawlProgress:
        """Return the progress of the crawl."""
        return CrawlProgress(
            entries=self._shared[_ENTRIES],
            directories=self._shared[_DIRECTORIES],
            directories_queued=self._shared[_QUEUED],
            bytes=self._shared[_BYTES],
            unreadable=self._unreadable,
            vanished=self._vanished,
        )

    def left_out(self) -> tuple[int, ...]:
        """Return the number of directories that each pattern has excluded."""
        return tuple(self._shared[_LEFT_OUT:])

    def stop(self) -> None:
        """Make `batches` end."""
        self._shared[_STOP] = 1

    def _below(self, paths: list[bytes], root: Root) -> Iterator[Batch]:
        """List directories and everything below them."""
        options, running = self._options, ctypes.c_int()
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)  # each address is a separate packet
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _BATCHES * mmap.PAGESIZE)
        told = _Options(
            root=root.fd,
            batches=writer,
            threads=options.threads,
            descriptors=options.descriptors,
            batch_rows=options.batch_rows,
            batch_bytes=_BATCH_BYTES // options.threads,
            queue_bytes=_QUEUE_BYTES,
            device=root.device,
            ns_an_operation=1_000_000_000 // options.operations_per_second
            if options.operations_per_second
            else 0,
            exclude=b"".join(pattern.program() + b"\0" for pattern in options.exclude),  # and ctypes' own NUL
            shared=ctypes.addressof(self._shared),
        )
        crawl = self._core.crawl_start(told, b"".join(path + b"\0" for path in paths), running)
        left = running.value
        try:
            if not left:
                raise CrawlFailed("no crawl thread could be started; give the worker more memory")
            while left:
                batch = self._received(os.read(reader, _ADDRESS.size), root)
                if batch is None:
                    left -= 1
                    continue
                for problem in batch.problems:
                    if problem.is_of_the_root:
                        raise root_unreadable(self._root, problem.errno)
                if batch.rows or batch.problems:
                    yield batch
        finally:
            if left:  # the reader has stopped
                self.stop()
            while left:
                left -= self._received(os.read(reader, _ADDRESS.size), root) is None
            self._deferred.add(bytes(_Owner(self._core, self._core.crawl_rest(crawl)).column(_DEFERRED)))
            os.close(reader)
            os.close(writer)

    def _received(self, address: bytes, root: Root) -> Batch | None:
        (at,) = _ADDRESS.unpack(address)
        if not at:
            return None
        owner = _Owner(self._core, at)
        self._deferred.add(bytes(owner.column(_DEFERRED)))
        batch = owner.batch(root.problem)
        for problem in batch.problems:
            self._unreadable += problem.kind == "unreadable"
            self._vanished += problem.kind == "vanished"
        return batch


class _Owner:
    """Keeps a batch of the core alive while any of its columns is in use."""

    def __init__(self, core: ctypes.CDLL, address: int) -> None:
        self._core, self._address = core, address
        self._batch = _Batch.from_address(address)

    def __del__(self) -> None:
        self._core.crawl_free_batch(self._address)

    def column(self, number: int) -> Any:
        """Return a column's memory."""
        buffer = self._batch.column[number]
        if not buffer.used:
            return b""
        memory = (ctypes.c_char * buffer.used).from_address(buffer.at)
        memory.owner = self
        return memory

    def batch(self, problem: Callable[[bytes, Operation, int], Problem]) -> Batch:
        """Return the batch; `problem` converts a path, an operation and its error number to a Problem."""
        numbers = {name: self.column(_TARGET_ENDS + 1 + number) for number, name in enumerate(_NUMBERS)}
        return Batch(
            rows=self._batch.rows,
            directories=BytesColumn(offsets=self.column(_DIR_ENDS), data=self.column(_DIRS)),
            names=BytesColumn(offsets=self.column(_NAME_ENDS), data=self.column(_NAMES)),
            targets=BytesColumn(offsets=self.column(_TARGET_ENDS), data=self.column(_TARGETS)),
            problems=tuple(problem(*each) for each in _problems(bytes(self.column(_PROBLEMS)))),
            **numbers,
        )


def _problems(record: bytes) -> Iterator[tuple[bytes, Operation, int]]:
    at = 0
    while at < len(record):
        operation, error, length = _PROBLEM_HEAD.unpack_from(record, at)
        at += _PROBLEM_HEAD.size
        yield record[at : at + length], _OPERATIONS[operation], error
        at += length
