"""Start windows, compared with the local cloud's scheduler, which computes schedules independently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from localcloud.core.schedule_expressions import next_time
from tests.policy.other_calendar import calendars
from tidemark.policy.calendars import Calendar
from tidemark.policy.policy import Schedule
from tidemark.policy.schedule import cron_expression, rate_expression
from tidemark.policy.windows import shortest_interval_minutes, start_window_minutes

START = datetime(2026, 11, 2, tzinfo=UTC)


def field(last: int) -> st.SearchStrategy[str]:
    """A cron field of minutes or hours, in every form that Scheduler accepts."""
    number = st.integers(0, last)
    step = st.integers(1, last)
    ranges = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    item = st.one_of(
        number.map(str),
        ranges,
        st.tuples(number, step).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.tuples(ranges, step).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        step.map(lambda every: f"*/{every}"),
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


days = st.sampled_from(["* * ? *", "? * MON-FRI *", "1 * ? *", "? * 1,4 *"])
rates = st.tuples(st.integers(1, 500), st.sampled_from(["minutes", "hours", "days"])).map(
    lambda rate: rate_expression(f"{rate[0]} {rate[1]}")
)


def gaps(expression: str, until: datetime) -> list[int]:
    """Return the minutes between the runs of a schedule from START to `until`."""
    runs, now = [], START
    while now is not None and now <= until and len(runs) < 400:
        now = next_time(expression, "UTC", START, now)
        if now is not None:
            runs.append(now)
    return [int((after - before) / timedelta(minutes=1)) for before, after in pairwise(runs)]


@settings(max_examples=40, deadline=None)
@given(field(59), field(23), days)
def test_no_two_runs_of_a_cron_are_closer_than_the_interval(minutes: str, hours: str, rest: str) -> None:
    expression = cron_expression(f"{minutes} {hours} {rest}")
    shortest = shortest_interval_minutes(expression)
    assert all(gap >= shortest for gap in gaps(expression, START + timedelta(days=8)))


@settings(max_examples=30, deadline=None)
@example({0}, {1, 23})
@given(
    st.sets(st.integers(0, 59), min_size=1, max_size=3), st.sets(st.integers(0, 23), min_size=1, max_size=3)
)
def test_the_interval_of_a_daily_cron_is_its_shortest_gap(minutes: set[int], hours: set[int]) -> None:
    listed = [",".join(map(str, sorted(numbers))) for numbers in (minutes, hours)]
    expression = cron_expression(f"{listed[0]} {listed[1]} * * ? *")
    assert shortest_interval_minutes(expression) == min(gaps(expression, START + timedelta(days=2)))


@given(rates)
def test_a_window_is_the_interval_within_an_hour_and_a_day(expression: str) -> None:
    interval = (next_time(expression, "UTC", START, START) - START) / timedelta(minutes=1)  # type: ignore[operator]
    window = start_window_minutes(Schedule(expression=expression))
    assert 60 <= window <= 1440
    assert window <= interval or window == 60, "jobs must not queue up"
    assert window >= min(interval, 1440), "a long copy must not expire a backup that has time to wait"


@pytest.mark.parametrize(
    ("expression", "window"),
    [
        ("cron(0 2 * * ? *)", 1440),
        ("cron(0 1,23 * * ? *)", 120),  # across midnight
        ("cron(0 0/6 * * ? *)", 360),
        ("cron(*/5 * * * ? *)", 60),
        ("rate(12 hours)", 720),
    ],
)
def test_examples_of_windows(expression: str, window: int) -> None:
    assert start_window_minutes(Schedule(expression=expression)) == window


@given(calendars())
@settings(deadline=None)
def test_the_window_of_a_calendar_is_that_of_a_cron_at_all_its_times_every_day(calendar: Calendar) -> None:
    times = [datetime.combine(START.date(), at, UTC) for at in calendar.times]
    times.append(times[0] + timedelta(days=1))
    shortest = min((after - before) // timedelta(minutes=1) for before, after in pairwise(times))
    assert start_window_minutes(calendar) == max(60, min(1440, shortest))


def test_a_policy_without_a_schedule_has_the_default_window_of_aws_backup() -> None:
    assert start_window_minutes(None) == 480


def test_a_schedule_that_does_not_recur_has_no_interval() -> None:
    with pytest.raises(ValueError, match="neither"):
        shortest_interval_minutes("at(2026-11-22T02:00:00)")
