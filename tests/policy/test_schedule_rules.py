"""`schedules`, retentions by flag and cold storage in `tidemark.yaml`."""

from __future__ import annotations

import json
from datetime import time
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.policy.test_configuration import REGIONS, SOURCES, problem_of, written
from tidemark.policy import schedule_rules
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.configuration import load
from tidemark.policy.day_rules import day_rule
from tidemark.policy.policy import CopyTarget, Policy

RIGHT = """\
region: eu-central-1
vaults: {eu-central-1: tidemark, eu-west-1: copies}
policies:
  production:
    file_systems: [fs-0123456789abcdef0]
    schedules:
      time_zone: Europe/Berlin
      daily: {at: ["14:00", 02:00], on: mon-fri, keep: 14 days}
      weekly: {on: sun, keep: 8 weeks}
      monthly: {at: 3:30, on: [last day, 15, first monday], keep: 1 year, cold_after: 30 days}
      yearly: {on: 31 december, keep: forever, cold_after: 1 week}
    keep: 200 days
    cold_after: 110 days
    copies:
      - region: eu-west-1
        keep: {weekly: 30 days, monthly: 2 years, manual: 5 days}
        cold_after: {monthly: 90 days}
"""
WEEKDAYS = tuple(day_rule(day) for day in ("mon", "tue", "wed", "thu", "fri"))
TWO = time(2)


def policy_of(folder: Path, text: str) -> Policy:
    (policy,) = load(written(folder, text), REGIONS).policies
    return policy


def test_schedules_become_a_calendar(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, RIGHT)
    days = Retention(keep_days=365, cold_after_days=30)
    assert policy.calendar == Calendar(
        time_zone="Europe/Berlin",
        recurrences=(
            Recurrence(flag="D", at=(TWO, time(14)), on=WEEKDAYS, retention=Retention(keep_days=14)),
            Recurrence(flag="W", at=(TWO,), on=(day_rule("sunday"),), retention=Retention(keep_days=56)),
            Recurrence(
                flag="M",
                at=(time(3, 30),),
                on=(day_rule("last day"), day_rule("15"), day_rule("first monday")),
                retention=days,
            ),
            Recurrence(
                flag="Y",
                at=(TWO,),
                on=(day_rule("31 december"),),
                retention=Retention(keep_days=None, cold_after_days=7),
            ),
        ),
    )
    assert policy.schedule is None
    assert (policy.keep_days, policy.cold_after_days) == (200, 110)
    assert Policy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("flags", "kept", "copied"),
    [
        ((), (200, 110), (5, None)),
        (("D",), (14, None), None),
        (("D", "W"), (56, None), (30, None)),
        (("W", "M"), (365, 30), (730, 90)),
        (("D", "Y"), (None, 7), None),
        (("D", "M", "Y"), (None, 7), (730, 90)),
    ],
)
def test_the_longest_retention_of_a_runs_flags_is_that_of_its_point_and_of_each_copy(
    tmp_path: Path, flags: tuple[str, ...], kept: tuple[int, int], copied: tuple[int, int] | None
) -> None:
    run = policy_of(tmp_path, RIGHT).for_run(flags)
    assert (run.keep_days, run.cold_after_days) == kept
    found = [(copy.keep_days, copy.cold_after_days) for copy in run.copies]
    assert found == ([] if copied is None else [copied])


def test_one_retention_of_a_copy_is_that_of_every_run(tmp_path: Path) -> None:
    keep = "keep: {weekly: 30 days, monthly: 2 years, manual: 5 days}"
    text = RIGHT.replace(keep, "keep: 1 year").replace("{monthly: 90 days}", "90 days")
    policy = policy_of(tmp_path, text)
    copy = CopyTarget(region="eu-west-1", vault="copies", keep_days=365, cold_after_days=90)
    for flags in ((), ("D",), ("M", "Y")):
        assert policy.for_run(flags).copies == (copy,)


def test_flags_that_a_policy_no_longer_has_do_not_shorten_the_retention(tmp_path: Path) -> None:
    lines = [line for line in RIGHT.splitlines() if "yearly" not in line]
    policy = policy_of(tmp_path, "\n".join(lines))
    assert policy.for_run(("W", "Y")).keep_days == 56
    assert policy.for_run(("Y",)).keep_days == 200


def test_a_policy_without_schedules_has_the_document_of_earlier_versions() -> None:
    (policy,) = load(SOURCES / "tidemark.yaml", REGIONS).policies
    fields = json.loads(policy.to_json())
    assert set(fields) == {
        "account", "copies", "crawl", "drill", "file_systems", "index", "keep_days", "name", "region",
        "schedule", "vault", "worker",
    }  # fmt: skip
    assert [set(copy) for copy in fields["copies"]] == [{"account", "keep_days", "region", "vault"}]


def test_the_schema_accepts_the_values_that_are_read() -> None:
    schema = json.loads((SOURCES / "docs" / "tidemark.schema.json").read_text())
    jsonschema.validate(YAML(typ="safe").load(RIGHT), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe").load(RIGHT.replace("manual:", "by_hand:")), schema)


# The text that replaces a line of RIGHT; the line that is named; words of the message, including the fix.
WRONG = [
    (6, "    schedule: {cron: 0 2 * * ? *}\n    schedules:", 7, "write schedule or schedules, not both"),
    (7, "      time_zone: Europe/Berlim", 7, "did you mean Europe/Berlin"),
    (7, "      timezone: UTC", 7, "did you mean 'time_zone'"),
    (7, "      dayly: {}", 7, "did you mean 'daily'"),
    (
        8,
        "      daily: {at: 2, keep: 14 days}",
        8,
        "2 is not a time of day; write hours and minutes, such as '02:00'",
    ),
    (8, "      daily: {at: 24:00, keep: 14 days}", 8, "'24:00' is not a time of day"),
    (
        8,
        "      daily: {at: [], keep: 14 days}",
        8,
        "the list is empty; write a time, for example at: '02:00'",
    ),
    (8, "      daily: {at: 02:00}", 8, "'keep' is missing, for example keep: 35 days"),
    (8, "      daily: {keep: 14 days}", 8, "'at' is missing, for example at: '02:00'"),
    (8, "      daily: {at: 02:00, on: mo, keep: 1 day}", 8, "'mo' is not a weekday; write one such as mon"),
    (8, "      daily: {at: 02:00, on: mon-fry, keep: 1 day}", 8, "or a range: mon-fri"),
    (
        8,
        "      daily: {at: 02:00, on: {mon: tue}, keep: 1 day}",
        8,
        "write a weekday, for example on: sunday",
    ),
    (8, "      daily: {at: 02:00, no: mon, keep: 1 day}", 8, "'no' is not a key"),
    (8, "      daily: {at: 02:00, keep: 14}", 8, "write '14 days'"),
    (
        8,
        "      daily: {at: 02:00, keep: 14 days, cold_after: 1 day}",
        8,
        "must be kept for 91 days or more, not 14",
    ),
    (8, "      # no daily", 9, "there is no daily schedule whose time weekly could have; add at: '02:00'"),
    (9, "      weekly: {keep: 8 weeks}", 9, "'on' is missing"),
    (
        10,
        "      monthly: {on: 31, keep: 1 year}",
        10,
        "not every month has a day 31; write a day from 1 to 28, or 'last day'",
    ),
    (10, "      monthly: {on: 0, keep: 1 year}", 10, "'0' is not a day; write a day from 1 to 28"),
    (
        10,
        "      monthly: {on: fifth friday, keep: 1 year}",
        10,
        "not every month has a fifth friday; write last",
    ),
    (10, "      monthly: {on: monday, keep: 1 year}", 10, "'monday' is not a day of every month; write"),
    (10, "      monthly: {on: 1 may, keep: 1 year}", 10, "'1 may' is not a day of every month; write"),
    (10, "      monthly: {on: true, keep: 1 year}", 10, "True is neither a text nor a number; write a day"),
    (
        11,
        "      yearly: {on: last day, keep: 7 years}",
        11,
        "'last day' has no month; write a day such as '31 december'",
    ),
    (11, "      yearly: {on: 31 june, keep: 7 years}", 11, "june has no day 31; write 'last day of june'"),
    (
        11,
        "      yearly: {on: 29 feb, keep: 7 years}",
        11,
        "february has no day 29 in every year; write 'last day of",
    ),
    (
        12,
        "    keep: 199 days",
        13,
        "must be kept for 200 days or more, not 199; increase keep, or remove cold_after",
    ),
    (13, "    cold_after: forever", 13, "write '30 days', or remove the key"),
    (
        16,
        "        keep: {daily: 30 days, fortnightly: 1 day}",
        16,
        "'fortnightly' is not a kind of run; the keys here are",
    ),
    (16, "        keep: {daily: 30}", 16, "daily: 30 is not a retention period; write '30 days'"),
    (
        16,
        "        keep: {}",
        16,
        "there are none; write at least one of daily, weekly, monthly, yearly, manual",
    ),
    (16, "        keep: 9 years", 17, "keep has one value for all runs; write one here too"),
    (
        16,
        "        keep: {monthly: 100 days}",
        17,
        "monthly points that move to cold storage after 90 days must be kept for 180",
    ),
    (
        17,
        "        cold_after: {yearly: 30 days}",
        17,
        "yearly runs are not copied; add yearly to keep, or remove it here",
    ),
    (
        17,
        "        cold_after: 30 days",
        17,
        "weekly points that move to cold storage after 30 days must be kept for 120",
    ),
]


@pytest.mark.parametrize(("number", "text", "line", "words"), WRONG)
def test_a_problem_is_reported_with_its_line_and_the_fix(
    tmp_path: Path, number: int, text: str, line: int, words: str
) -> None:
    lines = RIGHT.splitlines()
    said = problem_of(tmp_path, "\n".join([*lines[: number - 1], text, *lines[number:]]))
    assert f"tidemark.yaml:{line}: " in said
    assert words in said


def test_a_copy_of_runs_that_the_policy_does_not_have_is_reported(tmp_path: Path) -> None:
    without = "\n".join(line for line in RIGHT.splitlines() if "weekly: {on" not in line)
    assert "the policy has no weekly schedule; remove weekly, or add it to schedules" in problem_of(
        tmp_path, without
    )
    head, _, tail = RIGHT.partition("    schedules:\n")
    none = head + tail[tail.index("    keep: 200") :]
    assert "the policy has no schedules; write one value for all runs" in problem_of(tmp_path, none)


def test_schedules_without_any_are_reported_with_an_example(tmp_path: Path) -> None:
    head, _, tail = RIGHT.partition("    schedules:\n")
    text = head + "    schedules: {}\n" + tail[tail.index("    keep: 200") :]
    assert "write at least one of daily, weekly, monthly, yearly" in problem_of(tmp_path, text)


def test_more_times_than_fit_into_a_parameter_are_reported(tmp_path: Path) -> None:
    times = ", ".join(f"{number // 2}:{number % 2 * 30:02}" for number in range(48))
    text = RIGHT.replace('["14:00", 02:00]', f"[{times}]")
    assert len(policy_of(tmp_path, text).calendar.times) == 48  # type: ignore[union-attr]
    said = problem_of(tmp_path, RIGHT.replace('["14:00", 02:00]', f"[{times}, 0:15]"))
    assert "there are 49 times; the limit is 48; remove some" in said


def test_a_time_zone_without_data_on_this_machine_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_rules, "_zone", lambda _name: None)
    assert "no data for the time zone Europe/Berlin; install it with: pip install tzdata" in problem_of(
        tmp_path, RIGHT
    )


@given(cold=st.integers(1, 500), keep=st.integers(1, 700))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_cold_storage_is_accepted_exactly_if_points_stay_there_for_ninety_days(
    tmp_path: Path, cold: int, keep: int
) -> None:
    text = RIGHT.replace("keep: 200 days", f"keep: {keep} days").replace("110 days", f"{cold} days")
    if keep - cold >= 90:
        assert policy_of(tmp_path, text).cold_after_days == cold
    else:
        assert f"for {cold + 90} days or more, not {keep}" in problem_of(tmp_path, text)
