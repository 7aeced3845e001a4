"""The kinds of runs of a policy."""

from __future__ import annotations

import dataclasses

from hypothesis import given

from tests.aws.account import NIGHTLY
from tests.policy.other_calendar import calendars
from tidemark.policy.calendars import FLAG_NAMES, Calendar
from tidemark.policy.kinds import runs_by_kind


@given(calendars())
def test_each_flag_is_a_kind_and_manual_runs_are_the_last(calendar: Calendar) -> None:
    policy = dataclasses.replace(NIGHTLY, calendar=calendar)
    found = runs_by_kind(policy)
    assert list(found) == [name for flag, name in FLAG_NAMES.items() if flag in calendar.flags] + ["manual"]
    assert found["manual"].keep_days == policy.keep_days
    for each in calendar.recurrences:
        assert found[FLAG_NAMES[each.flag]].keep_days == each.retention.keep_days


def test_a_policy_without_schedules_has_one_kind() -> None:
    assert list(runs_by_kind(NIGHTLY)) == ["every"]
