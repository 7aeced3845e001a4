"""The coverage of a file system follows from its newest backup and the schedules of its policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import NIGHTLY
from tests.policy.other_calendar import calendars
from tidemark.aws.coverage import coverage
from tidemark.policy.calendars import Calendar
from tidemark.policy.lateness import SOONEST_LATE
from tidemark.policy.policy import Schedule

NOW = datetime(2027, 3, 30, 12, tzinfo=UTC)
ages = st.integers(0, 800 * 24).map(lambda hours: timedelta(hours=hours))


@given(calendars(), ages)
def test_a_backup_is_late_if_its_policy_has_had_two_runs_since(calendar: Calendar, age: timedelta) -> None:
    policy = replace(NIGHTLY, calendar=calendar)
    found = coverage("fs-01234567", [policy], NOW - age, NOW)
    since = 0
    for run in calendar.runs(NOW - age):  # another way to count than the code's
        if run.at >= NOW or since == 2:
            break
        since += 1
    assert bool(found.why) == (since == 2 and age > SOONEST_LATE)
    assert bool(found.next_step) == bool(found.why)


@given(ages)
def test_the_most_frequent_policy_decides(age: timedelta) -> None:
    daily = replace(NIGHTLY, schedule=Schedule(expression="rate(1 day)"))
    seldom = replace(NIGHTLY, name="seldom", schedule=Schedule(expression="rate(300 days)"))
    found = coverage("fs-01234567", [seldom, daily], NOW - age, NOW)
    assert bool(found.why) == (age > timedelta(days=2))
    if found.why and age <= timedelta(days=600):
        assert found.next_step == "tidemark run nightly --file-system fs-01234567 --wait"


def test_without_a_schedule_nothing_is_late_and_without_a_backup_something_is() -> None:
    assert coverage("fs-01234567", [NIGHTLY], None, NOW).why == ""
    assert coverage("fs-01234567", [NIGHTLY], NOW - timedelta(days=900), NOW).why == ""
    daily = replace(NIGHTLY, schedule=Schedule(expression="rate(1 day)"))
    assert coverage("fs-01234567", [NIGHTLY, daily], None, NOW).why == "there is no backup"
