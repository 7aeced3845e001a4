"""The next runs of policies, compared with the local cloud's Scheduler."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.core.schedule_expressions import next_time
from tests.policy.other_calendar import ZONES, calendars
from tidemark.errors import NextRunUnknown
from tidemark.policy.calendars import Calendar
from tidemark.policy.cron_schedules import schedules_of
from tidemark.policy.policy import CopyTarget, Policy, Schedule
from tidemark.policy.upcoming import expiry, next_runs

COPY = CopyTarget(region="eu-west-1", vault="copies", keep_days=90)
BY_HAND = Policy(name="p", region="r", file_systems=("fs-01234567",), vault="v", keep_days=35, copies=(COPY,))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
crons = st.builds(
    "cron({} {} {} *)".format,
    st.sampled_from(["0", "30", "0,30", "*/15"]),
    st.sampled_from(["2", "1-3", "0,23", "*"]),
    st.sampled_from(["* * ?", "L * ?", "? 3,10 SUN", "? * 1L", "29 2 ?", "15W * ?"]),
)


@given(crons, st.sampled_from(ZONES), moments)
@settings(deadline=None, max_examples=60)
def test_the_runs_of_a_cron_are_those_of_scheduler(expression: str, zone: str, after: datetime) -> None:
    policy = replace(BY_HAND, schedule=Schedule(expression=expression, time_zone=zone))
    due = after
    for run in islice(next_runs(policy, after), 5):
        expected = next_time(expression, zone, after, due)
        assert expected is not None
        assert (run.at, run.flags, run.policy) == (expected, (), policy)
        due = expected


@given(calendars(), moments)
@settings(deadline=None, max_examples=30)
def test_every_run_of_a_calendar_is_due_for_one_of_its_schedules(calendar: Calendar, after: datetime) -> None:
    policy = replace(BY_HAND, calendar=calendar)
    runs = list(islice(next_runs(policy, after), 5))
    for run in runs:
        just_before = run.at - timedelta(seconds=1)
        found = (
            next_time(each.schedule.expression, each.schedule.time_zone, after, just_before)
            for each in schedules_of(policy)
        )
        assert run.at in found
        assert run.flags == calendar.flags_at(run.at)
        assert run.policy == policy.for_run(run.flags)
    assert [run.at for run in runs] == sorted({run.at for run in runs})
    assert all(run.at > after for run in runs)


def test_a_rate_has_no_times_that_the_policy_knows() -> None:
    policy = replace(BY_HAND, schedule=Schedule(expression="rate(12 hours)"))
    with pytest.raises(NextRunUnknown, match=r"counts from the deployment; .*: tidemark sessions --policy p"):
        next(next_runs(policy, datetime(2026, 11, 22, tzinfo=UTC)))


def test_a_policy_without_a_schedule_has_no_runs() -> None:
    assert list(next_runs(BY_HAND, datetime(2026, 11, 22, tzinfo=UTC))) == []


def test_a_cron_whose_years_have_passed_has_no_runs() -> None:
    policy = replace(BY_HAND, schedule=Schedule(expression="cron(0 2 * * ? 2026)"))
    assert list(next_runs(policy, datetime(2027, 1, 1, tzinfo=UTC))) == []


def test_days_of_retention_count_from_the_run() -> None:
    at = datetime(2027, 2, 27, 23, 30, tzinfo=UTC)
    assert expiry(at, 2) == date(2027, 3, 1)
    assert expiry(at, None) is None
