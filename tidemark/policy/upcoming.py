"""The next runs of a policy, with the retention of the points that they create."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tidemark.errors import NextRunUnknown
from tidemark.policy.calendars import instant, is_skipped
from tidemark.policy.occurrence import days_of, times_of
from tidemark.policy.policy import Policy, Schedule


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingRun:
    """A run that a schedule will start."""

    at: datetime  # UTC
    flags: tuple[str, ...]  # empty for a run of a cron
    policy: Policy  # with the retentions and copies of this run


def next_runs(policy: Policy, after: datetime) -> Iterator[UpcomingRun]:
    """Yield the runs of a policy after a time, in order; none without a schedule.

    Raises NextRunUnknown for a rate, which counts from the time of its deployment.
    """
    if policy.calendar is not None:
        runs = ((run.at, run.flags) for run in policy.calendar.runs(after))
    elif policy.schedule is not None:
        runs = ((at, ()) for at in _runs_of_cron(policy, policy.schedule, after))
    else:
        return
    for at, flags in runs:
        yield UpcomingRun(at=at, flags=flags, policy=policy.for_run(flags))


def expiry(at: datetime, days: int | None) -> date | None:
    """Return the day (UTC) that comes a number of days after a run; None if there is no number."""
    return None if days is None else (at.astimezone(UTC) + timedelta(days=days)).date()


def _runs_of_cron(policy: Policy, schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield the times of a cron. Scheduler skips those that a clock change skips."""
    if schedule.is_rate:
        raise NextRunUnknown(policy.name, schedule.expression)
    zone = ZoneInfo(schedule.time_zone)
    first = after.astimezone(zone).date() - timedelta(days=1)
    for day in days_of(schedule.expression):
        if day < first:
            continue
        for at in sorted(
            instant(day, at, zone) for at in times_of(schedule.expression) if not is_skipped(day, at, zone)
        ):
            if at > after:
                yield at
