from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.schedule_expressions import BadExpression, next_time

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)  # a Sunday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("cron(0 2 * * ? *)", "UTC", "2026-11-23T02:00"),
        ("cron(0 2 * * ? *)", "Europe/Berlin", "2026-11-23T01:00"),
        ("cron(30 12 * * ? *)", "Europe/Berlin", "2026-11-22T11:30"),
        ("cron(*/15 * * * ? *)", "UTC", "2026-11-22T11:15"),
        ("cron(0 0 L * ? *)", "UTC", "2026-11-30T00:00"),
        ("cron(0 0 ? * 6#3 *)", "UTC", "2026-12-18T00:00"),
        ("cron(0 9 ? * MON-FRI *)", "America/New_York", "2026-11-23T14:00"),
        ("at(2026-12-24T18:00:00)", "Europe/Berlin", "2026-12-24T17:00"),
        ("rate(15 minutes)", "UTC", "2026-11-22T11:05"),
        ("rate(1 day)", "UTC", "2026-11-23T10:50"),
    ],
)
def test_the_next_time(expression: str, zone: str, expected: str) -> None:
    assert next_time(expression, zone, at("2026-11-22T10:50"), NOW) == at(expected)


def test_what_is_over_never_comes_again() -> None:
    assert next_time("at(2026-01-01T00:00:00)", "UTC", NOW, NOW) is None
    assert next_time("cron(0 0 1 1 ? 2026)", "UTC", NOW, NOW) is None


def test_a_rate_is_due_at_its_start() -> None:
    assert next_time("rate(1 hour)", "UTC", NOW, NOW - timedelta(microseconds=1)) == NOW


def test_a_local_time_that_spring_skips_is_skipped() -> None:
    # In Berlin the clocks go from 02:00 to 03:00 on 29 March 2026.
    due = next_time("cron(30 2 * * ? *)", "Europe/Berlin", NOW, at("2026-03-28T12:00"))
    assert due == at("2026-03-30T00:30")


def test_a_local_time_that_comes_twice_in_autumn_counts_once() -> None:
    # In Berlin 02:30 comes twice on 25 October 2026.
    first = next_time("cron(30 2 * * ? *)", "Europe/Berlin", NOW, at("2026-10-24T12:00"))
    assert first == at("2026-10-25T00:30")
    assert next_time("cron(30 2 * * ? *)", "Europe/Berlin", NOW, first) == at("2026-10-26T01:30")


@given(
    st.sampled_from(["cron(0 2 * * ? *)", "cron(*/7 1-3 ? * 1L *)", "rate(5 minutes)", "cron(5 0 31 * ? *)"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # hypothesis wants them so
)
def test_it_is_always_later_and_nothing_lies_between(expression: str, zone: str, when: datetime) -> None:
    after = when.replace(tzinfo=UTC)
    due = next_time(expression, zone, NOW, after)
    assert due is not None
    assert due > after
    assert next_time(expression, zone, NOW, due - timedelta(seconds=1)) == due


@pytest.mark.parametrize(
    "expression", ["cron(0 2 * * * *)", "rate(0.5 hours)", "daily", "cron(99 0 * * ? *)"]
)
def test_other_text_is_refused(expression: str) -> None:
    with pytest.raises(BadExpression):
        next_time(expression, "UTC", NOW, NOW)
