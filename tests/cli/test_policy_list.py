"""tidemark policy list"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, REGION
from tests.cli.conftest import NOW, OWN
from tests.cli.test_policy_next import PRODUCTION, deploy
from tests.index.building import FILE_SYSTEM as INDEXED
from tidemark.policy.policy import Schedule
from tidemark.sessions.naming import session_id
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.queries import close_session
from tidemark.sessions.session import SessionStatus


def create_schedule(deployment, name, state="ENABLED"):
    scheduler = deployment.clients.of("scheduler", REGION)
    if not scheduler.list_schedule_groups(NamePrefix="tidemark")["ScheduleGroups"]:
        scheduler.create_schedule_group(Name="tidemark")
    scheduler.create_schedule(
        Name=name,
        GroupName="tidemark",
        State=state,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": deployment.resources.policy_run, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"},
    )


@pytest.fixture
def daily(deployment):
    """The deployed policy with a schedule."""
    policy = dataclasses.replace(deployment.policy, schedule=Schedule(expression="cron(0 2 * * ? *)"))
    deploy(deployment, policy)
    create_schedule(deployment, "tidemark-policy-nightly")
    return policy


def ended(deployment, name, status, reasons=()):
    close_session(deployment.records, name, Outcome(status=status, reasons=reasons), NOW)


@pytest.fixture
def run(deployment):
    """A run of which one session failed, after an earlier one."""
    at = NOW - timedelta(hours=1)
    deployment.session(session_id("nightly", OWN, NOW - timedelta(days=1)), age=timedelta(days=1))
    names = [session_id("nightly", each, at) for each in (OWN, INDEXED)]
    for name, each in zip(names, (OWN, INDEXED), strict=True):
        deployment.session(name, age=timedelta(hours=1), file_system=deployment.resources.file_system(each))
    ended(deployment, names[0], SessionStatus.SUCCESS)
    ended(deployment, names[1], SessionStatus.FAILED, ("the vault is gone",))
    return at, names


def test_policies_are_listed_with_state_retention_next_and_last_run(tidemark, deployment, daily, run):
    deploy(deployment, PRODUCTION)
    result = tidemark("policy", "list", "--json")
    assert result.code == 0, result.err
    nightly, production = result.document["policies"]
    assert (nightly["name"], nightly["state"], nightly["pause"]) == ("nightly", "active", None)
    assert nightly["file_systems"] == [OWN, INDEXED]
    assert nightly["last_run"] == {
        "at": run[0].isoformat().replace("+00:00", "Z"),
        "ended_at": NOW.isoformat().replace("+00:00", "Z"),
        "status": "failed",
        "sessions": {"failed": 1, "aborted": 0, "warning": 0, "running": 0, "success": 1},
    }
    following = datetime.fromisoformat(nightly["next_run"]["at"])
    assert datetime.now(UTC) < following <= datetime.now(UTC) + timedelta(days=1)
    assert following.hour == 2
    (every,) = nightly["retention"]
    assert (every["run"], every["keep_days"], every["copies"][0]["keep_days"]) == ("every", 35, None)
    assert production["state"] == "disabled"  # its schedules are not deployed
    kept = {each["run"]: (each["keep_days"], len(each["copies"])) for each in production["retention"]}
    assert kept == {"daily": (14, 0), "weekly": (None, 0), "monthly": (365, 1), "manual": (35, 1)}
    assert production["next_run"]["flags"]
    assert production["last_run"] is None


def test_people_see_one_line_for_each_policy_and_what_is_unusual(tidemark, deployment, daily, run):
    deploy(deployment, PRODUCTION)
    assert tidemark("policy", "pause", "nightly", "--reason", "moving\x1b[2J").code == 0
    out = tidemark("policy", "list").out
    lines = out.splitlines()
    assert lines[1].split()[:3] == ["nightly", "paused", "2"]
    assert lines[1].endswith("1 failed, 1 success")
    assert lines[2].split()[:2] == ["production", "disabled"]
    assert "tidemark policy resume nightly" in out
    assert "moving\\x1b" in out
    assert "tidemark policy show production" in out


def test_without_permission_to_list_schedules_the_state_is_unknown(tidemark, deployment, daily):
    with Stubber(deployment.clients.of("scheduler", REGION)) as stub:
        stub.add_client_error("list_schedules", "AccessDeniedException")
        result = tidemark("policy", "list", "--json")
    assert result.code == 0, result.err
    assert result.document["policies"][0]["state"] == "unknown"


def test_the_rate_of_a_policy_stands_in_for_its_next_run(tidemark, deployment, daily):
    deploy(deployment, dataclasses.replace(daily, schedule=Schedule(expression="rate(6 hours)")))
    assert "rate(6 hours)" in tidemark("policy", "list").out
    assert tidemark("policy", "list", "--json").document["policies"][0]["next_run"] is None


def test_a_deployment_that_does_not_exist_is_an_error(tidemark, aws):
    assert tidemark("policy", "list").code == 11
