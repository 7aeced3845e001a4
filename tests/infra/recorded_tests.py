"""The restore test of the recording: AWS Backup restores a point, an event starts its verification.

The verification fails once, because EFS refuses the mount target, and is redriven.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from localcloud import Fault, LocalCloud

PLAN = "tidemark__nightly"
# Nine seconds of the recording between two runs: enough to set the schedule back after the first.
_NEVER, _SOON = "cron(0 4 1 1 ? 2099)", "cron(0/15 * * * ? *)"
SECONDS = 240


def start_restore_test(cloud: LocalCloud) -> str:
    """Make the restore testing plan due once; return the id of its restore job."""
    cloud.faults.add(
        Fault(
            service="efs",
            operation="CreateMountTarget",
            principal="ConfigureRestore",
            action="fail",
            error_code="NoFreeAddressesInSubnet",
            status=409,
            calls=(1, 1),
        )
    )
    _schedule(cloud, _SOON)
    (job,) = _until(lambda: _jobs(cloud))
    _schedule(cloud, _NEVER)
    return str(job["RestoreJobId"])


def check_restore_test(cloud: LocalCloud, job_id: str) -> None:
    """Redrive the verification; wait until AWS Backup has the result and has deleted the file system."""
    backup, states = cloud.client("backup"), cloud.client("stepfunctions")
    machine = f"arn:aws:states:{cloud.region}:{cloud.account_id}:stateMachine:tidemark-restore-test"
    (failed,) = _until(
        lambda: states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]
    )
    states.redrive_execution(executionArn=failed["executionArn"])
    ended = _until(
        lambda: (
            found
            if (found := backup.describe_restore_job(RestoreJobId=job_id)).get("DeletionStatus")
            in ("SUCCESSFUL", "FAILED")
            else None
        )
    )
    assert (ended["ValidationStatus"], ended["DeletionStatus"]) == ("SUCCESSFUL", "SUCCESSFUL"), ended
    table, key = "tidemark-restores", {"restore_id": {"S": f"test-{job_id}"}}
    _until(
        lambda: (
            cloud.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["status"]["S"] == "success"
        )
    )


def _jobs(cloud: LocalCloud) -> list[Any]:
    listed = cloud.client("backup").list_restore_jobs()["RestoreJobs"]
    return [job for job in listed if "RestoreTestingPlanArn" in job.get("CreatedBy", {})]


def _schedule(cloud: LocalCloud, expression: str) -> None:
    cloud.client("backup").update_restore_testing_plan(
        RestoreTestingPlanName=PLAN, RestoreTestingPlan={"ScheduleExpression": expression}
    )


def _until(ask: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while not (answer := ask()):
        assert time.monotonic() < end, "the restore test has not ended"
        time.sleep(0.2)
    return answer
