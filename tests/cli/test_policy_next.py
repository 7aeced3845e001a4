"""tidemark policy next"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time

import pytest

from tests.aws.account import NIGHTLY, REGION
from tidemark.cli.commands import policy_next
from tidemark.errors import NextRunUnknown, PolicyNotFound
from tidemark.policy.calendars import Calendar, Recurrence, Retention
from tidemark.policy.day_rules import WEEKDAYS, day_rule
from tidemark.policy.policy import CopyTarget, Schedule, policy_parameter

AT = (time(2, 30),)
COPY = CopyTarget(
    region="eu-west-1",
    vault="copies",
    keep_days=730,
    retentions=(("M", Retention(keep_days=730, cold_after_days=90)), ("manual", Retention(keep_days=5))),
)
CALENDAR = Calendar(
    time_zone="Europe/Berlin",
    recurrences=(
        Recurrence(flag="D", at=AT, on=tuple(map(day_rule, WEEKDAYS)), retention=Retention(keep_days=14)),
        Recurrence(flag="W", at=AT, on=(day_rule("sunday"),), retention=Retention(keep_days=None)),
        Recurrence(
            flag="M", at=AT, on=(day_rule("27"),), retention=Retention(keep_days=365, cold_after_days=30)
        ),
    ),
)
PRODUCTION = dataclasses.replace(NIGHTLY, name="production", calendar=CALENDAR, copies=(COPY,))


@pytest.fixture(autouse=True)
def _before_the_clock_changes(deployment, monkeypatch):
    """A Saturday morning; clocks change on the next day, in Berlin and many other places."""
    monkeypatch.setattr(policy_next, "utc_now", lambda: datetime(2027, 3, 27, tzinfo=UTC))


def deploy(deployment, policy):
    deployment.clients.of("ssm", REGION).put_parameter(
        Name=policy_parameter("tidemark", policy.name), Value=policy.to_json(), Type="String", Overwrite=True
    )


def test_each_run_has_its_flags_and_the_days_on_which_its_points_are_deleted(tidemark, deployment):
    deploy(deployment, PRODUCTION)
    result = tidemark("policy", "next", "production", "--count", "3", "--json")
    assert result.code == 0, result.err
    warm = {"delete_after": None, "cold_after": None}
    copied = {
        "region": "eu-west-1",
        "vault": "copies",
        "delete_after": "2029-03-26",
        "cold_after": "2027-06-25",
    }
    assert result.document == {
        "policy": "production",
        "time_zone": "Europe/Berlin",
        "runs": [
            {
                "at": "2027-03-27T01:30:00Z",
                "local_time": "2027-03-27T02:30:00+01:00",
                "flags": ["D", "M"],
                "delete_after": "2028-03-26",
                "cold_after": "2027-04-26",
                "copies": [copied],
            },
            {  # 02:30 does not exist on this day
                "at": "2027-03-28T01:30:00Z",
                "local_time": "2027-03-28T03:30:00+02:00",
                "flags": ["D", "W"],
                **warm,
                "copies": [],
            },
            {
                "at": "2027-03-29T00:30:00Z",
                "local_time": "2027-03-29T02:30:00+02:00",
                "flags": ["D"],
                "delete_after": "2027-04-12",
                "cold_after": None,
                "copies": [],
            },
        ],
    }


def test_people_see_one_line_for_each_run(tidemark, deployment):
    deploy(deployment, PRODUCTION)
    lines = tidemark("policy", "next", "production").out.splitlines()
    assert len(lines) == 11
    assert "time in Europe/Berlin" in lines[0]
    assert "Sat 2027-03-27 02:30 +0100" in lines[1]
    assert "D M" in lines[1]
    assert lines[1].endswith("2028-03-26 (cold from 2027-04-26), eu-west-1 2029-03-26 (cold from 2027-06-25)")
    assert "Sun 2027-03-28 03:30 +0200" in lines[2]
    assert lines[2].endswith("never")


def test_the_runs_of_a_cron_carry_no_flags(tidemark, deployment):
    deploy(deployment, dataclasses.replace(NIGHTLY, schedule=Schedule(expression="cron(0 2 * * ? *)")))
    (run,) = tidemark("policy", "next", "nightly", "--count", "1", "--json").document["runs"]
    assert (run["at"], run["flags"], run["delete_after"]) == ("2027-03-27T02:00:00Z", [], "2027-05-01")
    assert " -  " in tidemark("policy", "next", "nightly").out


def test_a_policy_that_is_only_started_manually_has_no_runs(tidemark, deployment):
    result = tidemark("policy", "next", "nightly")
    assert (result.code, result.out) == (0, "")
    assert "tidemark run nightly" in result.err
    assert tidemark("policy", "next", "nightly", "--json").document["runs"] == []


def test_the_runs_of_a_rate_are_not_known(tidemark, deployment):
    deploy(deployment, dataclasses.replace(NIGHTLY, schedule=Schedule(expression="rate(1 hour)")))
    assert tidemark("policy", "next", "nightly").code == NextRunUnknown.exit_code


def test_a_policy_that_is_not_deployed_is_an_error(tidemark, deployment):
    assert tidemark("policy", "next", "weekly").code == PolicyNotFound.exit_code


@pytest.mark.parametrize("count", ["0", "1001", "many"])
def test_a_number_of_runs_out_of_bounds_is_a_usage_error(tidemark, deployment, count):
    assert tidemark("policy", "next", "nightly", "--count", count).code == 2


def test_a_time_zone_without_data_on_this_machine_is_an_error(tidemark, deployment):
    zone = dataclasses.replace(CALENDAR, time_zone="Europe/Atlantis")
    deploy(deployment, dataclasses.replace(PRODUCTION, calendar=zone))
    result = tidemark("policy", "next", "production")
    assert result.code == 10
    assert "pip install tzdata" in result.err
