"""The crawler in plain Python: for machines without a C compiler, and the measure of the other one.

Threads share a stack of work: directories that wait, and chunks of names whose directory is being listed.
The newest work is done first, so that a deep tree needs few open directories, and a thread that lists a huge
directory hands chunks of it to idle threads: over a network, the stats of one directory are what takes long.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import stat
import threading
from collections.abc import Iterator
from errno import ENOENT, ENOTDIR, ESTALE
from fnmatch import fnmatchcase
from itertools import islice

from tidemark.crawl.batch import Batch, Problem
from tidemark.crawl.crawler import CrawlOptions, CrawlProgress, CrawlStopped
from tidemark.crawl.descriptors import OpenDirectory, Waiting, open_root, open_waiting
from tidemark.crawl.rows import Rows, regular_bytes
from tidemark.errors import CrawlFailed

_CHUNK_ALONE, _CHUNK_SHARED = 1024, 32  # names read, then asked for, at a time
_GONE = frozenset({ENOENT, ESTALE, ENOTDIR})


@dataclasses.dataclass(frozen=True, slots=True)
class _Chunk:
    directory: OpenDirectory
    names: list[str]


class PythonCrawl:
    """See `crawler.Crawl`."""

    def __init__(self, root: bytes, options: CrawlOptions) -> None:
        self._root_path = root
        self._options = options
        self._chunk = _CHUNK_ALONE if options.threads == 1 else _CHUNK_SHARED
        self._work = threading.Condition()
        self._stack: list[Waiting | _Chunk] = []
        self._chunks_waiting = 0
        self._busy = 0
        self._open = 0
        self._stopped = False
        self._failure: BaseException | None = None
        self._batches: queue.Queue[Batch | None] = queue.Queue(maxsize=4)
        self._entries = self._directories = self._queued = self._bytes = self._unreadable = self._vanished = 0

    def progress(self) -> CrawlProgress:
        """Return how far the crawl is."""
        return CrawlProgress(
            entries=self._entries,
            directories=self._directories,
            directories_queued=self._queued,
            bytes=self._bytes,
            unreadable=self._unreadable,
            vanished=self._vanished,
        )

    def stop(self) -> None:
        """Make `batches` end; no lock is taken, for a signal handler may interrupt its holder."""
        self._stopped = True

    def batches(self) -> Iterator[Batch]:
        """Crawl."""
        try:
            self._root = open_root(self._root_path)
        except OSError as error:
            raise CrawlFailed(
                f"{os.fsdecode(self._root_path)} cannot be read: {error.strerror}; "
                f"check that it is mounted and that root on it is not squashed (ClientRootAccess)"
            ) from error
        self._stack.append(Waiting(self._root, b"/", b".", 0))
        self._root.users += 1
        self._open = 1
        threads = [
            threading.Thread(target=self._run, name=f"crawl-{number}", daemon=True)
            for number in range(self._options.threads)
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
            self._release_rest()
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise CrawlStopped

    def _run(self) -> None:
        rows = Rows()
        try:
            while (work := self._take()) is not None:
                try:
                    if isinstance(work, Waiting):
                        self._list(work, rows)
                    else:
                        self._stat(work.directory, work.names, rows)
                        self._release(work.directory)
                finally:
                    with self._work:
                        self._busy -= 1
                        self._work.notify_all()
            if not rows.empty and not self._stopped:
                self._batches.put(rows.take())
        except BaseException as failure:  # handed to the thread that called batches()
            self._failure = failure
            self._stopped = True
        finally:
            self._batches.put(None)

    def _take(self) -> Waiting | _Chunk | None:
        with self._work:
            while not self._stopped:
                if self._stack:
                    work = self._stack.pop()
                    self._chunks_waiting -= isinstance(work, _Chunk)
                    self._busy += 1
                    return work
                if not self._busy:
                    return None
                self._work.wait(0.5)  # and look at _stopped, which is set without a notification
            return None

    def _list(self, waiting: Waiting, rows: Rows) -> None:
        try:
            fd, before = open_waiting(waiting, self._root)
        except OSError as error:
            self._problem(rows, waiting.path, "open", error)
            with self._work:
                self._queued -= waiting.path != b"/"
            return
        finally:
            if waiting.parent is not None:
                self._release(waiting.parent)
        directory = OpenDirectory(waiting.path, fd, before.st_dev)
        with self._work:
            self._open += 1
        try:
            if before.st_dev == self._root.device:
                self._list_open(directory, before, rows)
        finally:
            with self._work:
                self._directories += 1
                self._queued -= waiting.path != b"/"
            self._release(directory)

    def _list_open(self, directory: OpenDirectory, before: os.stat_result, rows: Rows) -> None:
        try:
            with os.scandir(directory.fd) as listing:
                while names := [entry.name for entry in islice(listing, self._chunk)]:
                    if self._stopped:
                        return
                    if not self._hand_over(directory, names):
                        self._stat(directory, names, rows)
            if os.fstat(directory.fd).st_mtime_ns != before.st_mtime_ns:
                rows.add_problem(Problem(path=directory.path, operation="list", errno=0, kind="changed"))
        except OSError as error:
            self._problem(rows, directory.path, "readdir", error)

    def _hand_over(self, directory: OpenDirectory, names: list[str]) -> bool:
        """Give a chunk to the other threads, unless they have enough; so no queue grows with a directory."""
        if self._options.threads == 1:
            return False
        with self._work:
            if self._chunks_waiting >= 2 * self._options.threads:
                return False
            directory.users += 1
            self._chunks_waiting += 1
            self._stack.append(_Chunk(directory, names))
            self._work.notify()
        return True

    def _stat(self, directory: OpenDirectory, names: list[str], rows: Rows) -> None:
        stats: list[os.stat_result] = []
        found: list[str] = []
        fd = directory.fd
        for name in names:
            try:
                stats.append(os.stat(name, dir_fd=fd, follow_symlinks=False))
                found.append(name)
            except OSError as error:
                self._problem(rows, directory.path + os.fsencode(name), "stat", error)
        if directory.path == b"/":
            found, stats = self._without_excluded(found, stats)
        first = rows.add_directory(directory.path, found, stats)
        below: list[Waiting] = []
        for row, status in enumerate(stats):
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR:
                if status.st_dev == self._root.device:
                    raw = os.fsencode(found[row])
                    path = b"%s%s/" % (directory.path, raw)
                    below.append(Waiting(directory, path, raw, status.st_ino))
            elif kind == stat.S_IFLNK:
                try:
                    rows.set_target(first + row, os.fsencode(os.readlink(found[row], dir_fd=fd)))
                except OSError as error:
                    self._problem(rows, directory.path + os.fsencode(found[row]), "readlink", error)
        self._push(directory, below, len(stats), regular_bytes(stats))
        if len(rows) >= self._options.batch_rows:
            self._batches.put(rows.take())

    def _push(self, directory: OpenDirectory, below: list[Waiting], entries: int, size: int) -> None:
        with self._work:
            self._entries += entries
            self._bytes += size
            self._queued += len(below)
            if not below:
                return
            if self._open > self._options.descriptors:
                below = [dataclasses.replace(waiting, parent=None) for waiting in below]
            else:
                directory.users += len(below)
            self._stack += below
            self._work.notify_all()

    def _without_excluded(
        self, names: list[str], stats: list[os.stat_result]
    ) -> tuple[list[str], list[os.stat_result]]:
        kept = [
            number
            for number, status in enumerate(stats)
            if not stat.S_ISDIR(status.st_mode)
            or not any(fnmatchcase(os.fsencode(names[number]), glob) for glob in self._options.exclude)
        ]
        return [names[number] for number in kept], [stats[number] for number in kept]

    def _problem(self, rows: Rows, path: bytes, operation: str, error: OSError) -> None:
        gone = error.errno is None or error.errno in _GONE
        with self._work:
            self._vanished += gone
            self._unreadable += not gone
        rows.add_problem(
            Problem(
                path=path,
                operation=operation,  # type: ignore[arg-type]  # the callers write the literals
                errno=error.errno or ENOENT,
                kind="vanished" if gone else "unreadable",
            )
        )

    def _release(self, directory: OpenDirectory) -> None:
        with self._work:
            directory.users -= 1
            if directory.users == 0:
                os.close(directory.fd)
                self._open -= 1

    def _release_rest(self) -> None:
        for work in self._stack:
            directory = work.parent if isinstance(work, Waiting) else work.directory
            if directory is not None:
                self._release(directory)
        self._stack.clear()
        with contextlib.suppress(OSError):
            self._release(self._root)
