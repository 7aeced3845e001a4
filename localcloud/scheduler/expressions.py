"""When a schedule is due. Source: EventBridge Scheduler user guide, "Schedule types"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter  # type: ignore[import-untyped]  # it has no types

UNITS = {"minute": 60, "hour": 3600, "day": 86400}


class BadExpression(ValueError):
    """No schedule expression."""


def next_time(expression: str, zone: str, anchor: datetime, after: datetime) -> datetime | None:
    """Return the first time later than `after` at which a schedule is due, None when there is none any more.

    `anchor` is the schedule's start: a rate is due then and every so often from then on. Times of cron and at
    are in `zone`. A local time that a clock change skips is skipped; one that comes twice counts once, the
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
        fields = AwsCroniter(cron[1])
    except Exception as error:
        raise BadExpression(f"{expression!r}: {error}") from error
    return _next_local(fields, local, after)


def _next_local(fields: AwsCroniter, local: ZoneInfo, after: datetime) -> datetime | None:
    # The library counts in UTC: it is given the wall clock as if that were UTC. An hour back, for a clock
    # change may have put the wall clock forward.
    wall = (after.astimezone(local) - timedelta(hours=2)).replace(tzinfo=UTC)
    while True:
        found = fields.get_next(wall, 1)
        found = found[0] if isinstance(found, list) else found
        if found is None:
            return None
        due: datetime = found.replace(tzinfo=local).astimezone(UTC)
        exists = due.astimezone(local).replace(tzinfo=UTC) == found
        if exists and due > after:
            return due
        wall = found
