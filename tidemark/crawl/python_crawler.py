"""The crawler in Python: for machines without a C compiler, and the reference for the one in C.

Threads share a stack of work: waiting directories, and chunks of names from directories being listed. The
newest work is done first, so that a deep tree needs few open directories. A thread that lists a huge
directory passes chunks of it to idle threads, because over a network the stats of a directory dominate.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import stat
import threading
from collections.abc import Iterable, Iterator
from errno import EIO, ENOENT, EXDEV
from itertools import islice

from tidemark.crawl.batch import Batch, Operation
from tidemark.crawl.crawler import ROOT, CrawlOptions, CrawlProgress, CrawlStopped
from tidemark.crawl.descriptors import (
    OpenDirectory,
    Root,
    Waiting,
    check_anything_read,
    open_root,
    open_waiting,
    root_unreadable,
)
from tidemark.crawl.limits import Excluded, Pace
from tidemark.crawl.rows import Rows
from tidemark.crawl.spill_queue import SpillQueue

_CHUNK_ALONE, _CHUNK_SHARED = 256, 32  # names that are read and then stat'ed at a time
_BATCH_BYTES = 1 << 26  # bytes of paths in the batches of all threads
_BATCH_SECONDS = 1.0  # so that a slow crawl also returns batches
_QUEUE_BYTES, _WAITING_BYTES = (
    1 << 25,
    150,
)  # bytes of waiting directories in memory; overhead of each in addition to its path
_MOST_THREADS = 32  # more would only wait for the interpreter lock
_S_IFMT, _S_IFREG = 0o170000, 0o100000


@dataclasses.dataclass(frozen=True, slots=True)
class _Chunk:
    directory: OpenDirectory
    names: list[str]


class PythonCrawl:
    """See `crawler.Crawl`."""

    def __init__(self, root: bytes, options: CrawlOptions, pending: Iterable[bytes] = (ROOT,)) -> None:
        self._root_path = root
        self._root = Root(-1, -1)
        self._options = options
        self._excluded = Excluded(options.exclude)
        self._pace = Pace(options.operations_per_second, lambda: self._stopped)
        self._threads = min(options.threads, _MOST_THREADS)
        self._chunk = _CHUNK_ALONE if self._threads == 1 else _CHUNK_SHARED
        self._deferred = SpillQueue(pending)
        self._from_root = next(iter(self._deferred), None) == ROOT
        self._lock = threading.Lock()  # guards everything below, and the users of open directories
        self._work = threading.Condition(self._lock)
        self._dirs: list[Waiting] = []
        self._dirs_bytes = 0
        self._chunks: list[_Chunk] = []
        self._busy = self._idle = 0  # threads
        self._open = 0
        self._paused = self._stopped = False
        self._failure: BaseException | None = None
        self._batches: queue.Queue[Batch | None] = queue.Queue(maxsize=4)
        self._entries = self._directories = self._bytes = self._unreadable = self._vanished = 0
        self._queued = len(self._deferred)

    def progress(self) -> CrawlProgress:
        """Return the progress of the crawl."""
        return CrawlProgress(
            entries=self._entries,
            directories=self._directories,
            directories_queued=self._queued,
            bytes=min(self._bytes, 2**63 - 1),
            unreadable=self._unreadable,
            vanished=self._vanished,
        )

    def pause(self) -> None:
        """Start no further directories."""
        self._paused = True

    def pending(self) -> Iterator[bytes]:
        """Return the directories that are not listed yet."""
        return iter(self._deferred)

    def left_out(self) -> tuple[int, ...]:
        """Return the number of directories that each pattern has excluded."""
        return tuple(self._excluded.counts)

    def stop(self) -> None:
        """Make `batches` end. Takes no lock, because a signal handler may interrupt its holder."""
        self._stopped = True

    def batches(self) -> Iterator[Batch]:
        """Crawl."""
        self._paused = False
        self._root = open_root(self._root_path)
        try:
            while not self._stopped and not self._paused and (paths := self._deferred.take()):
                self._dirs = [Waiting(None, path) for path in paths]
                self._dirs_bytes = sum(map(len, paths)) + len(paths) * _WAITING_BYTES
                yield from self._until_the_end()
        finally:
            os.close(self._root.fd)
            if self._stopped or not self._deferred:
                self._deferred.close()
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise CrawlStopped
        if self._from_root and not self._deferred:
            check_anything_read(self._root_path, self._entries, self._unreadable)

    def _until_the_end(self) -> Iterator[Batch]:
        threads = [
            threading.Thread(target=self._run, name=f"crawl-{number}", daemon=True)
            for number in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                batch = self._batches.get()
                if batch is None:
                    running -= 1
                else:
                    yield batch
        finally:
            self._stopped = self._stopped or running > 0
            while running:
                running -= self._batches.get() is None
            for thread in threads:
                thread.join()
            for chunk in self._chunks:  # left by a stop
                self._let_go(chunk.directory)
            for waiting in self._dirs:  # or by a pause
                self._deferred.add(waiting.path + b"\0")
                self._let_go(waiting.directory)
            self._chunks, self._dirs = [], []

    def _run(self) -> None:
        rows = Rows()
        work: Waiting | _Chunk | None = None
        try:
            while (work := self._take(work)) is not None:
                if isinstance(work, Waiting):
                    self._list(work, rows)
                else:
                    self._stat(work.directory, work.names, rows)
            if not rows.empty and not self._stopped:
                self._batches.put(rows.take())
        except BaseException as failure:  # handed to the thread that called batches()
            self._failure = failure
            self._stopped = True
        finally:
            self._batches.put(None)

    def _take(self, done: Waiting | _Chunk | None) -> Waiting | _Chunk | None:
        """Return the next work, or None if no work is left for any thread."""
        with self._lock:
            if done is not None:
                self._let_go(done.directory)
                self._busy -= 1
                if not self._busy and self._idle:
                    self._work.notify_all()
            while not self._stopped:
                if self._chunks:
                    self._busy += 1
                    return self._chunks.pop()
                if self._dirs and not self._paused:
                    self._busy += 1
                    self._dirs_bytes -= len(self._dirs[-1].path) + _WAITING_BYTES
                    return self._dirs.pop()
                if not self._busy:
                    return None
                self._idle += 1
                self._work.wait(0.5)  # the timeout catches flags that are set without a notification
                self._idle -= 1
            return None

    def _list(self, waiting: Waiting, rows: Rows) -> None:
        self._pace.wait(2)
        try:
            fd = open_waiting(waiting, self._root)
        except OSError as error:
            self._problem(rows, waiting.path, "open", error)
            with self._lock:
                self._queued -= 1
            return
        directory = OpenDirectory(waiting.path, fd)
        with self._lock:
            self._open += 1
        try:
            self._list_open(directory, rows)
        finally:
            with self._lock:
                self._directories += 1
                self._queued -= 1
                self._let_go(directory)

    def _list_open(self, directory: OpenDirectory, rows: Rows) -> None:
        try:
            before = os.fstat(directory.fd)
            if before.st_dev != self._root.device:  # mounted since its directory was listed
                self._problem(rows, directory.path, "open", EXDEV)
                return
            with os.scandir(directory.fd) as listing:
                while names := [entry.name for entry in islice(listing, self._chunk)]:
                    if self._stopped:
                        return
                    if not self._hand_over(directory, names):
                        self._stat(directory, names, rows)
            after = os.fstat(directory.fd)
            if not after.st_nlink:  # it was removed, which libc shows as the end of the listing
                self._problem(rows, directory.path, "readdir", ENOENT)
            elif after.st_mtime_ns != before.st_mtime_ns:
                rows.add_problem(self._root.problem(directory.path, "list", 0))
        except OSError as error:
            self._problem(rows, directory.path, "readdir", error)

    def _hand_over(self, directory: OpenDirectory, names: list[str]) -> bool:
        """Give a chunk to idle threads, if any, so that the queue does not grow with a directory."""
        if self._threads == 1:
            return False
        with self._lock:
            if len(self._chunks) >= 2 * self._threads:
                return False
            directory.users += 1
            self._chunks.append(_Chunk(directory, names))
            if self._idle:
                self._work.notify()
        return True

    def _stat(self, directory: OpenDirectory, names: list[str], rows: Rows) -> None:
        below: list[bytes] = []
        self._pace.wait(len(names))
        found, stats = self._stats(directory, names, rows)
        special = _not_regular(stats)
        left_out = set()
        for row in special:
            if stat.S_ISDIR(stats[row].st_mode):
                path = directory.path + os.fsencode(found[row])
                if self._excluded(path[1:]):
                    left_out.add(row)
                elif stats[row].st_dev == self._root.device:
                    below.append(path + b"/")
                else:
                    self._problem(rows, path + b"/", "open", EXDEV)
        if left_out:
            found = [name for row, name in enumerate(found) if row not in left_out]
            stats = [status for row, status in enumerate(stats) if row not in left_out]
            special = _not_regular(stats)
        first = rows.add_directory(directory.path, found, stats)
        size = sum([status.st_size for status in stats])
        for row in special:
            size -= stats[row].st_size
            if stat.S_ISLNK(stats[row].st_mode):
                self._read_link(directory, found[row], first + row, rows)
        self._push(directory, below, len(stats), size)
        if (
            len(rows) >= self._options.batch_rows
            or rows.path_bytes > _BATCH_BYTES // self._threads
            or rows.seconds > _BATCH_SECONDS
        ):
            self._batches.put(rows.take())

    def _stats(
        self, directory: OpenDirectory, names: list[str], rows: Rows
    ) -> tuple[list[str], list[os.stat_result]]:
        """Return the names that exist and can be stat'ed, and their stats."""
        fd = directory.fd
        try:
            return names, [os.stat(name, dir_fd=fd, follow_symlinks=False) for name in names]
        except OSError:
            pass  # one of them is gone or unreadable: stat them one by one
        found: list[str] = []
        stats: list[os.stat_result] = []
        for name in names:
            try:
                stats.append(os.stat(name, dir_fd=fd, follow_symlinks=False))
                found.append(name)
            except OSError as error:
                self._problem(rows, directory.path + os.fsencode(name), "stat", error)
        return found, stats

    def _read_link(self, directory: OpenDirectory, name: str, row: int, rows: Rows) -> None:
        self._pace.wait()
        try:
            rows.set_target(row, os.fsencode(os.readlink(name, dir_fd=directory.fd)))
        except OSError as error:
            self._problem(rows, directory.path + os.fsencode(name), "readlink", error)

    def _push(self, directory: OpenDirectory, below: list[bytes], entries: int, size: int) -> None:
        with self._lock:
            self._entries += entries
            self._bytes += size
            if not below:
                return
            self._queued += len(below)
            if self._dirs_bytes >= _QUEUE_BYTES:
                self._deferred.add(b"".join(path + b"\0" for path in below))
                return
            keep = directory if self._open <= self._options.descriptors else None
            if keep is not None:
                keep.users += len(below)
            self._dirs += [Waiting(keep, path) for path in below]
            self._dirs_bytes += sum(map(len, below)) + len(below) * _WAITING_BYTES
            if self._idle:
                self._work.notify_all()

    def _problem(self, rows: Rows, path: bytes, operation: Operation, error: OSError | int) -> None:
        errno = error if isinstance(error, int) else error.errno or EIO
        problem = self._root.problem(path, operation, errno)
        if problem.is_of_the_root:
            raise root_unreadable(self._root_path, problem.errno)
        with self._lock:
            self._vanished += problem.kind == "vanished"
            self._unreadable += problem.kind == "unreadable"
        rows.add_problem(problem)

    def _let_go(self, directory: OpenDirectory | None) -> None:
        """Release one use of the directory. Call this with the lock held."""
        if directory is not None:
            directory.users -= 1
            if directory.users == 0:
                os.close(directory.fd)
                self._open -= 1


def _not_regular(stats: list[os.stat_result]) -> list[int]:
    return [row for row, status in enumerate(stats) if status.st_mode & _S_IFMT != _S_IFREG]
