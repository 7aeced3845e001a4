"""Rules for the days of a schedule: `sunday`, `15`, `last day`, `first monday`, `last friday of june`.

Imports only the standard library, like `policy.py`.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
from datetime import date, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
ORDINALS = ("first", "second", "third", "fourth")
LAST = -1
# Every month has these days. A month without the 31st would have no run, and no recovery point to keep.
LAST_DAY_OF_EVERY_MONTH = 28
_A_LEAP_YEAR, _NO_LEAP_YEAR = 2028, 2027


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DayRule:
    """Days of the calendar: a weekday of every week, or one day in every month, or in one month."""

    weekday: int | None = None  # 0 is Monday
    nth: int | None = None  # of the weekday in its month: 1 to 4, or LAST; None: of every week
    day: int | None = None  # of the month, or LAST; None if `weekday` is set
    month: int | None = None  # 1 is January; None: of every month

    @property
    def is_weekly(self) -> bool:
        """Whether the rule selects a day of every week."""
        return self.weekday is not None and self.nth is None

    def includes(self, day: date) -> bool:
        """Return whether the rule selects the day."""
        if self.month is not None and day.month != self.month:
            return False
        if self.weekday is None:
            last = calendar.monthrange(day.year, day.month)[1]
            return day.day == (last if self.day == LAST else self.day)
        if day.weekday() != self.weekday:
            return False
        if self.nth is None:
            return True
        if self.nth == LAST:
            return (day + timedelta(days=7)).month != day.month
        return (day.day - 1) // 7 + 1 == self.nth

    def __str__(self) -> str:
        if self.is_weekly:
            return WEEKDAYS[self.weekday or 0]
        which = "last" if LAST in (self.nth, self.day) else ORDINALS[(self.nth or 1) - 1]
        if self.weekday is not None:
            text = f"{which} {WEEKDAYS[self.weekday]}"
        elif self.day == LAST:
            text = "last day"
        else:
            return str(self.day) if self.month is None else f"{self.day} {MONTHS[self.month - 1]}"
        return text if self.month is None else f"{text} of {MONTHS[self.month - 1]}"


def day_rule(text: str) -> DayRule:
    """Return the rule of a text such as those that `str` returns; words may be cut to three letters.

    Raises ValueError for any other text, and for a day that some of the rule's months do not have.
    """
    words = text.lower().split()
    match words:
        case [weekday] if (number := _index(weekday, WEEKDAYS)) is not None:
            return DayRule(weekday=number)
        case [*day, "of", month] if day and (number := _index(month, MONTHS)) is not None:
            return _in_month(_day_of_month(text, day), number + 1, text)
        case [day, month] if day.isdecimal() and (number := _index(month, MONTHS)) is not None:
            return _in_month(_day_of_month(text, [day]), number + 1, text)
        case _:
            rule = _day_of_month(text, words)
            if rule.day is not None and rule.day > LAST_DAY_OF_EVERY_MONTH:
                raise ValueError(
                    f"not every month has a day {rule.day}; write a day from 1 to "
                    f"{LAST_DAY_OF_EVERY_MONTH}, or 'last day'"
                )
            return rule


def weekday_numbers(text: str) -> list[int]:
    """Return the weekdays (0 is Monday) of `mon`, `monday` or `mon-fri`. Raises ValueError."""
    first, dash, last = text.lower().replace(" ", "").partition("-")
    start, end = _index(first, WEEKDAYS), _index(last if dash else first, WEEKDAYS)
    if start is None or end is None:
        raise ValueError(f"{text!r} is not a weekday; write one such as mon or monday, or a range: mon-fri")
    return [number % 7 for number in range(start, end + 1 if end >= start else end + 8)]


def _day_of_month(text: str, words: list[str]) -> DayRule:
    match words:
        case [day] if re.fullmatch(r"[1-9]|[12][0-9]|3[01]", day):
            return DayRule(day=int(day))
        case ["last", "day"]:
            return DayRule(day=LAST)
        case [which, weekday] if (number := _index(weekday, WEEKDAYS)) is not None:
            if which == "last":
                return DayRule(weekday=number, nth=LAST)
            if which in ORDINALS:
                return DayRule(weekday=number, nth=ORDINALS.index(which) + 1)
            if which == "fifth":
                raise ValueError(f"not every month has a fifth {WEEKDAYS[number]}; write last instead")
    raise ValueError(f"{text!r} is not a day")


def _in_month(rule: DayRule, month: int, text: str) -> DayRule:
    longest = calendar.monthrange(_NO_LEAP_YEAR, month)[1]
    if rule.day is not None and rule.day > longest:
        some = " in every year" if rule.day <= calendar.monthrange(_A_LEAP_YEAR, month)[1] else ""
        raise ValueError(
            f"{MONTHS[month - 1]} has no day {rule.day}{some}; write 'last day of {MONTHS[month - 1]}'"
        )
    return dataclasses.replace(rule, month=month)


def _index(word: str, words: tuple[str, ...]) -> int | None:
    """Return the position of a word, which may be cut to three letters or more; None if it is unknown."""
    return next((n for n, each in enumerate(words) if len(word) >= 3 and each.startswith(word)), None)
