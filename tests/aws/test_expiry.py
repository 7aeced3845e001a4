"""The message of an expired job names the job that blocked it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, FS, REGION, the_clients
from tidemark.aws.backup_jobs import JobState
from tidemark.aws.expiry import way_out

CREATED = datetime(2026, 11, 22, 2, tzinfo=UTC)
HELD = JobState(
    job_id="held",
    state="EXPIRED",
    category="",
    recovery_point_arn="",
    vault="tidemark",
    message='"Backup job failed because there was a running job for the same resource."',
    size_bytes=0,
    completed_at=CREATED + timedelta(hours=8),
    created_at=CREATED,
)
HOUR = timedelta(hours=1)


def backup(job_id: str, state: str, began: datetime, ended: datetime | None = None) -> dict[str, Any]:
    job = {"BackupJobId": job_id, "State": state, "CreationDate": began, "BackupVaultName": "theirs"}
    return job | ({"CompletionDate": ended} if ended else {})


def copy(job_id: str, state: str, began: datetime, ended: datetime | None = None) -> dict[str, Any]:
    vault = f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copies"
    job = {"CopyJobId": job_id, "State": state, "CreationDate": began, "DestinationBackupVaultArn": vault}
    return job | ({"CompletionDate": ended} if ended else {})


def message(backups: list[dict[str, Any]], copies: list[dict[str, Any]], job: JobState = HELD) -> str:
    client = the_clients().of("backup", REGION)
    with Stubber(client) as stub:
        of_the_file_system = {"ByResourceArn": FS.arn}
        stub.add_response("list_backup_jobs", {"BackupJobs": backups}, of_the_file_system)
        stub.add_response("list_copy_jobs", {"CopyJobs": copies}, of_the_file_system)
        return way_out(client, job, FS)


def test_a_copy_that_ran_during_the_start_window_is_named() -> None:
    text = message([], [copy("long", "RUNNING", CREATED - HOUR)])
    assert "copy job long to copies in eu-west-1" in text
    assert "one backup or copy job of a file system at a time" in text
    assert "redrive" in text


def test_a_backup_of_another_plan_is_named() -> None:
    text = message(
        [backup("held", "EXPIRED", CREATED), backup("theirs", "COMPLETED", CREATED, CREATED + HOUR)], []
    )
    assert "backup job theirs" in text
    assert "job held" not in text


def test_jobs_that_did_not_run_during_the_start_window_are_not_named() -> None:
    earlier = backup("before", "COMPLETED", CREATED - 5 * HOUR, CREATED - HOUR)
    later = copy("later", "RUNNING", CREATED + 9 * HOUR)
    waiting = backup("waiting", "CREATED", CREATED)
    text = message([earlier, waiting], [later])
    assert not any(name in text for name in ("job before", "job later", "job waiting"))
    assert "another backup or copy job" in text


def test_without_the_permission_to_list_jobs_the_cause_is_named_in_words() -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("list_backup_jobs", "AccessDeniedException")
        assert "another backup or copy job of the same file system" in way_out(client, HELD, FS)


@pytest.mark.parametrize(
    "job", [replace(HELD, state="FAILED"), replace(HELD, message="Backup job expired before completion.")]
)
def test_other_failures_name_no_job(job: JobState) -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client):
        assert "at a time" not in way_out(client, job, FS)


def test_a_window_that_expired_for_no_known_reason_names_no_job() -> None:
    text = message([], [], replace(HELD, message=""))
    assert "did not start within its start window" in text
