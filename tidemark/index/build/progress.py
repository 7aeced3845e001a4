"""The progress of an index build, and its estimated end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

_WRITTEN_A_SECOND = 250_000  # initial estimate of the entries sorted and written per second


class BuildProgress:
    """The progress of a build. May be read from any thread at any time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._phase_began = monotonic()
        self.entries_before = 0  # those of an earlier worker, which do not count for the rate
        self.phase: Literal["crawling", "writing"] = "crawling"
        self.entries_expected: int | None = None  # the number of entries in the previous index
        self.entries = 0  # crawled so far
        self.written = 0  # written so far

    def begin(self, *, entries_expected: int | None, entries: int) -> None:
        """Record the start of the crawl; `entries` are those in the checkpoint of an earlier worker."""
        self.entries_expected, self.entries, self.entries_before = entries_expected, entries, entries
        self._phase_began = self._monotonic()

    def crawled(self, entries: int) -> None:
        """Add to the number of crawled entries."""
        self.entries += entries

    def begin_writing(self) -> None:
        """Record the end of the crawl."""
        self.phase = "writing"
        self._phase_began = self._monotonic()

    def wrote(self, entries: int) -> None:
        """Add to the number of written entries."""
        self.written += entries

    def seconds_left(self) -> float | None:
        """Return the estimated seconds to the end; None while there is no basis for an estimate.

        The estimate for a crawl uses the size of the previous index and the rate so far.
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
