"""How far the building of an index is, and when it will probably end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

_WRITTEN_A_SECOND = 250_000  # entries sorted and written, before the build knows better


class BuildProgress:
    """What a build says of itself; whoever shows it may look from any thread, at any time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._phase_began = monotonic()
        self.entries_before = 0  # of `entries`, crawled by an earlier worker: they tell nothing of the pace
        self.phase: Literal["crawling", "writing"] = "crawling"
        self.entries_expected: int | None = None  # what the file system's previous index holds
        self.entries = 0  # crawled so far
        self.written = 0  # of them

    def begin(self, *, entries_expected: int | None, entries: int) -> None:
        """Say what is known when the crawl begins: `entries` are those of an earlier worker's checkpoint."""
        self.entries_expected, self.entries, self.entries_before = entries_expected, entries, entries
        self._phase_began = self._monotonic()

    def crawled(self, entries: int) -> None:
        """Say that so many more entries have been crawled."""
        self.entries += entries

    def begin_writing(self) -> None:
        """Say that everything has been crawled."""
        self.phase = "writing"
        self._phase_began = self._monotonic()

    def wrote(self, entries: int) -> None:
        """Say that so many more entries have been written."""
        self.written += entries

    def seconds_left(self) -> float | None:
        """Return the estimated seconds to the end; None while there is nothing to estimate it from.

        A crawl is estimated from the size of the previous index and its own pace so far.
        """
        elapsed = self._monotonic() - self._phase_began
        if self.phase == "writing":
            pace = self.written / elapsed if self.written and elapsed > 0 else _WRITTEN_A_SECOND
            return max(self.entries - self.written, 0) / pace
        crawled = self.entries - self.entries_before
        if self.entries_expected is None or crawled <= 0 or elapsed <= 0:
            return None
        expected = max(self.entries_expected, self.entries)
        return (expected - self.entries) * elapsed / crawled + expected / _WRITTEN_A_SECOND
