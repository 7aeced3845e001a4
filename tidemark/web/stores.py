"""Views of a repository for pages: one that remembers recent reads, and one whose reads can be stopped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from tidemark.index.storage.object_store import Store

MOST_BYTES = 24 * 2**20  # of a cache
_LARGEST = 2 * 2**20  # larger reads are not kept, because few of them would replace everything else


class Stopped(Exception):
    """The reader of a search is gone or asked something else."""


class _StoreOver:
    """A store that delegates to another one; `_read` may replace how objects are read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.url, self.at_once = store.url, store.at_once

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object."""
        self._store.put(key, body, only_if_absent=only_if_absent)

    def get(self, key: str) -> bytes:
        """Return a whole object."""
        return self._read((key, 0, -1), lambda: self._store.get(key))

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a piece of an object."""
        return self._read((key, offset, length), lambda: self._store.get_range(key, offset, length))

    def discard(self, key: str) -> None:
        """Discard the content of an object."""
        self._store.discard(key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        return self._store.list_keys(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names directly below a prefix."""
        return self._store.list_folders(prefix)

    def _read(self, what: tuple[str, int, int], read: Callable[[], bytes]) -> bytes:
        raise NotImplementedError


class StoppableStore(_StoreOver):
    """A store that raises Stopped at the first read for which `stopped` returns true."""

    def __init__(self, store: Store, stopped: Callable[[], bool]) -> None:
        super().__init__(store)
        self._stopped = stopped

    def _read(self, what: tuple[str, int, int], read: Callable[[], bytes]) -> bytes:
        if self._stopped():
            raise Stopped
        return read()


class CountingStore(_StoreOver):
    """A store that counts the bytes that were read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.bytes_read = 0
        self._lock = threading.Lock()

    def _read(self, what: tuple[str, int, int], read: Callable[[], bytes]) -> bytes:
        body = read()
        with self._lock:
            self.bytes_read += len(body)
        return body


class RememberingStore(_StoreOver):
    """A store that keeps recent reads in memory.

    The files of an index are written once and never changed, so a read that was made is valid for as long as
    the index exists. Lists are not kept.
    """

    def __init__(self, store: Store, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(store)
        self._most = most_bytes
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def _read(self, what: tuple[str, int, int], read: Callable[[], bytes]) -> bytes:
        with self._lock:
            if what in self._kept:
                self._kept.move_to_end(what)
                return self._kept[what]
        body = read()
        if len(body) > _LARGEST:
            return body
        with self._lock:
            if what not in self._kept:
                self._kept[what] = body
                self._bytes += len(body)
            while self._bytes > self._most:
                _, evicted = self._kept.popitem(last=False)
                self._bytes -= len(evicted)
        return body
