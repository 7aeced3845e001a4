"""The calendar of a policy: daily, weekly, monthly and yearly schedules, whose runs carry flags.

Schedules of a calendar that fall on the same minute are one run, which carries the flags of all of them. The
flags are a function of the time for which a run was scheduled, not of the schedule that triggered it.

Clock changes: EventBridge Scheduler skips a local time that does not exist, and at one that occurs twice it
runs once, the first time. Here a run at a skipped time is not lost: it takes place when the clock would have
shown that time without the change, so 02:30 becomes 03:30. `cron_schedules` has schedules for these runs.
Source: EventBridge Scheduler User Guide, "Schedule types", "Daylight savings time on EventBridge Scheduler";
AWS Knowledge Center, "How can I adjust my Amazon EventBridge schedule for daylight saving?".

Imports only the standard library, like `policy.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from tidemark.policy.day_rules import DayRule, day_rule

Flag = Literal["D", "W", "M", "Y"]
FLAGS: tuple[Flag, ...] = get_args(Flag)
FLAG_NAMES: dict[Flag, str] = {"D": "daily", "W": "weekly", "M": "monthly", "Y": "yearly"}
_DAY = timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long AWS Backup keeps a recovery point, and when it moves the point to cold storage."""

    keep_days: int | None  # None keeps forever
    cold_after_days: int | None = None  # None: never

    @property
    def rank(self) -> tuple[bool, int, bool, int]:
        """A key that sorts by retention, and points of equal retention by their time in warm storage."""
        return (
            self.keep_days is None,
            self.keep_days or 0,
            self.cold_after_days is None,
            self.cold_after_days or 0,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """The times at which runs carry one flag."""

    flag: Flag
    at: tuple[time, ...]  # local
    on: tuple[DayRule, ...]  # the days that any of these selects
    retention: Retention  # of the recovery points

    def includes(self, day: date) -> bool:
        """Return whether the recurrence has runs on the day."""
        return any(rule.includes(day) for rule in self.on)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A time at which a calendar starts a policy."""

    at: datetime  # UTC
    flags: tuple[Flag, ...]  # in the order of FLAGS; not empty


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The schedules of a policy, at most one for each flag."""

    recurrences: tuple[Recurrence, ...]
    time_zone: str = "UTC"  # IANA name

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags that runs can carry."""
        return _ordered({recurrence.flag for recurrence in self.recurrences})

    @property
    def times(self) -> tuple[time, ...]:
        """All times of the day at which runs are scheduled, sorted."""
        return tuple(sorted({at for recurrence in self.recurrences for at in recurrence.at}))

    def flags_of(self, day: date, at: time) -> tuple[Flag, ...]:
        """Return the flags of the run that is scheduled for a local time; empty if there is none."""
        return _ordered({each.flag for each in self.recurrences if at in each.at and each.includes(day)})

    def flags_at(self, moment: datetime) -> tuple[Flag, ...]:
        """Return the flags of the run at `moment`, which has a time zone; empty if no run is scheduled then.

        Seconds are ignored, because Scheduler has a precision of a minute. At the second occurrence of a
        local time, the result is that of the first: if Scheduler ran then, no flag would be lost.
        """
        zone = ZoneInfo(self.time_zone)
        moment = moment.astimezone(UTC).replace(second=0, microsecond=0)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        found = set(self.flags_of(wall.date(), wall.time()))
        for day in (wall.date() - _DAY, wall.date(), wall.date() + _DAY):
            for at in self.times:
                if instant(day, at, zone) == moment:
                    found.update(self.flags_of(day, at))
        return _ordered(found)

    def runs(self, after: datetime) -> Iterator[Run]:
        """Yield the runs after a time, in order, without end. `after` has a time zone."""
        zone = ZoneInfo(self.time_zone)
        day = after.astimezone(zone).date() - 2 * _DAY
        pending: dict[datetime, set[Flag]] = {}
        while True:
            for at in self.times:
                if flags := self.flags_of(day, at):
                    pending.setdefault(instant(day, at, zone), set()).update(flags)
            # A clock change moves a run by at most a day, so nothing that is found later precedes this.
            for at_utc in sorted(each for each in pending if each < instant(day - _DAY, time(), zone)):
                flags_then = pending.pop(at_utc)
                if at_utc > after:
                    yield Run(at=at_utc, flags=_ordered(flags_then))
            day += _DAY

    def retention(self, flags: Sequence[str]) -> Retention | None:
        """Return the longest retention of the flags; None if the calendar has none of them.

        Flags with equal retentions keep a point in warm storage for the longest of their times.
        """
        return longest({each.flag: each.retention for each in self.recurrences}, flags)

    def to_fields(self) -> dict[str, Any]:
        """Return the calendar as values of JSON."""
        return {
            "time_zone": self.time_zone,
            "recurrences": [
                {
                    "flag": each.flag,
                    "at": [f"{at:%H:%M}" for at in each.at],
                    "on": [str(rule) for rule in each.on],
                    **dataclasses.asdict(each.retention),
                }
                for each in self.recurrences
            ],
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the calendar that `to_fields` returned; ignores unknown fields."""
        return cls(
            time_zone=fields["time_zone"],
            recurrences=tuple(
                Recurrence(
                    flag=each["flag"],
                    at=tuple(time.fromisoformat(text) for text in each["at"]),
                    on=tuple(day_rule(text) for text in each["on"]),
                    retention=Retention(
                        keep_days=each["keep_days"], cold_after_days=each.get("cold_after_days")
                    ),
                )
                for each in fields["recurrences"]
            ),
        )


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the UTC time of a local time: the first of two, and for one that does not exist, the time that
    the clock would have reached without the change."""
    # PEP 495: with fold=0, the offset is that before the change, in both cases.
    return datetime.combine(day, at, zone).astimezone(UTC)


def is_skipped(day: date, at: time, zone: ZoneInfo) -> bool:
    """Return whether a clock change skips the local time."""
    return instant(day, at, zone).astimezone(zone).replace(tzinfo=None) != datetime.combine(day, at)


def longest(retentions: Mapping[str, Retention], flags: Sequence[str]) -> Retention | None:
    """Return the longest retention of the flags; None if `retentions` has none of them."""
    return max((kept for flag, kept in retentions.items() if flag in flags), key=_rank, default=None)


def _rank(retention: Retention) -> tuple[bool, int, bool, int]:
    return retention.rank


def _ordered(flags: set[Flag]) -> tuple[Flag, ...]:
    return tuple(flag for flag in FLAGS if flag in flags)
