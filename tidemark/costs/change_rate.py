"""How much of a file system differs between two points in time, as a function of the time between them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRate:
    """The bytes of files that were added or changed within a number of days.

    A file that changes every day counts once, however many days there are. So the bytes grow more slowly
    than the days. Between measurements they are interpolated; beyond the last one they grow as between the
    last two, which is too much for a file system where the same files change all the time.
    """

    size: int  # bytes of the file system; nothing changes more than all of it
    measured: tuple[tuple[float, int], ...]  # (days, bytes), ascending; days > 0; not empty

    @classmethod
    def of_daily(cls, size: int, daily_bytes: float) -> ChangeRate:
        """Return the rate of a file system in which other files change every day."""
        return cls(size=size, measured=((1.0, round(daily_bytes)),))

    def over(self, days: float) -> float:
        """Return the bytes that change within `days`, at most all."""
        before_days, before_bytes = 0.0, 0
        slope = 0.0
        for at, changed in self.measured:
            slope = (changed - before_bytes) / (at - before_days)
            if days <= at:
                return min(float(self.size), before_bytes + slope * (days - before_days))
            before_days, before_bytes = at, changed
        return min(float(self.size), before_bytes + slope * (days - before_days))
