"""Scheduled runs of a calendar: one session for each time, with the lifecycles of its flags."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Deployed, until
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import load
from tidemark.policy.policy import policy_parameter

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

HALF_AN_HOUR = timedelta(minutes=30)
# One of these times is near enough to the time of the test. The policy's deployed schedules fire rarely; with
# these, they would start sessions during other tests, because the local cloud's calendar runs fast.
HALF_HOURS = ", ".join(f"'{number // 2:02}:{number % 2 * 30:02}'" for number in range(48))
FLAGGED = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: tidemark-copies}}
policies:
  flagged:
    file_systems: [{kept}]
    schedules:
      daily: {{at: [{half_hours}], keep: 14 days}}
      weekly: {{at: [{half_hours}], on: mon-sun, keep: 400 days, cold_after: 30 days}}
      yearly: {{on: 29 march, keep: forever}}
    keep: 35 days
    copies:
      - region: eu-west-1
        keep: {{weekly: 800 days, yearly: forever}}
        cold_after: {{weekly: 60 days}}
    index: false
"""


@pytest.fixture(scope="module", autouse=True)
def _flagged(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Replace the document of the deployed policy."""
    path: Path = tmp_path_factory.mktemp("flagged") / "tidemark.yaml"
    path.write_text(FLAGGED.format(kept=deployed.cloud.file_systems["kept"].id, half_hours=HALF_HOURS))
    (policy,) = load(path, sdk_regions()).policies
    deployed.cloud.client("ssm").put_parameter(
        Name=policy_parameter("tidemark", "flagged"), Value=policy.to_json(), Overwrite=True
    )


def run(deployed: Deployed, **given: Any) -> Any:
    """Start policy-run as a schedule does, and return its output when it has succeeded."""
    states = deployed.cloud.client("stepfunctions")
    arn = states.start_execution(
        stateMachineArn=deployed.machine("policy-run"), input=json.dumps({"policy": "flagged", **given})
    )["executionArn"]
    ended = until(
        lambda: states.describe_execution(executionArn=arn), lambda answer: answer["status"] != "RUNNING"
    )
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"])


@pytest.fixture(scope="module")
def session(deployed: Deployed, _flagged: None) -> dict[str, Any]:
    """The session of two schedules that are due at the same time."""
    begin, now = datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC)
    due = begin + round((now - begin) / HALF_AN_HOUR) * HALF_AN_HOUR
    given = {"scheduled_time": f"{due:%Y-%m-%dT%H:%M:%SZ}"}
    one, other = run(deployed, **given), run(deployed, **given, only_if_due=True)
    assert one == other
    (started,) = one
    return deployed.ended(started["session_id"])


def test_the_session_records_its_flags_and_succeeds(session: dict[str, Any]) -> None:
    assert (session["status"], session["reasons"]) == ("success", [])
    assert session["flags"] == ["D", "W"]


def test_aws_backup_deletes_the_point_and_the_copy_by_the_longest_retention_of_the_flags(
    deployed: Deployed, session: dict[str, Any]
) -> None:
    found = {}
    for point in session["points"]:
        described = deployed.cloud.client("backup", point["region"]).describe_recovery_point(
            BackupVaultName=point["vault"], RecoveryPointArn=point["recovery_point_arn"]
        )
        dates = described["CalculatedLifecycle"]
        found[point["kind"]] = tuple(
            (dates[name] - described["CreationDate"]).days for name in ("DeleteAt", "MoveToColdStorageAt")
        )
    assert found == {"backup": (400, 30), "copy": (800, 60)}


def test_nothing_is_started_at_a_time_of_the_schedule_of_skipped_times_that_has_no_run(
    deployed: Deployed,
) -> None:
    assert run(deployed, scheduled_time="2026-11-22T02:10:00Z", only_if_due=True) == []


def test_a_paused_policy_starts_no_sessions_on_schedule(deployed: Deployed) -> None:
    paused = deployed.tidemark("policy", "pause", "flagged", "--reason", "moving", "--json")
    assert paused.code == 0, paused.err
    try:
        now = datetime.now(UTC)
        assert run(deployed, scheduled_time=f"{now:%Y-%m-%dT%H:%M:%SZ}") == []
        listed = deployed.tidemark("policy", "list", "--json")
        states = {each["name"]: each["state"] for each in listed.json["policies"]}
        assert (states["flagged"], states["drilled"]) == ("paused", "manual")
    finally:
        resumed = deployed.tidemark("policy", "resume", "flagged", "--json")
    assert resumed.json == {"policy": "flagged", "was_paused": True}


def test_a_manual_run_is_kept_for_the_policys_own_retention_and_not_copied(deployed: Deployed) -> None:
    session = deployed.run("flagged")
    assert session["flags"] == []
    (point,) = session["points"]
    described = deployed.cloud.client("backup").describe_recovery_point(
        BackupVaultName=point["vault"], RecoveryPointArn=point["recovery_point_arn"]
    )
    created = described["CreationDate"]
    assert described["CalculatedLifecycle"] == {"DeleteAt": created + timedelta(days=35)}


def test_the_next_runs_of_the_deployed_policy_are_shown(deployed: Deployed) -> None:
    answer = deployed.tidemark("policy", "next", "flagged", "--count", "3", "--json")
    assert answer.code == 0, answer.err
    times = [datetime.fromisoformat(each["at"]) for each in answer.json["runs"]]
    assert [after - before for before, after in itertools.pairwise(times)] == [HALF_AN_HOUR] * 2
