"""Validation of recurring schedules for EventBridge Scheduler.

An invalid expression is reported here, with the field at fault, instead of by a failed deployment.
Source: Amazon EventBridge Scheduler User Guide, "Schedule types".
"""

from __future__ import annotations

import difflib
import functools
import re
import zoneinfo

from tidemark.policy.cron_fields import BOUNDS, FIELDS, WORDS
from tidemark.policy.occurrence import last_year

# Not zones, but files next to them: the machine's local zone, the unset zone, and rules for other zones.
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})
LONGEST = 256  # characters of an expression. Source: CreateSchedule, ScheduleExpression
EXAMPLE = "for example '0 2 * * ? *' for 02:00 every day"


def cron_expression(text: str) -> str:
    """Return `cron(...)` for six cron fields, which may already be wrapped in `cron( )`.

    Raises ValueError with the field at fault and its valid values, or if the expression is too long.
    """
    inner = re.fullmatch(r"\s*(?:cron\()?([^()]*?)\)?\s*", text)
    fields = inner.group(1).upper().split() if inner else []
    if len(fields) == 5:
        raise ValueError(
            f"{text!r} has the five fields of a Unix crontab; Scheduler requires six: {' '.join(FIELDS)}, "
            f"and '?' as day-of-month or day-of-week; {EXAMPLE}"
        )
    if len(fields) != 6:
        raise ValueError(
            f"{text!r} is not a cron expression; write six fields: {' '.join(FIELDS)}, {EXAMPLE}"
        )
    for name, value in zip(FIELDS, fields, strict=True):
        _check_field(name, value)
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(f"exactly one of day-of-month and day-of-week must be '?' in {text!r}; {EXAMPLE}")
    expression = f"cron({' '.join(fields)})"
    if len(expression) > LONGEST:
        raise ValueError(
            f"the cron expression has {len(expression)} characters; Scheduler accepts {LONGEST}; "
            "write ranges and steps instead of lists"
        )
    if last_year(expression) is None:
        raise ValueError(
            f"{text!r} never runs: none of its months has such a day; write L for the last day of each "
            f"month, {EXAMPLE}"
        )
    return expression


def rate_expression(text: str) -> str:
    """Return `rate(...)` for a text such as `12 hours`, `1 day` or `rate(12 hours)`.

    Raises ValueError with an example.
    """
    match = re.fullmatch(r"\s*(?:rate\()?\s*0*([1-9][0-9]{0,4})\s+(minute|hour|day)s?\s*\)?\s*", text)
    if not match:
        raise ValueError(
            f"{text!r} is not a rate; write a whole number of minutes, hours or days, such as '12 hours'"
        )
    count, unit = int(match.group(1)), match.group(2)
    return f"rate({count} {unit}{'' if count == 1 else 's'})"


def check_time_zone(name: str) -> str:
    """Return `name`, which is an IANA time zone that Scheduler accepts.

    Raises ValueError with the nearest names. Without time zone data, only the form is checked.
    """
    known = _time_zones()
    if known and name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "write one such as Europe/Berlin or UTC"
        raise ValueError(f"{name!r} is not an IANA time zone; {hint}")
    if name in _NO_ZONES or not re.fullmatch(r"[A-Za-z0-9_+\-/]{1,50}", name):
        raise ValueError(f"{name!r} is not an IANA time zone; write one such as Europe/Berlin or UTC")
    return name


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


def _check_field(name: str, value: str) -> None:
    """Check one field; it is a list of items separated by commas."""
    for item in value.split(","):
        if not _is_item(name, item, alone=item == value):
            low, high = BOUNDS[name]
            words = f" or {WORDS[name][0]}-{WORDS[name][-1]}" if name in WORDS else ""
            raise ValueError(
                f"{value!r} is not valid for {name}; use {low}-{high}{words} with , - * /{_letters(name)}"
            )


def _letters(name: str) -> str:
    return {"day-of-month": " ? L W", "day-of-week": " ? L #"}.get(name, "")


def _is_item(name: str, item: str, *, alone: bool) -> bool:
    if item == "*":
        return alone
    if item == "?":
        return alone and name in ("day-of-month", "day-of-week")
    if name == "day-of-month" and item in ("L", "LW"):
        return alone
    if name == "day-of-month" and item.endswith("W"):
        return alone and _number(name, item[:-1]) is not None
    if name == "day-of-week" and item.endswith("L"):
        return alone and (item == "L" or _number(name, item[:-1]) is not None)
    if name == "day-of-week" and "#" in item:
        day, _, week = item.partition("#")
        return alone and _number(name, day) is not None and week in tuple("12345")
    return _is_range(name, item)


def _is_range(name: str, item: str) -> bool:
    """`5`, `5-10`, `5/10`, `5-30/10`, `*/10`."""
    start, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if start == "*":
        return bool(slash)
    first, dash, last = start.partition("-")
    low, high = _number(name, first), _number(name, last) if dash else None
    return low is not None and (not dash or (high is not None and low <= high))


def _number(name: str, text: str) -> int | None:
    """Return the number of a digit string or of a month's or weekday's name; None out of bounds."""
    low, high = BOUNDS[name]
    words = WORDS.get(name, [])
    if text in words:
        return words.index(text) + 1
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if low <= int(text) <= high and len(text) <= 4 else None
