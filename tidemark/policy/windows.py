"""Start windows: how long a backup job may wait for another job of the same file system.

AWS Backup runs one backup or copy job of a resource at a time, and a job that has waited for its whole start
window ends EXPIRED. With a window longer than the interval between runs, jobs queue up; with a shorter one,
backups expire while a long copy runs. So the window is the interval, within bounds.
Source: AWS Backup Developer Guide, "Quotas"; StartBackupJob, StartWindowMinutes.
"""

from __future__ import annotations

import re

from tidemark.policy.calendars import Calendar
from tidemark.policy.policy import Schedule

SHORTEST_MINUTES = 60  # AWS Backup accepts no less
DEFAULT_MINUTES = 480  # AWS Backup's own default
LONGEST_MINUTES = 1_440  # leaves six of the job's seven days for running
_DAY_MINUTES = 1_440
_UNIT_MINUTES = {"minute": 1, "hour": 60, "day": _DAY_MINUTES}


def start_window_minutes(schedule: Schedule | Calendar | None) -> int:
    """Return the minutes that a backup job of a policy may wait for its start."""
    if schedule is None:
        return DEFAULT_MINUTES
    if isinstance(schedule, Calendar):
        interval = _shortest_gap([60 * at.hour + at.minute for at in schedule.times])
    else:
        interval = shortest_interval_minutes(schedule.expression)
    return max(SHORTEST_MINUTES, min(interval, LONGEST_MINUTES))


def shortest_interval_minutes(expression: str) -> int:
    """Return a lower bound of the minutes between two runs of `rate(...)` or `cron(...)`.

    Every cron counts as daily. The result is exact for a rate and for a daily cron, except that two runs may
    be an hour closer on the day when clocks go forward. Raises ValueError for any other expression, which no
    policy contains.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return int(rate[1]) * _UNIT_MINUTES[rate[2]]
    cron = re.fullmatch(r"cron\((\S+) (\S+) .+\)", expression)
    if not cron:
        raise ValueError(f"{expression!r} is neither rate(...) nor cron(...)")
    return _shortest_gap(
        sorted(
            60 * hour + minute for hour in _values(cron[2], last=23) for minute in _values(cron[1], last=59)
        )
    )


def _shortest_gap(times: list[int]) -> int:
    """Return the shortest time between runs at these sorted minutes of every day."""
    following = [*times[1:], times[0] + _DAY_MINUTES]
    return min(after - before for before, after in zip(times, following, strict=True))


def _values(field: str, *, last: int) -> set[int]:
    """Return the numbers of a cron field from 0 to `last`: `5`, `5-10`, `5/10`, `*/10`, `1,2`."""
    found: set[int] = set()
    for item in field.split(","):
        bounds, slash, step = item.partition("/")
        low, dash, high = ("0", "-", str(last)) if bounds == "*" else bounds.partition("-")
        end = high if dash else (str(last) if slash else low)
        found |= set(range(int(low), int(end) + 1, int(step) if slash else 1))
    return found
