from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime, time, timedelta

from tests.aws.account import NIGHTLY
from tidemark.costs.runs import Plan, longest_keep_days, planned_runs
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.day_rules import WEEKDAYS, day_rule
from tidemark.policy.policy import CopyTarget, Schedule

START = datetime(2027, 1, 1, tzinfo=UTC)
AT = (time(2),)
DAILY = Recurrence(flag="D", at=AT, on=tuple(map(day_rule, WEEKDAYS)), retention=Retention(keep_days=14))
SUNDAYS = Recurrence(flag="W", at=AT, on=(day_rule("sunday"),), retention=Retention(keep_days=56))
LAST_DAYS = Recurrence(
    flag="M", at=AT, on=(day_rule("last day"),), retention=Retention(keep_days=365, cold_after_days=30)
)
CALENDAR = Calendar(recurrences=(DAILY, SUNDAYS, LAST_DAYS))
MONTHLY_COPIES = CopyTarget(
    region="eu-west-1", vault="copies", keep_days=None, retentions=(("M", Retention(keep_days=730)),)
)
PRODUCTION = dataclasses.replace(NIGHTLY, calendar=CALENDAR, copies=(MONTHLY_COPIES,))


def test_a_year_of_a_calendar_has_its_days_sundays_and_month_ends():
    days = [START.date() + timedelta(days=number) for number in range(365)]
    ends = {day for day in days if (day + timedelta(days=1)).day == 1}
    sundays = {day for day in days if day.weekday() == 6} - ends
    plan = Plan.of(PRODUCTION, START, 365)
    assert len(plan.runs) == 365
    assert Counter(point.label for point in plan.backups) == {
        "daily runs": 365 - len(sundays) - len(ends),
        "weekly runs": len(sundays),
        "monthly runs": len(ends),
    }
    assert {point.keep_days for point in plan.backups if point.label == "monthly runs"} == {365}
    ((_, copied),) = plan.copies
    assert [START.date() + timedelta(days=int(point.created)) for point in copied] == sorted(ends)


def test_an_index_is_kept_as_long_as_the_longest_of_its_points():
    plan = Plan.of(PRODUCTION, START, 31)
    assert plan.indexes[-1].keep_days == 730
    assert plan.indexes[0].keep_days == 14


def test_a_rate_counts_from_the_first_day_and_a_manual_policy_runs_daily():
    hourly = dataclasses.replace(NIGHTLY, schedule=Schedule(expression="rate(6 hours)"))
    assert [run.day for run in planned_runs(hourly, START, 1)] == [0, 0.25, 0.5, 0.75]
    assert len(planned_runs(NIGHTLY, START, 10)) == 10


def test_the_longest_retention_counts_copies():
    assert longest_keep_days(PRODUCTION) == 730
    assert longest_keep_days(NIGHTLY) is None, "its copies are kept forever"
    assert longest_keep_days(dataclasses.replace(NIGHTLY, copies=())) == 35
