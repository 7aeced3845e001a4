"""Searches that continue while their results are read, and stop with their reader."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from tidemark.answers.finding import Found
from tidemark.aws.errors import translated
from tidemark.index.storage.object_store import Store
from tidemark.web.stores import StoppableStore, Stopped

AHEAD = 300  # results that a search finds before they are read
_PATIENCE_SECONDS = 60  # without a reader, after which a search ends at its next read
_KEPT = 6  # searches; the one that was read longest ago is stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Results of a search that were not read before."""

    found: list[Found]
    ended: bool  # there are no more
    error: BaseException | None = None  # what ended the search; earlier results are valid


class Search:
    """One search in a thread of its own, at most AHEAD results ahead of its reader."""

    def __init__(self, store: Store, find: Callable[[Store], Iterator[Found]]) -> None:
        """`find` is called with a store whose reads end when the search is stopped."""
        self.search_id = secrets.token_urlsafe(9)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._waiting: list[Found] = []
        self._ended = False
        self._error: BaseException | None = None
        self.number = 0  # results that were read
        self._read_at = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(find, StoppableStore(store, self._is_abandoned)), daemon=True
        )
        self._thread.start()

    def take(self, most: int, seconds: float) -> Batch:
        """Return up to `most` results: waits for the first one, or the end, but not longer than `seconds`."""
        self._read_at = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, timeout=seconds)
            found, self._waiting = self._waiting[:most], self._waiting[most:]
            self.number += len(found)
            self._changed.notify_all()
            ended = self._ended and not self._waiting
            return Batch(found=found, ended=ended, error=self._error if ended else None)

    def stop(self) -> None:
        """End the search at its next read; its results are lost."""
        self._stop.set()
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def running(self) -> bool:
        """Whether the thread of the search is alive."""
        return self._thread.is_alive()

    def _is_abandoned(self) -> bool:
        """Return whether the search was stopped, or its reader has left: it asks every second or so."""
        return self._stop.is_set() or time.monotonic() - self._read_at > _PATIENCE_SECONDS

    def _run(self, find: Callable[[Store], Iterator[Found]], store: Store) -> None:
        error: BaseException | None = None
        try:
            with translated():
                for each in find(store):
                    self._put(each)
        except Stopped:
            pass
        except Exception as raised:  # shown on the page, after the results that were found
            error = raised
        pa.default_memory_pool().release_unused()
        with self._changed:
            self._error = None if self._stop.is_set() else error
            self._ended = True
            self._changed.notify_all()

    def _put(self, each: Found) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < AHEAD or self._stop.is_set())
            if self._stop.is_set():
                raise Stopped
            self._waiting.append(each)
            self._changed.notify_all()


class Searches:
    """The searches of a server, by id."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, store: Store, find: Callable[[Store], Iterator[Found]]) -> Search:
        """Start a search; stops the one that was read longest ago if there are too many."""
        search = Search(store, find)
        with self._lock:
            self._by_id[search.search_id] = search
            stopped = [self._by_id.popitem(last=False)[1] for _ in range(len(self._by_id) - _KEPT)]
        for each in stopped:
            each.stop()
        return search

    def get(self, search_id: str) -> Search | None:
        """Return a search that was not stopped."""
        with self._lock:
            if search_id in self._by_id:
                self._by_id.move_to_end(search_id)
            return self._by_id.get(search_id)

    def stop(self, search_id: str) -> None:
        """Stop a search, if it exists."""
        with self._lock:
            search = self._by_id.pop(search_id, None)
        if search is not None:
            search.stop()

    def stop_all(self) -> None:
        """Stop every search."""
        for search_id in list(self._by_id):
            self.stop(search_id)
