"""Cron expressions of EventBridge Scheduler, evaluated day by day in local time.

Source: EventBridge Scheduler user guide, "Schedule types"; for cases that it does not cover (LW, a step
beyond the last value, L as day of the week, which means Saturday), Quartz's CronTrigger, which has the same
grammar.
"""

from __future__ import annotations

import itertools
import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day-of-month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day-of-week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
    ("year", 1970, 2199, ()),
)
_ONE_DAY = timedelta(days=1)
_SATURDAY = 7


class Cron:
    """A parsed cron expression."""

    def __init__(self, text: str) -> None:
        """Parse six fields. Raises ValueError, which names the invalid field."""
        fields = text.upper().split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"six fields are required, not {len(fields)}")
        if (fields[2] == "?") == (fields[4] == "?"):
            raise ValueError("exactly one of day-of-month and day-of-week must be '?'")
        minutes, hours, self._days, months, self._weekdays, years = (
            _read(field, *of) for field, of in zip(fields, _FIELDS, strict=True)
        )
        self._months, self._years = _numbers(months), _numbers(years)
        self._times = [
            time(hour, minute) for hour in sorted(_numbers(hours)) for minute in sorted(_numbers(minutes))
        ]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after a moment, in order; both have no time zone."""
        for day in self._dates(moment.date()):
            for at in self._times:
                if (found := datetime.combine(day, at)) > moment:
                    yield found

    def _dates(self, first: date) -> Iterator[date]:
        months = itertools.product(sorted(self._years), sorted(self._months))
        for year, month in months:
            if (year, month) < (first.year, first.month):
                continue
            for number in range(1, monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= first and (
                    _is_day(self._days, day) if self._days else _is_weekday(self._weekdays, day)
                ):
                    yield day


_Special = tuple[str, int, int]  # L, LW, W or #, with one or two numbers
_Read = frozenset[int] | _Special | None  # None: '?'


def _numbers(field: _Read) -> frozenset[int]:
    return field if isinstance(field, frozenset) else frozenset()  # only day fields can have other values


def _read(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> _Read:
    for number, word in enumerate(words, low):
        text = re.sub(rf"\b{word}(?=\b|L)", str(number), text)
    found: _Read = _special(text, name) if name.startswith("day") else frozenset()
    if found is None or found:
        return found
    values: set[int] = set()
    for item in text.split(","):
        match = re.fullmatch(r"(?:(\*)|(\d{1,4})(?:-(\d{1,4}))?)(?:/(\d{1,4}))?", item, re.ASCII)
        if match is None:
            raise ValueError(f"{text!r} cannot be {name}")
        first = low if match[1] else int(match[2])
        last = int(match[3]) if match[3] else high if match[1] or match[4] else first
        step = int(match[4] or 1)
        if not (low <= first <= high and low <= last <= high and step):
            raise ValueError(f"{text!r} cannot be {name}; it takes {low}-{high}")
        if last < first:  # the range wraps around
            last += high - low + 1
        values |= {low + (number - low) % (high - low + 1) for number in range(first, last + 1, step)}
    return frozenset(values)


def _special(text: str, name: str) -> _Read:
    """Return a value that only day fields allow; empty for any other text."""
    of_month = name == "day-of-month"
    if text == "?":
        return None
    if of_month and (match := re.fullmatch(r"L(?:-(\d{1,2}))?|(L)W|(\d{1,2})W", text, re.ASCII)):
        if match[2]:
            return ("LW", 0, 0)
        if match[3] and 1 <= int(match[3]) <= 31:
            return ("W", int(match[3]), 0)
        if not match[3] and int(match[1] or 0) <= 30:
            return ("L", int(match[1] or 0), 0)
    if not of_month and text == "L":
        return frozenset({_SATURDAY})
    if not of_month and (match := re.fullmatch(r"([1-7])(?:(L)|#([1-5]))", text, re.ASCII)):
        return ("L", int(match[1]), 0) if match[2] else ("#", int(match[1]), int(match[3]))
    return frozenset()


def _is_day(field: _Read, day: date) -> bool:
    if not isinstance(field, tuple):
        return field is not None and day.day in field
    kind, number, _ = field
    last = monthrange(day.year, day.month)[1]
    if kind == "L":
        return day.day == last - number
    if day.weekday() > 4:
        return False
    if kind == "LW":  # last weekday of the month
        return all((day + n * _ONE_DAY).weekday() > 4 for n in range(1, last - day.day + 1))
    if number > last:
        return False
    wanted = day.replace(day=number)
    if wanted.weekday() == 5:
        wanted += _ONE_DAY * (2 if number == 1 else -1)
    elif wanted.weekday() == 6:
        wanted += _ONE_DAY * (-2 if number == last else 1)
    return day == wanted


def _is_weekday(field: _Read, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1  # 1 is Sunday
    if not isinstance(field, tuple):
        return field is not None and weekday in field
    kind, number, week = field
    if kind == "L":
        return weekday == number and (day + 7 * _ONE_DAY).month != day.month
    return weekday == number and (day.day + 6) // 7 == week
