"""Strategies for calendars, and a second reading of them: rrule finds days, a walk over minutes times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil import rrule  # type: ignore[import-untyped]  # it has no types
from hypothesis import strategies as st

from tidemark.policy.calendars import Calendar, Flag, Recurrence, Retention
from tidemark.policy.day_rules import MONTHS, ORDINALS, WEEKDAYS, day_rule

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# Zones whose clocks change at different times of the day, by less than an hour, at varying dates, or never.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",  # around Ramadan
    "America/Nuuk",  # the skipped hour ends at midnight
    "Africa/Cairo",  # the skipped hour begins at midnight
    "America/Santiago",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Europe/Dublin",
    "UTC",
)

weekdays = st.sampled_from(WEEKDAYS)
of_months = (
    st.integers(1, 28).map(str)
    | st.just("last day")
    | st.tuples(st.sampled_from([*ORDINALS, "last"]), weekdays).map(" ".join)
)
of_years = st.sampled_from(MONTHS).flatmap(
    lambda month: (
        st.integers(1, 28).map(lambda day: f"{day} {month}")
        | st.just(f"last day of {month}")
        | st.tuples(st.sampled_from([*ORDINALS, "last"]), weekdays).map(
            lambda pair: f"{' '.join(pair)} of {month}"
        )
    )
)
# Mostly at night, when clocks change; the rest of the day is for the others.
times = st.builds(
    time, st.sampled_from([0, 1, 2, 3, 23]) | st.integers(0, 23), st.sampled_from([0, 15, 30, 59])
)
retentions = st.builds(Retention, keep_days=st.none() | st.integers(1, 36_500))
_DAYS: dict[Flag, st.SearchStrategy[str]] = {"D": weekdays, "W": weekdays, "M": of_months, "Y": of_years}


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    flags = draw(st.sets(st.sampled_from(list(_DAYS)), min_size=1))
    return Calendar(
        time_zone=draw(st.sampled_from(ZONES)),
        recurrences=tuple(
            Recurrence(
                flag=flag,
                at=tuple(sorted(draw(st.sets(times, min_size=1, max_size=3)))),
                on=tuple(
                    day_rule(text) for text in sorted(draw(st.sets(_DAYS[flag], min_size=1, max_size=7)))
                ),
                retention=draw(retentions),
            )
            for flag in sorted(flags)
        ),
    )


def days_by_rrule(text: str, first: date, last: date) -> set[date]:
    """Return the days that a rule selects, from its text and by another library."""
    words = text.replace(" of ", " ").split()
    of_month = {"bymonth": MONTHS.index(words.pop()) + 1} if words[-1] in MONTHS else {}
    match words:
        case [weekday] if weekday in WEEKDAYS:
            chosen = {"byweekday": WEEKDAYS.index(weekday)}
        case ["last", "day"]:
            chosen = {"bymonthday": -1}
        case [number]:
            chosen = {"bymonthday": int(number)}
        case [which, weekday]:
            position = -1 if which == "last" else ORDINALS.index(which) + 1
            chosen = {"byweekday": rrule.weekday(WEEKDAYS.index(weekday), position)}
    frequency = rrule.WEEKLY if words[0] in WEEKDAYS else rrule.MONTHLY
    start = datetime(first.year, 1, 1)  # noqa: DTZ001 - a date
    until = datetime(last.year, 12, 31)  # noqa: DTZ001 - a date
    found = rrule.rrule(frequency, dtstart=start, until=until, **chosen, **of_month)
    return {each.date() for each in found if first <= each.date() <= last}


def minutes_of(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield each local time from `begin` to `end` (UTC) once, with the UTC time at which its run takes place.

    A skipped time follows the minute before the skip as if the clock had continued. Local times that occurred
    before `begin`, up to a day, are not yielded again.
    """
    seen = set()
    before = None
    now = begin - DAY
    while now < end:
        wall = now.astimezone(zone).replace(tzinfo=None)
        if before is not None:
            skipped = before + MINUTE
            while skipped < wall:
                late = now + (skipped - before - MINUTE)
                if begin <= late < end:
                    yield skipped, late
                skipped += MINUTE
        if wall not in seen:
            seen.add(wall)
            if now >= begin:
                yield wall, now
        before = wall
        now += MINUTE


def runs_by_minutes(calendar: Calendar, begin: datetime, end: datetime) -> dict[datetime, set[str]]:
    """Return the flags of a calendar's runs in a time, by their UTC times."""
    first, last = (begin - 3 * DAY).date(), (end + 3 * DAY).date()
    flags: dict[datetime, set[str]] = {}
    for each in calendar.recurrences:
        for rule in each.on:
            for day in days_by_rrule(str(rule), first, last):
                for at in each.at:
                    flags.setdefault(datetime.combine(day, at), set()).add(each.flag)
    found: dict[datetime, set[str]] = {}
    for wall, moment in minutes_of(ZoneInfo(calendar.time_zone), begin, end):
        if wall in flags:
            found.setdefault(moment.astimezone(UTC), set()).update(flags[wall])
    return found
