"""How many requests are worth having in flight: as many as the file system's answers take long.

A crawl of a local disk is bound by the processor, and threads beyond a few only get in each other's way. Over
a network each answer takes a round trip, and whoever asks one after the other waits for most of the time.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections import deque
from collections.abc import Callable

FEWEST, MOST = 8, 64  # an NFSv4.1 mount has as many slots as the second; more would wait for each other
_LOCAL_SECONDS = (
    0.0001  # what a local answer takes at most; from ten times as much on, all threads are needed
)
_DIRECTORIES = 32
_ENTRIES = 16  # looked at in each
_BUDGET_SECONDS = 0.25


def answer_seconds(root: bytes, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long the file system takes to answer: the median over some directories near the root.

    Each is opened, listed, and some of its entries are looked at; an answer that was cached counts as little.
    Returns 0 where nothing can be read: the crawl will say so.
    """
    waiting, listed, looked = deque([root]), list[float](), list[float]()
    begun = clock()
    while waiting and len(listed) < _DIRECTORIES and clock() - begun < _BUDGET_SECONDS:
        directory = waiting.popleft()
        asked = clock()
        try:
            with os.scandir(directory) as entries:
                found = list(itertools.islice(entries, _ENTRIES))
        except OSError:
            continue
        listed.append((clock() - asked) / 2)  # an open and a listing
        waiting.extend(entry.path for entry in found if entry.is_dir(follow_symlinks=False))
        for entry in found[:2]:
            asked = clock()
            try:
                os.lstat(entry.path)
            except OSError:
                continue
            looked.append(clock() - asked)
    return max((statistics.median(each) for each in (listed, looked) if each), default=0.0)


def threads_for(seconds: float) -> int:
    """Return how many threads a crawl should have where an answer takes so long."""
    return max(FEWEST, min(MOST, round(FEWEST * seconds / _LOCAL_SECONDS)))
