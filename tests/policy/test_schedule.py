"""Schedules: the examples of Scheduler's user guide are accepted, invalid ones are refused with the field."""

from __future__ import annotations

import re
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.policy import schedule
from tidemark.policy.schedule import BOUNDS, FIELDS, check_time_zone, cron_expression, rate_expression

# From the user guide's examples and its table of wildcards.
GOOD = [
    "0 10 * * ? *",
    "15 12 * * ? *",
    "0 18 ? * MON-FRI *",
    "0 8 1 * ? *",
    "0/15 * * * ? *",
    "0/10 * ? * MON-FRI *",
    "0/5 8-17 ? * MON-FRI *",
    "0 9 ? * 2#1 *",
    "0 0 L * ? *",
    "0 0 ? * 6L 2022-2023",
    "0 0 3W * ? *",
    "15 10 ? * 6L *",
    "*/5 * * * ? *",
    "0 0 1,15 JAN,JUL ? 2026",
    "0 0 LW * ? *",
    "0 0 ? * sun *",
    "cron(0 2 * * ? *)",
    " 0  2 * * ? * ",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_documented_cron_is_accepted(text: str) -> None:
    assert re.fullmatch(r"cron\(\S+ \S+ \S+ \S+ \S+ \S+\)", cron_expression(text))


BAD = [
    ("60 0 * * ? *", "minutes"),
    ("-1 0 * * ? *", "minutes"),
    ("0 24 * * ? *", "hours"),
    ("0 0 0 * ? *", "day-of-month"),
    ("0 0 32 * ? *", "day-of-month"),
    ("0 0 * 13 ? *", "month"),
    ("0 0 * FOO ? *", "month"),
    ("0 0 ? * 0 *", "day-of-week"),
    ("0 0 ? * 8 *", "day-of-week"),
    ("0 0 ? * MON#6 *", "day-of-week"),
    ("0 0 * * ? 1969", "year"),
    ("0 0 * * ? 2200", "year"),
    ("0 ? * * ? *", "hours"),
    ("5-1 0 * * ? *", "minutes"),
    ("0/0 0 * * ? *", "minutes"),
    ("*,5 0 * * ? *", "minutes"),
    (", 0 * * ? *", "minutes"),
    ("1- 0 * * ? *", "minutes"),
    ("0 0 L,3 * ? *", "day-of-month"),
    ("0 0 ?,3 * ? *", "day-of-month"),
    ("² 0 * * ? *", "minutes"),
    ("0 0 W * ? *", "day-of-month"),
]


@pytest.mark.parametrize(("text", "field"), BAD)
def test_an_invalid_cron_field_is_named(text: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"is not valid for {field}; use "):
        cron_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "0 0 30 2 ? *",
        "0 0 31 4,6,SEP,11 ? *",
        "0 0 30-31 FEB ? *",
        "0 0 31W 6 ? *",
        "0 0 29 2 ? 2027",
        "0 0 29 2 ? 1970/400",
        "0 0 ? 2 MON#5 2027",
        "0 0 ? 2 1#5 2025-2027",
    ],
)
def test_a_day_that_never_occurs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="never runs"):
        cron_expression(text)


@pytest.mark.parametrize("text", ["0 0 29 2 ? *", "0 0 31 1,2 ? *", "0 0 ? 2 2#5 *", "0 0 29W 2 ? *"])
def test_a_day_that_seldom_occurs_is_accepted(text: str) -> None:
    assert cron_expression(text) == f"cron({text})"


@pytest.mark.parametrize("text", ["0 0 ? * ? *", "0 0 1 * 1 *", "0 0 * * * *"])
def test_exactly_one_of_the_two_days_is_a_question_mark(text: str) -> None:
    with pytest.raises(ValueError, match="exactly one of day-of-month and day-of-week"):
        cron_expression(text)


@given(st.text(alphabet="0123456789*?,-/LW# ()cronMONJAN", max_size=30))
def test_every_accepted_cron_has_six_fields_within_their_bounds(text: str) -> None:
    try:
        expression = cron_expression(text)
    except ValueError:
        return
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    for name, field in zip(FIELDS, fields, strict=True):
        low, high = BOUNDS[name]
        numbers = [int(n) for n in re.findall(r"(?<![/#0-9])[0-9]+", field)]
        assert all(low <= number <= high for number in numbers)


@given(minutes=st.integers(0, 59), hours=st.integers(0, 23), day=st.integers(1, 7))
def test_every_time_of_the_week_can_be_expressed(minutes: int, hours: int, day: int) -> None:
    assert cron_expression(f"{minutes} {hours} ? * {day} *") == f"cron({minutes} {hours} ? * {day} *)"


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("12 hours", "rate(12 hours)"), ("1 day", "rate(1 day)"), ("1 days", "rate(1 day)"),
        ("rate(5 minutes)", "rate(5 minutes)"), (" 2  hour ", "rate(2 hours)"),
    ],
)  # fmt: skip
def test_a_rate_is_written_with_the_unit_in_the_right_number(text: str, expression: str) -> None:
    assert rate_expression(text) == expression


@pytest.mark.parametrize(
    "text", ["", "0 hours", "-1 day", "1.5 hours", "12", "hours", "12 weeks", "12 hours daily"]
)
def test_an_invalid_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as '12 hours'"):
        rate_expression(text)


@given(st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})))
def test_every_zone_of_the_iana_list_is_accepted(name: str) -> None:
    assert check_time_zone(name) == name


@pytest.mark.parametrize(
    "name",
    ["Berlin", "europe/berlin", "CEST", "UTC+1", "", "Europe/Berlin ", "localtime", "Factory", "posixrules"],
)
def test_other_names_of_zones_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not an IANA time zone; (did you mean|write one)"):
        check_time_zone(name)


def test_without_zone_data_the_form_of_a_zone_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_time_zones", frozenset)
    assert check_time_zone("Europe/Berlin") == "Europe/Berlin"
    for name in ("no zone at all", "localtime", "Factory"):
        with pytest.raises(ValueError, match="not an IANA time zone"):
            check_time_zone(name)


def test_a_cron_longer_than_scheduler_accepts_is_refused() -> None:
    fits = f"{','.join(['10'] * 80)} 00 * * ? *"
    assert len(cron_expression(fits)) == 256
    with pytest.raises(ValueError, match="has 257 characters; Scheduler accepts 256; write ranges and"):
        cron_expression(fits.replace(" 00", " 000"))
