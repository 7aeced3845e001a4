"""Cron expressions: the local cloud's reading, that of the policies, and a library's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from aws_croniter import AwsCroniter  # type: ignore[import-untyped]  # it has no types
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from localcloud import LocalCloud
from localcloud.core.cron import Cron
from tidemark.policy.occurrence import comes_after, days_of, last_year
from tidemark.policy.schedule import cron_expression

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def numbers(
    low: int, high: int, words: tuple[str, ...] = (), longest_step: int = 70
) -> st.SearchStrategy[str]:
    """Return fields of numbers in every form that Scheduler takes."""
    number = st.integers(low, high)
    shown = number.map(str) | (st.sampled_from(words) if words else st.nothing())
    span = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    step = st.integers(1, longest_step)
    item = (
        shown
        | span
        | st.tuples(st.just("*") | number.map(str) | span, step).map(lambda pair: f"{pair[0]}/{pair[1]}")
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


weekday = st.integers(1, 7).map(str) | st.sampled_from(WEEKDAYS)
of_month = (
    numbers(1, 31)
    | st.sampled_from(["L", "LW", "31", "29,30"])
    | st.integers(1, 31).map(lambda day: f"{day}W")
).map(lambda field: (field, "?"))
of_week = (
    numbers(1, 7, tuple(WEEKDAYS))
    | st.just("L")
    | weekday.map(lambda day: f"{day}L")
    | st.tuples(weekday, st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
).map(lambda field: ("?", field))
crons = st.tuples(
    numbers(0, 59),
    numbers(0, 23),
    numbers(1, 12, tuple(MONTHS)) | st.sampled_from(["2", "FEB", "4,6", "11"]),
    of_month | of_week,
    st.just("*") | numbers(1970, 2199) | st.integers(2024, 2030).map(str),
).map(lambda each: f"{each[0]} {each[1]} {each[3][0]} {each[2]} {each[3][1]} {each[4]}")
moments = st.datetimes(datetime(2023, 12, 30), datetime(2032, 3, 2)).map(  # noqa: DTZ001 - a clock on the wall
    lambda moment: moment.replace(second=0, microsecond=0)
)


def runs(text: str, after: datetime, most: int) -> list[datetime]:
    return list(islice(Cron(text).after(after), most))


@given(crons, moments)
@example("0/60 0 LW * ? */2", datetime(2026, 11, 22))  # noqa: DTZ001 - likewise
@example("0 2 ? * L *", datetime(2026, 11, 22))  # noqa: DTZ001 - likewise
@example("0 0 29 2 ? *", datetime(2096, 3, 1))  # noqa: DTZ001 - likewise
@settings(deadline=None, max_examples=300)
def test_the_policies_reading_agrees(text: str, moment: datetime) -> None:
    found = runs(text, moment, 1)
    try:
        expression = cron_expression(text)
    except ValueError:
        assert not runs(text, datetime(1970, 1, 1) - timedelta(minutes=1), 1)  # noqa: DTZ001 - likewise
        return
    assert comes_after(expression, moment) == bool(found)
    assert (last_year(expression) or 0) >= (found[0].year if found else 0)


@given(
    of_month
    | of_week
    | st.sampled_from([("LW", "?"), ("1W", "?"), ("15W", "?"), ("?", "FRIL"), ("?", "2#5")])
)
@settings(deadline=None, max_examples=200)
def test_the_policies_days_are_the_same(days: tuple[str, str]) -> None:
    text = f"0 0 {days[0]} * {days[1]} 2024-2028"
    found = [run.date() for run in Cron(text).after(datetime(2023, 12, 31))]  # noqa: DTZ001 - likewise
    assert list(days_of(f"cron({text})")) == found
    assert list(days_of(f"cron({text})", backwards=True)) == found[::-1]


@given(crons, moments)
@settings(deadline=None, max_examples=300)
def test_the_library_agrees_where_it_reads_an_expression(text: str, moment: datetime) -> None:
    try:
        other = AwsCroniter(text)
    except ValueError:
        assume(False)
    assume(text.split()[4] != "L")  # it looks for a day of the week of number 0
    found = other.get_next(moment.replace(tzinfo=UTC), 3)
    assume(None not in found)  # after ten months without a day it gives up
    assert runs(text, moment, 3) == [each.replace(tzinfo=None) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 LW * ? *", [date(2026, 11, 30), date(2026, 12, 31), date(2027, 1, 29)]),
        ("0 0 LW 5,8,10 ? *", [date(2027, 5, 31), date(2027, 8, 31), date(2027, 10, 29)]),
        ("0/60 0 1 * ? */2", [date(2026, 12, 1), date(2028, 1, 1), date(2028, 2, 1)]),
        ("0 0 1W * ? *", [date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)]),
        ("0 0 15W 5,8 ? *", [date(2027, 5, 14), date(2027, 8, 16), date(2028, 5, 15)]),
        ("0 0 31W * ? *", [date(2026, 12, 31), date(2027, 1, 29), date(2027, 3, 31)]),
        ("0 0 ? * L *", [date(2026, 11, 28), date(2026, 12, 5), date(2026, 12, 12)]),
        ("0 0 ? 2 SUN#5 *", [date(2032, 2, 29), date(2060, 2, 29), date(2088, 2, 29)]),
        ("0 0 29 2 ? 2090/1", [date(2092, 2, 29), date(2096, 2, 29), date(2104, 2, 29)]),
        ("0 0 ? * FRI-MON 2027", [date(2027, 1, 1), date(2027, 1, 2), date(2027, 1, 3)]),
    ],
)
def test_what_the_library_cannot_read(text: str, expected: list[date]) -> None:
    assert [found.date() for found in runs(text, datetime(2026, 11, 22), 3)] == expected  # noqa: DTZ001 - likewise


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("60 0 * * ? *", "minutes"),
        ("0 24 * * ? *", "hours"),
        ("0 0 32 * ? *", "day-of-month"),
        ("0 0 L,3 * ? *", "day-of-month"),
        ("0 0 0W * ? *", "day-of-month"),
        ("0 0 1 JANUARY ? *", "month"),
        ("0 0 ? * 8L *", "day-of-week"),
        ("0 0 ? * 2#6 *", "day-of-week"),
        ("0/0 0 * * ? *", "minutes"),
        ("0 0 * * ? 2200", "year"),
        ("0 0 1 * 1 *", "day-of-week"),
        ("0 0 * * *", "six"),
    ],
)
def test_what_is_no_cron_is_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Cron(text)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("cron(0 0 L,3 * ? *)", "UTC"),
        ("daily", "UTC"),
        ("cron(0 2 * * ? *)", "Europe/Berlim"),
        ("cron(0 2 * * ? *)", "/"),
    ],
)
def test_an_invalid_schedule_is_refused_when_it_is_created(
    cloud: LocalCloud, expression: str, zone: str
) -> None:
    scheduler = cloud.client("scheduler")
    fields = {
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:states:eu-central-1:123456789012:stateMachine:m",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
        },
    }
    with pytest.raises(scheduler.exceptions.ValidationException, match="Invalid Schedule Expression"):
        scheduler.create_schedule(
            Name="bad", ScheduleExpression=expression, ScheduleExpressionTimezone=zone, **fields
        )
    scheduler.create_schedule(Name="good", ScheduleExpression="cron(0/60 2 LW * ? */2)", **fields)
    with pytest.raises(scheduler.exceptions.ValidationException):
        scheduler.update_schedule(
            Name="good", ScheduleExpression=expression, ScheduleExpressionTimezone=zone, **fields
        )
    scheduler.delete_schedule(Name="good")
