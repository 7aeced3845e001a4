"""Chooses the number of crawl threads by the latency of the file system.

A crawl of a local disk is bound by the CPU, and more than a few threads only contend with each other. Over a
network each response takes a round trip, and sequential requests spend most of the time waiting.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections import deque
from collections.abc import Callable

FEWEST, MOST = 8, 64  # an NFSv4.1 mount has 64 slots, so that more requests would queue
_LOCAL_SECONDS = 0.0001  # upper bound for a local response; from ten times this value, all threads are used
_DIRECTORIES = 32
_ENTRIES = 16  # sampled in each directory
_BUDGET_SECONDS = 0.25


def answer_seconds(root: bytes, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the latency of the file system in seconds: the median over some directories near the root.

    Opens and lists each and stats some of its entries; cached responses lower the result. Returns 0 if
    nothing can be read; the crawl reports the error.
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
    """Return the number of crawl threads for a latency in seconds."""
    return max(FEWEST, min(MOST, round(FEWEST * seconds / _LOCAL_SECONDS)))
