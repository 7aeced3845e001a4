"""Restore tests of AWS Backup are verified: losses fail them, and changes since the backup do not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Deployed, until

pytestmark = pytest.mark.cloud
PLAN = "tidemark__tested"
RULE = "tidemark-restore-tests"
NEVER = "cron(0 4 1 1 ? 2099)"


@pytest.fixture(scope="module")
def probe(deployed: Deployed) -> Deployed:
    """A deployment with a backup of `probe`, after which a file changed before it was indexed."""
    capacity = Fault(
        service="ecs",
        operation="TaskPlacement",
        action="fail",
        error_code="Capacity is unavailable at this time",
    )
    root = deployed.directories["probe"]
    shutil.rmtree(root / "chain", ignore_errors=True)
    (root / "report.xlsx").write_text("a long report")
    deployed.run("tested")
    deployed.cloud.faults.add(capacity)
    session_id = deployed.start("tested")
    until(lambda: deployed.session(session_id), lambda session: session["points"])
    (root / "readme.txt").write_text("changed since the backup")
    (root / "later.txt").write_text("created since the backup")
    deployed.cloud.faults.clear()
    assert deployed.ended(session_id)["status"] == "success"
    return deployed


@pytest.fixture
def without_events(probe: Deployed) -> Iterator[None]:
    """Tests are not verified until an execution is started."""
    events = probe.cloud.client("events")
    events.disable_rule(Name=RULE)
    yield
    events.enable_rule(Name=RULE)


def restored_by_aws(deployed: Deployed) -> dict[str, Any]:
    """Make the plan due, and return the completed restore job."""
    backup = deployed.cloud.client("backup")
    before = {job["RestoreJobId"] for job in jobs(deployed)}

    def due(expression: str) -> None:
        backup.update_restore_testing_plan(
            RestoreTestingPlanName=PLAN, RestoreTestingPlan={"ScheduleExpression": expression}
        )

    due("cron(* * * * ? *)")
    (started,) = until(
        lambda: [job for job in jobs(deployed) if job["RestoreJobId"] not in before], lambda found: found, 120
    )
    due(NEVER)
    return until(lambda: job_of(deployed, started), lambda job: job["Status"] == "COMPLETED")


def jobs(deployed: Deployed) -> list[dict[str, Any]]:
    listed = deployed.cloud.client("backup").list_restore_jobs()["RestoreJobs"]
    return [job for job in listed if "RestoreTestingPlanArn" in job.get("CreatedBy", {})]


def job_of(deployed: Deployed, job: dict[str, Any]) -> dict[str, Any]:
    return deployed.cloud.client("backup").describe_restore_job(RestoreJobId=job["RestoreJobId"])


def verdict(deployed: Deployed, job: dict[str, Any]) -> dict[str, Any]:
    """Return the restore job once it has a verdict and its file system is deleted."""
    return until(
        lambda: job_of(deployed, job), lambda found: found.get("DeletionStatus") in ("SUCCESSFUL", "FAILED")
    )


def shown(deployed: Deployed, job: dict[str, Any]) -> dict[str, Any]:
    answer = deployed.tidemark("restore-session", f"test-{job['RestoreJobId']}", "--json")
    assert answer.code == 0, answer.err
    return answer.json


def root_of(deployed: Deployed, job: dict[str, Any]) -> Path:
    """Return the directory that AWS Backup has written."""
    root = deployed.cloud.writable_directory_of(job["CreatedResourceArn"].rpartition("/")[2])
    (written,) = root.iterdir()
    return written


def start(deployed: Deployed, job: dict[str, Any]) -> None:
    """Start the verification as in the console."""
    states = deployed.cloud.client("stepfunctions")
    states.start_execution(
        stateMachineArn=deployed.machine("restore-test"),
        input=json.dumps({"restore_job_id": job["RestoreJobId"]}),
    )


def test_an_undamaged_restore_is_successful_and_its_file_system_is_deleted(probe: Deployed) -> None:
    job = restored_by_aws(probe)
    ended = verdict(probe, job)
    assert (ended["ValidationStatus"], ended["DeletionStatus"]) == ("SUCCESSFUL", "SUCCESSFUL")
    session = until(lambda: shown(probe, job), lambda found: found["status"] != "running")
    assert (session["kind"], session["status"]) == ("test", "success")
    changed = {each["path"]: each["verdict"] for each in session["differences"]}
    assert changed == {"/readme.txt": "changed-since-backup", "/later.txt": "changed-since-backup"}
    listed = probe.tidemark("restores", "--json").json["restores"]
    assert session["restore_id"] in {each["restore_id"] for each in listed}
    exact = f"{session['test']['exact_index_id']}:/"
    before = probe.tidemark("ls", exact, "--repository", session["exact_index_repository"], "--json")
    assert before.code == 0, before.err
    assert "later.txt" not in before.out
    assert "readme.txt" in before.out


@pytest.mark.usefixtures("without_events")
def test_all_planted_damage_fails_the_test_and_nothing_else_is_listed(probe: Deployed) -> None:
    job = restored_by_aws(probe)
    root = root_of(probe, job)
    (root / "plain.txt").unlink()
    os.truncate(root / "report.xlsx", 3)
    os.chown(root / "wide" / "00018", 12345, 54321)
    start(probe, job)
    ended = verdict(probe, job)
    assert (ended["ValidationStatus"], ended["DeletionStatus"]) == ("FAILED", "SUCCESSFUL")
    assert "missing" in ended["ValidationStatusMessage"]
    session = until(lambda: shown(probe, job), lambda found: found["status"] != "running")
    assert session["status"] == "failed"
    lost = {(each["path"], each["field"]) for each in session["differences"] if each["verdict"] == "loss"}
    assert lost == {
        ("/plain.txt", "missing"),
        ("/sub/hard link", "nlink"),  # the other name of the missing file
        ("/report.xlsx", "size"),
        ("/report.xlsx", "mtime"),
        ("/wide/00018", "owner"),
        ("/wide/00018", "group"),
    }
