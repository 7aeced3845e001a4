"""Concurrent operations on a file system that is far away."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class Threads:
    """A number of threads, started when they are needed."""

    def __init__(self, number: int) -> None:
        """With one thread, calls run in the caller's."""
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="place") if number > 1 else None

    def start(self, call: Callable[[], _T]) -> Callable[[], _T]:
        """Start a call; return a function that waits for it, and returns or raises what it does."""
        return call if self._pool is None else self._pool.submit(call).result

    def close(self) -> None:
        """Wait for the running calls, and drop those that have not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
