"""A scheduled run whose session fails is retried, with the flags and the retention of its scheduled time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Deployed, until
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import load
from tidemark.policy.policy import policy_parameter

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

RETRIED = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark}}
policies:
  flagged:
    file_systems: [{kept}]
    schedules: {{daily: {{at: "{at:%H:%M}", keep: 14 days}}}}
    keep: 35 days
    retries: {{times: 2, interval: 1 minute}}
    index: false
"""


@pytest.fixture
def scheduled(deployed: Deployed, tmp_path: Path) -> datetime:
    """The time of a run of the policy, whose document is replaced."""
    at = datetime.now(UTC).replace(second=0, microsecond=0)
    path = tmp_path / "tidemark.yaml"
    path.write_text(RETRIED.format(kept=deployed.cloud.file_systems["kept"].id, at=at))
    (policy,) = load(path, sdk_regions()).policies
    deployed.cloud.client("ssm").put_parameter(
        Name=policy_parameter("tidemark", "flagged"), Value=policy.to_json(), Overwrite=True
    )
    return at


def test_a_failed_session_of_a_scheduled_run_is_run_again(deployed: Deployed, scheduled: datetime) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="backup",
            operation="BackupJob",
            action="fail",
            calls=(1, 1),
            message="a disk failed",
            match=deployed.cloud.file_systems["kept"].id,
        )
    )
    states = deployed.cloud.client("stepfunctions")
    given = {"policy": "flagged", "scheduled_time": f"{scheduled:%Y-%m-%dT%H:%M:%SZ}"}
    arn = states.start_execution(stateMachineArn=deployed.machine("policy-run"), input=json.dumps(given))[
        "executionArn"
    ]
    ended: Any = until(
        lambda: states.describe_execution(executionArn=arn), lambda answer: answer["status"] != "RUNNING"
    )
    assert ended["status"] == "SUCCEEDED", ended
    (last,) = json.loads(ended["output"])
    assert last["session_id"].endswith("-r1")
    first = deployed.ended(last["session_id"].removesuffix("-r1"))
    again = deployed.ended(last["session_id"])
    assert (first["status"], again["status"]) == ("failed", "success")
    assert first["flags"] == again["flags"] == ["D"]
    (point,) = again["points"]
    described = deployed.cloud.client("backup").describe_recovery_point(
        BackupVaultName=point["vault"], RecoveryPointArn=point["recovery_point_arn"]
    )
    assert (described["CalculatedLifecycle"]["DeleteAt"] - described["CreationDate"]).days == 14
