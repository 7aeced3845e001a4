"""Reads the schedules and retentions of a policy that Veeam Backup for AWS has exported.

Field names: Veeam Backup for AWS REST API reference, schemas of backup policies (`scheduleSettings`). The
values are read without regard to upper and lower case. The options of a schedule have a name for each kind of
restore point, such as `snapshotOptions`; those of copies contain `copy` or `replica`.
Imports only the standard library, because the command line is installed without pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemark.policy.day_rules import LAST_DAY_OF_EVERY_MONTH, MONTHS, ORDINALS, WEEKDAYS
from tidemark.policy.export import keep_text

Keys = dict[str, Any]
KINDS = ("daily", "weekly", "monthly", "yearly")
_DAYS = {"day": 1, "week": 7, "month": 31, "year": 365}
_POINT_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 365}  # between two points of a schedule
_LONGEST_DAYS = 36_500
_MOST_TIMES = 48  # a day, in tidemark.yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCarriedOver:
    """A setting that tidemark.yaml expresses in another way, or not at all."""

    field: str  # dotted, as in the exported file
    reason: str


@dataclass(slots=True)
class Schedules:
    """The keys of `schedules`, the retentions of copies by kind, and what is different."""

    keys: Keys = field(default_factory=dict)
    copied: dict[str, str] = field(default_factory=dict)
    notes: list[NotCarriedOver] = field(default_factory=list)

    def note(self, where: str, reason: str) -> None:
        """Record a setting that is not carried over."""
        self.notes.append(NotCarriedOver(field=where, reason=reason))


def read_schedules(settings: Mapping[str, Any]) -> Schedules:
    """Return the schedules in `scheduleSettings`."""
    found = Schedules()
    for kind in KINDS:
        schedule, where = settings.get(f"{kind}Schedule"), f"scheduleSettings.{kind}Schedule"
        if not isinstance(schedule, Mapping) or settings.get(f"{kind}ScheduleEnabled") is False:
            continue
        keys = _times_and_days(found, kind, where, schedule)
        if keys is None:
            continue
        days = _retention(found, kind, where, schedule, copies=False)
        if days is None:
            days = 35
            found.note(f"{where}.retention", "no retention was found; 35 days are assumed")
        found.keys[kind] = {**keys, "keep": keep_text(days)}
        if (copied := _retention(found, kind, where, schedule, copies=True)) is not None:
            found.copied[kind] = keep_text(copied)
        for name, value in schedule.items():
            if value and (name == "sendBackupsToArchive" or name.startswith(("healthCheck", "archive"))):
                found.note(
                    f"{where}.{name}", "archive tiers and health checks have no equivalent; see cold_after"
                )
    return found


def _times_and_days(found: Schedules, kind: str, where: str, schedule: Mapping[str, Any]) -> Keys | None:
    if kind == "daily":
        return _daily(found, where, schedule)
    at = _time(schedule.get("timeLocal"))
    if at is None:
        at = "00:00"
        found.note(f"{where}.timeLocal", "no time was found; 00:00 is assumed")
    if kind == "weekly":
        days = _weekdays(_lists(schedule, "days"))
        if not days:
            found.note(where, "no weekdays were found, so the schedule is left out")
            return None
        return {"at": at, "on": days}
    day = _day_of_month(found, where, schedule)
    if kind == "monthly":
        months = {each.lower() for each in _lists(schedule, "months")}
        if months and len(months) < len(MONTHS):
            found.note(f"{where}.months", "Tidemark's monthly runs are in every month; see yearly for some")
        return {"at": at, "on": day}
    month = next((each for each in MONTHS if each == str(schedule.get("month", "")).lower()), "december")
    if str(schedule.get("month", "")).lower() != month:
        found.note(f"{where}.month", "no month was found; december is assumed")
    return {"at": at, "on": f"{day} {month}" if isinstance(day, int) else f"{day} of {month}"}


def _daily(found: Schedules, where: str, schedule: Mapping[str, Any]) -> Keys | None:
    hours = sorted({hour for hour in _numbers(schedule, "hours") if 0 <= hour < 24})
    if not hours:
        found.note(where, "no hours were found, so the schedule is left out")
        return None
    runs = schedule.get("runsPerHour")
    runs = runs if isinstance(runs, int) and not isinstance(runs, bool) and 1 <= runs <= 60 else 1
    times = [f"{hour:02}:{minute:02}" for hour in hours for minute in range(0, 60, 60 // runs)]
    if len(times) > _MOST_TIMES:
        found.note(
            f"{where}.runsPerHour",
            f"tidemark.yaml takes {_MOST_TIMES} times a day; one for each hour is used",
        )
        times = [f"{hour:02}:00" for hour in hours]
    kind = str(schedule.get("kind", "")).lower()
    days = _weekdays(schedule.get("days", ())) if kind != "everyday" else []
    if kind == "weekdays":
        days = list(WEEKDAYS[:5])
    return {"at": times} | ({"on": days} if days and len(days) < len(WEEKDAYS) else {})


def _day_of_month(found: Schedules, where: str, schedule: Mapping[str, Any]) -> str | int:
    which = str(schedule.get("dayNumberInMonth", "")).lower()
    weekday = next((each for each in WEEKDAYS if each == str(schedule.get("dayOfWeek", "")).lower()), None)
    if which in (*ORDINALS, "last") and weekday is not None:
        return f"{which} {weekday}"
    day = schedule.get("dayOfMonth")
    if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= LAST_DAY_OF_EVERY_MONTH:
        return day
    if isinstance(day, int) and day > LAST_DAY_OF_EVERY_MONTH:
        found.note(f"{where}.dayOfMonth", f"not every month has a day {day}; the last day is used")
    elif not (which == "last" or "last" in str(schedule.get("dayOfMonth", "")).lower()):
        found.note(where, "no day of the month was found; the last day is assumed")
    return "last day"


def _retention(
    found: Schedules, kind: str, where: str, schedule: Mapping[str, Any], *, copies: bool
) -> int | None:
    """Return the days of retention of the backups of a schedule, or of its copies; None without one."""
    for name, retention in _retentions(schedule):
        lowered = name.lower()
        if ("copy" in lowered or "replica" in lowered) != copies or "archive" in lowered:
            continue
        count = retention.get("count", retention.get("timeRetentionDuration"))
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            continue
        unit = str(retention.get("type", retention.get("retentionDurationType", ""))).lower().rstrip("s")
        place = f"{where}.{name}" if name else f"{where}.retention"
        if unit not in _DAYS:
            days = count * _POINT_DAYS[kind]
            found.note(place, f"{count} restore points become the {days} days in which {kind} runs make them")
        else:
            days = count * _DAYS[unit]
            if unit == "month":
                found.note(place, f"{count} months become {days} days, of 31 days each")
        return min(days, _LONGEST_DAYS)
    return None


def _retentions(schedule: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the retentions with the names of their options; that of the schedule itself has none."""
    if isinstance(schedule.get("retention"), Mapping):
        yield "", schedule["retention"]
    for name, options in schedule.items():
        if isinstance(options, Mapping) and isinstance(options.get("retention"), Mapping):
            yield name, options["retention"]


def _lists(schedule: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts in the lists of this name, of the schedule or of its options."""
    places = [schedule, *(each for each in schedule.values() if isinstance(each, Mapping))]
    places += [each["schedule"] for each in places if isinstance(each.get("schedule"), Mapping)]
    lists = [each.get(name) for each in places]
    return [str(item) for items in lists if isinstance(items, list) for item in items]


def _numbers(schedule: Mapping[str, Any], name: str) -> list[int]:
    return [int(text) for text in _lists(schedule, name) if re.fullmatch(r"[0-9]{1,2}", text)]


def _weekdays(names: Any) -> list[str]:
    wanted = {str(name).lower() for name in names} if isinstance(names, list | tuple) else set()
    return [each for each in WEEKDAYS if each in wanted]


def _time(value: Any) -> str | None:
    match = (
        re.search(r"(?:^|[T ])([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    )
    return f"{int(match[1]):02}:{match[2]}" if match else None
