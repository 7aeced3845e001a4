"""Computes when a schedule is due. Source: EventBridge Scheduler user guide, "Schedule types"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localcloud.core.cron import Cron

UNITS = {"minute": 60, "hour": 3600, "day": 86400}


class BadExpression(ValueError):
    """The text is not a valid schedule expression."""


def next_time(expression: str, zone: str, anchor: datetime, after: datetime) -> datetime | None:
    """Return the first time later than `after` at which a schedule is due, or None.

    `anchor` is the schedule's start: a rate is due then and at each interval after it. Times of cron and at
    are in `zone`. A local time that a clock change skips is skipped; one that occurs twice is due only the
    first time. Raises BadExpression.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        period = timedelta(seconds=int(rate[1]) * UNITS[rate[2]])
        periods = (after - anchor) // period + 1 if after >= anchor else 0
        return anchor + periods * period
    local = ZoneInfo(zone)
    at = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    if at:
        once = datetime.fromisoformat(at[1]).replace(tzinfo=local).astimezone(UTC)
        return once if once > after else None
    cron = re.fullmatch(r"cron\((.+)\)", expression)
    if not cron:
        raise BadExpression(f"{expression!r} is neither rate(), cron() nor at()")
    try:
        fields = Cron(cron[1])
    except ValueError as error:
        raise BadExpression(f"{expression!r}: {error}") from error
    return _next_local(fields, local, after)


def check(expression: str, zone: str) -> None:
    """Raise BadExpression for an invalid expression or time zone."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        next_time(expression, zone, now, now)
    except (ZoneInfoNotFoundError, ValueError, OverflowError) as error:
        raise BadExpression(str(error)) from error


def _next_local(fields: Cron, local: ZoneInfo, after: datetime) -> datetime | None:
    # Start earlier, because a clock change may have moved the wall clock forward.
    wall = (after.astimezone(local) - timedelta(hours=2)).replace(tzinfo=None)
    for found in fields.after(wall):
        due = found.replace(tzinfo=local).astimezone(UTC)
        if due > after and due.astimezone(local).replace(tzinfo=None) == found:
            return due
    return None
