"""Answers that take longer than a moment: computed in a thread, with progress, while a reader waits."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidemark.aws.errors import translated
from tidemark.index.storage.object_store import Store
from tidemark.web.stores import CountingStore, StoppableStore

_STEP = 0.3  # seconds between two signs of progress
_AT_FIRST = 0.2  # seconds without any
_AT_ONCE = 3  # requests: with 16, as for searches, sums over ten million entries take 500 MB
_KEPT = 12  # results, because a reader often returns to a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state of the work: progress, or how it ended."""

    seconds: float = 0
    bytes_read: int = 0
    result: Any = None
    error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return self.result is not None or self.error is not None


class Work:
    """One computation in a thread of its own."""

    def __init__(self, store: Store, compute: Callable[[Store], object]) -> None:
        self._stop, self._done = threading.Event(), threading.Event()
        self._counting = CountingStore(store)
        self._result: object = None
        self._error: Exception | None = None
        self._waiting = 0
        self._lock = threading.Lock()
        stoppable = StoppableStore(self._counting, self._stop.is_set)
        stoppable.at_once = min(store.at_once, _AT_ONCE)
        threading.Thread(target=self._run, args=(compute, stoppable), daemon=True).start()

    @property
    def reusable(self) -> bool:
        """Whether another reader can have the result."""
        return not self._stop.is_set() and self._error is None

    def steps(self) -> Iterator[Step]:
        """Yield progress until the work ends, then the result. If all readers leave, the work stops."""
        begun, pause = time.monotonic(), _AT_FIRST
        with self._lock:
            self._waiting += 1
        try:
            while not self._done.wait(pause):
                pause = _STEP
                yield Step(seconds=time.monotonic() - begun, bytes_read=self._counting.bytes_read)
            yield Step(result=self._result, error=self._error)
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting and not self._done.is_set():
                    self._stop.set()

    def stop(self) -> None:
        """End the work at its next read."""
        self._stop.set()

    def _run(self, compute: Callable[[Store], object], store: Store) -> None:
        try:
            with translated():
                self._result = compute(store)
        except Exception as error:  # shown on the page
            self._error = error
        pa.default_memory_pool().release_unused()  # sums read columns of a whole index
        self._done.set()


class Works:
    """The recent works of a server. Equal keys share one."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[object, Work] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, key: object, store: Store, compute: Callable[[Store], object]) -> Work:
        """Return the work of this key; starts it unless it runs or has a result."""
        with self._lock:
            known = self._by_key.get(key)
            if known is not None and known.reusable:
                self._by_key.move_to_end(key)
                return known
            work = self._by_key[key] = Work(store, compute)
            self._by_key.move_to_end(key)
            evicted = [self._by_key.popitem(last=False)[1] for _ in range(len(self._by_key) - _KEPT)]
        for each in evicted:
            each.stop()
        return work

    def stop_all(self) -> None:
        """Stop all works."""
        with self._lock:
            works = list(self._by_key.values())
        for each in works:
            each.stop()
