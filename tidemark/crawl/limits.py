"""What a crawl is told to leave out, and how fast it may ask."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

_BURST_SECONDS = 0.05


class Excluded:
    """Tells which directories are left out; see CrawlOptions.exclude."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self._by_depth: defaultdict[int, list[list[bytes]]] = defaultdict(list)
        for pattern in patterns:
            self._by_depth[pattern.count(b"/")].append(pattern.split(b"/"))

    def __call__(self, path: bytes) -> bool:
        """Tell whether a directory, without a slash at either end, is left out."""
        patterns = self._by_depth.get(path.count(b"/"))
        if not patterns:
            return False
        names = path.split(b"/")
        return any(all(map(fnmatchcase, names, pattern)) for pattern in patterns)


class Pace:
    """Lets requests pass at a rate, for all threads of a crawl together."""

    def __init__(self, operations_per_second: int | None, stopped: Callable[[], bool]) -> None:
        self._seconds = 1 / operations_per_second if operations_per_second else 0.0
        self._stopped = stopped
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, operations: int = 1) -> None:
        """Wait until so many more requests may be made."""
        if not self._seconds:
            return
        now = time.monotonic()
        with self._lock:
            turn = max(self._next, now - _BURST_SECONDS) + operations * self._seconds
            self._next = turn
        while turn > now and not self._stopped():
            time.sleep(min(turn - now, _BURST_SECONDS))
            now = time.monotonic()
