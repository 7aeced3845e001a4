"""Types of the values below `schedules` in `tidemark.yaml`, and of retentions by flag."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import time
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from tidemark.policy.calendars import FLAG_NAMES
from tidemark.policy.day_rules import DayRule, day_rule, weekday_numbers
from tidemark.policy.policy import MANUAL
from tidemark.policy.value_types import KEEP_SCHEMA, keep_days

MOST_TIMES = 48  # a day; SSM parameters are small
_OF_MONTH = "write a day from 1 to 28, 'last day', or a weekday such as 'first monday' or 'last friday'"
_OF_YEAR = "write a day such as '31 december', 'last day of june' or 'first monday of january'"


def times(value: Any) -> tuple[time, ...]:
    """Return the times of day of a text such as `02:00`, or of a list, sorted. Raises ValueError."""
    found = sorted({_time(text) for text in _listed(value, "write a time, for example at: '02:00'")})
    if len(found) > MOST_TIMES:
        raise ValueError(f"there are {len(found)} times; the limit is {MOST_TIMES}; remove some")
    return tuple(found)


def weekdays(value: Any) -> tuple[DayRule, ...]:
    """Return the rules of weekdays such as `sunday`, `mon-fri`, or a list of them. Raises ValueError."""
    numbers = {
        number
        for text in _listed(value, "write a weekday, for example on: sunday")
        for number in weekday_numbers(str(text))
    }
    return tuple(DayRule(weekday=number) for number in sorted(numbers))


def month_days(value: Any) -> tuple[DayRule, ...]:
    """Return the rules of days of a month: `15`, `last day`, `first monday`, or a list. Raises ValueError."""
    rules = _rules(value, _OF_MONTH)
    for rule in rules:
        if rule.is_weekly or rule.month is not None:
            raise ValueError(f"'{rule}' is not a day of every month; {_OF_MONTH}")
    return rules


def year_days(value: Any) -> tuple[DayRule, ...]:
    """Return the rules of days of a year: `31 december`, `last day of june`, or a list. Raises ValueError."""
    rules = _rules(value, _OF_YEAR)
    for rule in rules:
        if rule.month is None:
            raise ValueError(f"'{rule}' has no month; {_OF_YEAR}")
    return rules


def cold_days(text: Any) -> int:
    """Return the days of a text such as `30 days`. Raises ValueError."""
    days = keep_days(text)
    if days is None:
        raise ValueError(
            "points cannot move to cold storage after forever; write '30 days', or remove the key"
        )
    return days


def _by_flag(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a reader of one value, or of a mapping from flags to values."""

    def reader(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return read(value)
        names = [*FLAG_NAMES.values(), MANUAL]
        if not value:
            raise ValueError(f"there are none; write at least one of {', '.join(names)}")
        found = {}
        for name, each in value.items():
            if name not in names:
                raise ValueError(f"{name!r} is not a kind of run; the keys here are {', '.join(names)}")
            try:
                found[name] = read(each)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return found

    return reader


def _rules(value: Any, way_out: str) -> tuple[DayRule, ...]:
    found = []
    for text in _listed(value, way_out):
        try:
            found.append(day_rule(str(text)))
        except ValueError as error:
            message = str(error)
            raise ValueError(message if "write" in message else f"{message}; {way_out}") from None
    return tuple(dict.fromkeys(found))


def _listed(value: Any, way_out: str) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError(f"the list is empty; {way_out}")
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str | int):
            raise ValueError(f"{each!r} is neither a text nor a number; {way_out}")  # noqa: TRY004 - pydantic wants this
    return values


def _time(value: Any) -> time:
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is not a time of day; write hours and minutes, such as '02:00'")
    return time(int(match.group(1)), int(match.group(2)))


def _one_or_many(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]})


_COLD_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,6} (day|week|year)s?$"}


def _schema_by_flag(schema: dict[str, Any]) -> WithJsonSchema:
    by_flag = {
        "type": "object",
        "properties": dict.fromkeys([*FLAG_NAMES.values(), MANUAL], schema),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return WithJsonSchema({"anyOf": [schema, by_flag]})


Times = Annotated[
    tuple[time, ...],
    BeforeValidator(times),
    _one_or_many(type="string", pattern="^([01]?[0-9]|2[0-3]):[0-5][0-9]$"),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(lambda value: _time(value)),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}),
]
Weekdays = Annotated[tuple[Any, ...], BeforeValidator(weekdays), _one_or_many(type="string")]
MonthDays = Annotated[tuple[Any, ...], BeforeValidator(month_days), _one_or_many(type=["string", "integer"])]
YearDays = Annotated[tuple[Any, ...], BeforeValidator(year_days), _one_or_many(type="string")]
ColdAfter = Annotated[int, BeforeValidator(cold_days), WithJsonSchema(_COLD_SCHEMA)]
KeepByFlag = Annotated[
    int | dict[str, int | None] | None, BeforeValidator(_by_flag(keep_days)), _schema_by_flag(KEEP_SCHEMA)
]
ColdAfterByFlag = Annotated[
    int | dict[str, int], BeforeValidator(_by_flag(cold_days)), _schema_by_flag(_COLD_SCHEMA)
]
