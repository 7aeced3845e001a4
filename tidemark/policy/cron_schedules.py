"""The EventBridge schedules that run a calendar: as few cron expressions as its times allow.

A cron has one list of days, of the month or of the week, so a calendar can need several. More than one of
them can be due at the same minute; their runs have the same scheduled time, from which session ids and flags
are derived, so the second one starts no session.

Scheduler skips a local time that a clock change skips. For each time of the calendar that this concerns,
there is one more schedule, at the later time of the clock. It has the months and weekdays of the clock
changes, and starts no session unless the calendar has a run at that time.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tidemark.policy.calendars import Calendar, instant, is_skipped
from tidemark.policy.cron_fields import WEEKDAYS
from tidemark.policy.day_rules import LAST, DayRule
from tidemark.policy.policy import Policy, Schedule

# In 28 years, every date falls on every weekday. Time zone data lists some clock changes up to 2037 and has
# rules for later ones. Not relative to today, so that equal files give equal stacks.
_YEARS = range(2026, 2054)
_DAY = timedelta(days=1)

_Days = tuple[str, str, str]  # the fields day-of-month, month and day-of-week


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CronSchedule:
    """One schedule of EventBridge Scheduler."""

    schedule: Schedule
    only_if_due: bool  # whether it is also due at times at which the calendar has no run


def schedules_of(policy: Policy) -> list[CronSchedule]:
    """Return the schedules that run a policy; none if it is only started manually."""
    if policy.calendar is not None:
        return cron_schedules(policy.calendar)
    return [CronSchedule(schedule=policy.schedule, only_if_due=False)] if policy.schedule else []


def cron_schedules(calendar: Calendar) -> list[CronSchedule]:
    """Return the schedules that run a calendar, sorted; the last ones replace skipped times."""
    found = _crons(
        (days, at)
        for at in calendar.times
        for days in _necessary(rule for each in calendar.recurrences if at in each.at for rule in each.on)
    )
    late = _crons(_of_skipped_times(calendar))
    return [
        CronSchedule(
            schedule=Schedule(expression=expression, time_zone=calendar.time_zone), only_if_due=only_if_due
        )
        for expressions, only_if_due in ((found, False), (late, True))
        for expression in expressions
    ]


def _necessary(rules: Iterable[DayRule]) -> Iterator[_Days]:
    """Yield cron days that select the same days as the rules, without those that others include."""
    joined_rules = _joined(set(rules))
    if len(joined_rules) == 1:
        yield from joined_rules
        return
    by_days: dict[_Days, set[date]] = {}
    for days, joined in joined_rules.items():
        by_days[days] = {day for day in _every_day() if any(rule.includes(day) for rule in joined)}
    covered: set[date] = set()
    for days in sorted(by_days, key=lambda each: (-len(by_days[each]), each)):
        if not by_days[days] <= covered:
            covered |= by_days[days]
            yield days


def _joined(rules: set[DayRule]) -> Mapping[_Days, list[DayRule]]:
    """Return the rules by cron days; rules that differ in one list only share it."""
    weekly = sorted(rule.weekday or 0 for rule in rules if rule.is_weekly)
    joined: dict[_Days, list[DayRule]] = {}
    if weekly:
        names = ",".join(sorted((_weekday(number) for number in weekly), key=WEEKDAYS.index))
        days = ("*", "*", "?") if len(weekly) == 7 else ("?", "*", names)
        joined[days] = [rule for rule in rules if rule.is_weekly]
    numbered: dict[str, list[DayRule]] = {}
    for rule in rules:
        if rule.is_weekly:
            continue
        month = "*" if rule.month is None else str(rule.month)
        if rule.weekday is not None:
            number = (rule.weekday + 1) % 7 + 1  # 1 is Sunday
            joined[("?", month, f"{number}L" if rule.nth == LAST else f"{number}#{rule.nth}")] = [rule]
        elif rule.day == LAST:
            joined[("L", month, "?")] = [rule]
        else:
            numbered.setdefault(month, []).append(rule)
    for month, several in numbered.items():
        numbers = sorted(rule.day or 0 for rule in several)
        joined[(",".join(map(str, numbers)), month, "?")] = several
    return joined


def _crons(runs: Iterable[tuple[_Days, time]]) -> list[str]:
    """Return cron expressions for times on days: times of the same days share one if their minutes do."""
    hours: dict[tuple[_Days, int], set[int]] = {}
    for days, at in runs:
        hours.setdefault((days, at.minute), set()).add(at.hour)
    minutes: dict[tuple[_Days, tuple[int, ...]], set[int]] = {}
    for (days, minute), its_hours in hours.items():
        minutes.setdefault((days, tuple(sorted(its_hours))), set()).add(minute)
    return [
        f"cron({_list(its_minutes)} {_list(its_hours)} {' '.join(days)} *)"
        for (days, its_hours), its_minutes in sorted(
            minutes.items(), key=lambda each: (each[0][1], each[0][0])
        )
    ]


def _of_skipped_times(calendar: Calendar) -> Iterator[tuple[_Days, time]]:
    """Yield the times, with days that include theirs, of runs that Scheduler would skip."""
    zone = ZoneInfo(calendar.time_zone)
    months: dict[time, set[int]] = {}
    weekdays: dict[time, set[int]] = {}
    for day in _days_of_clock_changes(calendar.time_zone):
        for at in calendar.times:
            if not (calendar.flags_of(day, at) and is_skipped(day, at, zone)):
                continue
            later = instant(day, at, zone).astimezone(zone)
            if not calendar.flags_of(later.date(), later.time()):  # otherwise another run is due then
                months.setdefault(later.time(), set()).add(later.month)
                weekdays.setdefault(later.time(), set()).add(later.weekday())
    for at, its_months in months.items():
        names = sorted((_weekday(number) for number in weekdays[at]), key=WEEKDAYS.index)
        yield ("?", _list(its_months), ",".join(names)), at


@functools.cache
def _days_of_clock_changes(time_zone: str) -> tuple[date, ...]:
    zone = ZoneInfo(time_zone)
    return tuple(day for day in _every_day() if _offset(day + _DAY, zone) != _offset(day, zone))


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime.combine(day, time(), zone).utcoffset()


@functools.cache
def _every_day() -> tuple[date, ...]:
    first, last = date(_YEARS[0], 1, 1), date(_YEARS[-1], 12, 31)
    return tuple(first + number * _DAY for number in range((last - first).days + 1))


def _weekday(number: int) -> str:
    """Return the name in a cron of a weekday, of which 0 is Monday."""
    return WEEKDAYS[(number + 1) % 7]


def _list(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
