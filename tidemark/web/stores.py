"""Views of a repository for pages: one that remembers recent reads, and one whose reads can be stopped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from tidemark.index.storage.object_store import Store

MOST_BYTES = 48 * 2**20  # of a cache
_LARGEST = 2 * 2**20  # larger reads are not kept, because few of them would replace everything else


class Stopped(Exception):  # noqa: N818 - it ends a search that is no longer wanted, which is not an error
    """The reader of a search is gone or asked something else."""


class StoppableStore:
    """A store that raises Stopped at the next read after `stop`."""

    def __init__(self, store: Store, stop: threading.Event) -> None:
        self._store, self._stop = store, stop
        self.url, self.at_once = store.url, store.at_once

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object."""
        self._store.put(key, body, only_if_absent=only_if_absent)

    def get(self, key: str) -> bytes:
        """Return a whole object."""
        self._check()
        return self._store.get(key)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a piece of an object."""
        self._check()
        return self._store.get_range(key, offset, length)

    def discard(self, key: str) -> None:
        """Discard the content of an object."""
        self._store.discard(key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        self._check()
        return self._store.list_keys(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names directly below a prefix."""
        self._check()
        return self._store.list_folders(prefix)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped


class RememberingStore:
    """A store that keeps recent reads in memory.

    The files of an index are written once and never changed, so a read that was made is valid for as long as
    the index exists. Lists are not kept.
    """

    def __init__(self, store: Store, most_bytes: int = MOST_BYTES) -> None:
        self._store, self._most = store, most_bytes
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self.url, self.at_once = store.url, store.at_once

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object."""
        self._store.put(key, body, only_if_absent=only_if_absent)

    def get(self, key: str) -> bytes:
        """Return a whole object."""
        return self._remembered((key, 0, -1), lambda: self._store.get(key))

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a piece of an object."""
        return self._remembered((key, offset, length), lambda: self._store.get_range(key, offset, length))

    def discard(self, key: str) -> None:
        """Discard the content of an object."""
        self._store.discard(key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        return self._store.list_keys(prefix)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names directly below a prefix."""
        return self._store.list_folders(prefix)

    def _remembered(self, what: tuple[str, int, int], read: Callable[[], bytes]) -> bytes:
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
