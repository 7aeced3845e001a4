"""Runs and flags of calendars, compared with a second reading of them, minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.core.schedule_expressions import next_time
from tests.policy.other_calendar import (
    DAY,
    MINUTE,
    ZONES,
    calendars,
    days_by_rrule,
    of_months,
    of_years,
    runs_by_minutes,
    weekdays,
)
from tidemark.policy.calendars import Calendar, Recurrence, Retention, longest
from tidemark.policy.cron_schedules import cron_schedules
from tidemark.policy.day_rules import day_rule
from tidemark.policy.schedule import cron_expression

EVERY_DAY = tuple(day_rule(day) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
KEEP = Retention(keep_days=14)


def recurrence(flag: str, *days: str, at: tuple[str, ...] = ("02:00",), keep: int | None = 14) -> Recurrence:
    return Recurrence(
        flag=flag,  # type: ignore[arg-type]  # a literal of the tests
        at=tuple(time.fromisoformat(text) for text in at),
        on=tuple(day_rule(day) for day in days) or EVERY_DAY,
        retention=Retention(keep_days=keep),
    )


def berlin(*recurrences: Recurrence) -> Calendar:
    return Calendar(recurrences=recurrences, time_zone="Europe/Berlin")


def runs(calendar: Calendar, begin: datetime, end: datetime) -> dict[datetime, set[str]]:
    """Return the runs in [begin, end) as the product computes them."""
    found = takewhile(lambda run: run.at < end, calendar.runs(begin - MINUTE))
    return {run.at: set(run.flags) for run in found}


def fired(calendar: Calendar, begin: datetime, end: datetime) -> list[datetime]:
    """Return the times at which the calendar's schedules start sessions, by the local cloud's Scheduler."""
    found = []
    for each in cron_schedules(calendar):
        due = begin - MINUTE
        while True:
            schedule = each.schedule
            after = next_time(schedule.expression, schedule.time_zone, begin, due)
            if after is None or after >= end:
                break
            due = after
            if not each.only_if_due or calendar.flags_at(due):
                found.append(due)
    return found


def clock_changes(zone: str, years: range) -> list[date]:
    found = []
    day = date(years[0], 1, 1)
    while day.year <= years[-1]:
        here, there = (datetime.combine(day + n * DAY, time(), ZoneInfo(zone)).utcoffset() for n in (0, 1))
        if here != there:
            found.append(day)
        day += DAY
    return found


CHANGES = {zone: clock_changes(zone, range(2026, 2030)) for zone in ZONES}


@st.composite
def calendars_and_weeks(draw: st.DrawFn) -> tuple[Calendar, datetime, datetime]:
    """Six days, mostly around a clock change."""
    calendar = draw(calendars())
    any_day = st.dates(date(2026, 1, 1), date(2029, 12, 31))
    changes = CHANGES[calendar.time_zone]
    middle = draw(st.sampled_from(changes) | any_day if changes else any_day)
    begin = datetime.combine(middle - 3 * DAY, time(draw(st.integers(0, 23))), UTC)
    return calendar, begin, begin + 6 * DAY


@given(weekdays | of_months | of_years, st.integers(2000, 2090))
def test_the_days_of_a_rule_are_those_of_another_library(text: str, year: int) -> None:
    first, last = date(year, 1, 1), date(year + 3, 12, 31)
    rule = day_rule(text)
    days = [first + n * DAY for n in range((last - first).days + 1)]
    assert {day for day in days if rule.includes(day)} == days_by_rrule(text, first, last)
    assert day_rule(str(rule)) == rule


@given(calendars_and_weeks())
@settings(deadline=None)
def test_the_runs_are_those_found_minute_by_minute(drawn: tuple[Calendar, datetime, datetime]) -> None:
    calendar, begin, end = drawn
    assert runs(calendar, begin, end) == runs_by_minutes(calendar, begin, end)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Nuuk", "Australia/Lord_Howe"])
def test_the_runs_of_two_years_are_those_found_minute_by_minute(zone: str) -> None:
    calendar = Calendar(
        time_zone=zone,
        recurrences=(
            recurrence("D", at=("00:00", "02:15", "02:30", "03:15", "23:30")),
            recurrence("W", "saturday", "sunday", at=("02:15",)),
            recurrence("M", "last sunday", "last day", "first sunday", at=("02:15", "02:30")),
            recurrence("Y", "29 march", "last sunday of october", at=("23:30",)),
        ),
    )
    begin = datetime(2026, 2, 1, tzinfo=UTC)
    end = begin + 730 * DAY
    assert runs(calendar, begin, end) == runs_by_minutes(calendar, begin, end)


@given(calendars_and_weeks())
@settings(deadline=None)
def test_the_flags_of_every_minute_are_those_of_its_run(drawn: tuple[Calendar, datetime, datetime]) -> None:
    calendar, begin, end = drawn
    expected = runs_by_minutes(calendar, begin, end)
    zone = ZoneInfo(calendar.time_zone)
    moment = begin
    while moment < end:
        flags = calendar.flags_at(moment)
        if moment in expected:
            assert set(flags) >= expected[moment]
        elif flags:  # the second occurrence of a local time
            assert moment.astimezone(zone).fold == 1
        moment += timedelta(minutes=15) if moment.minute != 59 else MINUTE


@given(calendars_and_weeks())
@settings(deadline=None, max_examples=60)
def test_the_schedules_fire_at_every_run_and_at_no_other_time(
    drawn: tuple[Calendar, datetime, datetime],
) -> None:
    calendar, begin, end = drawn
    assert set(fired(calendar, begin, end)) == runs_by_minutes(calendar, begin, end).keys()


@given(calendars())
@settings(deadline=None, max_examples=60)
def test_scheduler_accepts_every_expression(calendar: Calendar) -> None:
    for each in cron_schedules(calendar):
        assert cron_expression(each.schedule.expression) == each.schedule.expression


@given(calendars())
def test_a_calendar_survives_json(calendar: Calendar) -> None:
    assert Calendar.from_fields(calendar.to_fields()) == calendar


def test_runs_at_the_same_minute_are_one_run_with_all_flags() -> None:
    calendar = berlin(
        recurrence("D"), recurrence("W", "sun"), recurrence("M", "last day"), recurrence("Y", "31 january")
    )
    begin = datetime(2027, 1, 31, tzinfo=UTC)  # a Sunday
    assert runs(calendar, begin, begin + DAY) == {begin.replace(hour=1): {"D", "W", "M", "Y"}}


def test_a_run_at_a_skipped_time_is_an_hour_later_by_the_clock() -> None:
    begin = datetime(2027, 3, 28, tzinfo=UTC)
    assert list(runs(berlin(recurrence("D", at=("02:30",))), begin, begin + DAY)) == [
        begin.replace(hour=1, minute=30)  # 03:30 in Berlin
    ]


def test_a_run_at_a_repeated_time_is_at_the_first() -> None:
    begin = datetime(2027, 10, 31, tzinfo=UTC)
    assert list(runs(berlin(recurrence("D", at=("02:30",))), begin, begin + DAY)) == [
        begin.replace(hour=0, minute=30)
    ]


@pytest.mark.parametrize(
    ("recurrences", "expressions"),
    [
        ([recurrence("D", at=("04:00", "16:00"))], ["cron(0 4,16 * * ? *)"]),
        ([recurrence("D", at=("04:00", "04:30", "16:00", "16:30"))], ["cron(0,30 4,16 * * ? *)"]),
        ([recurrence("D"), recurrence("W", "sun"), recurrence("M", "last day")], ["cron(0 2 * * ? *)"]),
        (
            [recurrence("D", "mon", "fri", at=("04:00",)), recurrence("W", "sun", at=("04:00",))],
            ["cron(0 4 ? * SUN,MON,FRI *)"],
        ),
        (
            [
                recurrence("M", "1", "15", at=("04:00",)),
                recurrence("Y", "15 june", "last day of may", at=("04:00",)),
            ],
            ["cron(0 4 1,15 * ? *)", "cron(0 4 L 5 ? *)"],
        ),
        (
            [recurrence("M", "first monday", "last friday", at=("04:00",))],
            ["cron(0 4 ? * 2#1 *)", "cron(0 4 ? * 6L *)"],
        ),
        (
            [recurrence("D", "mon", at=("04:00",)), recurrence("M", "first monday", at=("04:00",))],
            ["cron(0 4 ? * MON *)"],
        ),
    ],
)
def test_a_calendar_takes_as_few_schedules_as_its_days_allow(
    recurrences: list[Recurrence], expressions: list[str]
) -> None:
    found = cron_schedules(berlin(*recurrences))
    assert [each.schedule.expression for each in found if not each.only_if_due] == expressions
    assert {each.schedule.time_zone for each in found} == {"Europe/Berlin"}


@pytest.mark.parametrize(
    ("calendar", "expressions"),
    [
        (berlin(recurrence("D", at=("02:30",))), ["cron(30 3 ? 3 SUN *)"]),
        (berlin(recurrence("D", at=("01:30", "03:00"))), []),
        (berlin(recurrence("D", "mon", "tue", at=("02:30",))), []),  # clocks change on Sundays
        (berlin(recurrence("D", at=("02:30", "03:30"))), []),  # a run that takes place anyway
        (Calendar(recurrences=(recurrence("D", at=("02:30",)),)), []),
    ],
)
def test_only_runs_that_a_clock_change_skips_have_a_schedule_of_their_own(
    calendar: Calendar, expressions: list[str]
) -> None:
    assert [each.schedule.expression for each in cron_schedules(calendar) if each.only_if_due] == expressions


@given(
    st.dictionaries(st.sampled_from("DWMY"), st.none() | st.integers(1, 500)),
    st.sets(st.sampled_from("DWMY")),
)
def test_the_longest_retention_of_the_flags_applies(keep: dict[str, int | None], flags: set[str]) -> None:
    found = longest({flag: Retention(keep_days=days) for flag, days in keep.items()}, sorted(flags))  # type: ignore[misc]
    mine = [keep[flag] for flag in flags if flag in keep]
    if not mine:
        assert found is None
    else:
        assert found == Retention(keep_days=None if None in mine else max(days or 0 for days in mine))


def test_of_equal_retentions_the_one_with_the_longest_warm_storage_applies() -> None:
    cold, later = Retention(keep_days=400, cold_after_days=30), Retention(keep_days=400, cold_after_days=60)
    assert longest({"M": cold, "Y": later}, "MY") == later
    assert longest({"M": cold, "Y": Retention(keep_days=400)}, "MY") == Retention(keep_days=400)
