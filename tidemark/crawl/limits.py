"""What a crawl is told to leave out, and how fast it may ask."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable

_BURST_SECONDS = 0.05


class Excluded:
    """Tells which directories are left out; see CrawlOptions.exclude."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        wild = {b"*": b"[^/]*", b"?": b"[^/]"}
        parts = (re.split(rb"([*?])", pattern) for pattern in patterns)
        globs = [b"".join(wild.get(part) or re.escape(part) for part in pattern) for pattern in parts]
        self._any = re.compile(b"|".join(globs) if globs else rb"(?!)")

    def __call__(self, path: bytes) -> bool:
        """Tell whether a directory, without a slash at either end, is left out."""
        return self._any.fullmatch(path) is not None


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
