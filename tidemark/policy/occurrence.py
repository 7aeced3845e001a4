"""The days on which a cron expression that `schedule` has accepted runs."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time

from tidemark.policy.cron_fields import BOUNDS, FIELDS, WORDS

_MONDAY_TO_FRIDAY = range(2, 7)


def last_year(expression: str) -> int | None:
    """Return the last year in which `cron(...)` runs; None if it never runs.

    30 February, or day 31 in months of 30 days, never occurs.
    """
    return next((day.year for day in days_of(expression, backwards=True)), None)


def comes_after(expression: str, wall: datetime) -> bool:
    """Return whether `cron(...)` runs after the given local time."""
    later_today = any((at.hour, at.minute) > (wall.hour, wall.minute) for at in times_of(expression))
    first = wall.date()
    day = next((day for day in days_of(expression) if day > first or (later_today and day == first)), None)
    return day is not None


def times_of(expression: str) -> list[time]:
    """Return the local times at which `cron(...)` runs on each of its days, in order."""
    minutes, hours = _values(expression, "minutes"), _values(expression, "hours")
    return [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]


def days_of(expression: str, *, backwards: bool = False) -> Iterator[date]:
    """Return the days of `cron(...)`, in order."""
    fields = _fields(expression)
    for year in sorted(_values(expression, "year"), reverse=backwards):
        for month in sorted(_values(expression, "month"), reverse=backwards):
            # Day of the month -> day of the week; 1 is Sunday.
            first, last = calendar.monthrange(year, month)
            weekdays = {day: (first + day) % 7 + 1 for day in range(1, last + 1)}
            if fields["day-of-week"] == "?":
                found = _of_month(fields["day-of-month"], weekdays)
            else:
                found = _of_week(fields["day-of-week"], weekdays)
            yield from (date(year, month, day) for day in sorted(found, reverse=backwards))


def _of_month(field: str, weekdays: dict[int, int]) -> Iterable[int]:
    last = len(weekdays)
    if field == "L":
        return {last}
    working = [day for day, weekday in weekdays.items() if weekday in _MONDAY_TO_FRIDAY]
    if field == "LW":
        return {working[-1]}
    if field.endswith("W"):
        wanted = int(field[:-1])
        # Never two at the same distance: five days lie between weekends.
        return {min(working, key=lambda day: abs(day - wanted))} if wanted <= last else ()
    return _numbers("day-of-month", field) & weekdays.keys()


def _of_week(field: str, weekdays: dict[int, int]) -> Iterable[int]:
    if field == "L":  # the last day of the week
        field = "7"
    wanted, hash_sign, week = field.partition("#")
    numbers = _numbers("day-of-week", wanted.rstrip("L"))
    days = [day for day, weekday in weekdays.items() if weekday in numbers]
    if hash_sign:
        return days[int(week) - 1 : int(week)]
    return days[-1:] if field.endswith("L") else days


def _fields(expression: str) -> dict[str, str]:
    return dict(zip(FIELDS, expression.removeprefix("cron(").removesuffix(")").split(), strict=True))


def _values(expression: str, name: str) -> set[int]:
    return _numbers(name, _fields(expression)[name])


def _numbers(name: str, field: str) -> set[int]:
    """Return the numbers of a field: `5`, `5-10`, `5/10`, `5-30/10`, `*/10`, `*`, and several of them."""
    low, high = BOUNDS[name]
    found: set[int] = set()
    for item in field.split(","):
        bounds, slash, step = item.partition("/")
        first, dash, last = (str(low), "-", str(high)) if bounds == "*" else bounds.partition("-")
        start = _number(name, first)
        end = _number(name, last) if dash else high if slash else start
        found |= set(range(start, end + 1, int(step) if slash else 1))
    return found


def _number(name: str, text: str) -> int:
    words = WORDS.get(name, [])
    return words.index(text) + 1 if text in words else int(text)
