"""Stops work in other threads: an execution that is stopped, a branch whose sibling failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Ended(BaseException):
    """The thread must stop. Not an Exception, so that no handler treats it as a failure."""


class Signal:
    """Set once; waits on it raise Ended. Child signals are set with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._waiting: set[threading.Event] = set()
        self._children: list[Signal] = []

    def child(self) -> Signal:
        """Return a child signal, which can also be set alone."""
        child = Signal()
        with self._lock:
            self._children.append(child)
            if self._set:
                child.set()
        return child

    def set(self) -> None:
        """Wake everybody."""
        with self._lock:
            self._set = True
            waiting, children = list(self._waiting), list(self._children)
        for event in waiting:
            event.set()
        for child in children:
            child.set()

    def check(self) -> None:
        """Raise Ended if set."""
        if self._set:
            raise Ended

    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Return whether `event` was set within real seconds; raises Ended if the signal was set first."""
        with self._woken_by_signal(event):
            self.check()
            happened = event.wait(None if seconds is None else max(0.0, seconds))
            self.check()
        return happened

    def sleep(self, seconds: float) -> None:
        """Wait real seconds; raises Ended if the signal is set meanwhile."""
        self.wait(threading.Event(), seconds)

    @contextmanager
    def _woken_by_signal(self, event: threading.Event) -> Iterator[None]:
        with self._lock:
            self._waiting.add(event)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(event)
