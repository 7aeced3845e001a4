"""The restore test of the recording: AWS Backup restores a point, an event starts its verification."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from localcloud import LocalCloud

PLAN = "tidemark__nightly"
_NEVER, _NOW = "cron(0 4 1 1 ? 2099)", "cron(* * * * ? *)"
SECONDS = 240


def start_restore_test(cloud: LocalCloud) -> str:
    """Make the restore testing plan due once; return the id of its restore job."""
    _schedule(cloud, _NOW)
    (job,) = _until(lambda: _jobs(cloud))
    _schedule(cloud, _NEVER)
    return str(job["RestoreJobId"])


def check_restore_test(cloud: LocalCloud, job_id: str) -> None:
    """Wait until AWS Backup has the result of the test and has deleted its file system."""
    backup = cloud.client("backup")
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
