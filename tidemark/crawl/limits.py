"""The exclusions and the rate limit of a crawl."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable

from tidemark.exclusions import Exclusion

_BURST_SECONDS = 0.05


class Excluded:
    """Matches excluded directories and counts them."""

    def __init__(self, patterns: Iterable[Exclusion]) -> None:
        self._each = [re.compile(pattern.regex()) for pattern in patterns]
        self._lock = threading.Lock()
        self.counts = [0] * len(self._each)  # directories, by pattern

    def __call__(self, path: bytes) -> bool:
        """Return whether a directory, without a slash at either end, is excluded."""
        text = path.decode("utf-8", "surrogateescape")
        found = [number for number, regex in enumerate(self._each) if regex.fullmatch(text)]
        if found:
            with self._lock:
                for number in found:
                    self.counts[number] += 1
        return bool(found)


class Pace:
    """Limits the rate of requests of all threads of a crawl together."""

    def __init__(self, operations_per_second: int | None, stopped: Callable[[], bool]) -> None:
        self._seconds = 1 / operations_per_second if operations_per_second else 0.0
        self._stopped = stopped
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, operations: int = 1) -> None:
        """Wait until this many more requests are allowed."""
        if not self._seconds:
            return
        now = time.monotonic()
        with self._lock:
            turn = max(self._next, now - _BURST_SECONDS) + operations * self._seconds
            self._next = turn
        while turn > now and not self._stopped():
            time.sleep(min(turn - now, _BURST_SECONDS))
            now = time.monotonic()
