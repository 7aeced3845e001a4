"""Jobs on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud.backup.arns import VaultArn
from localcloud.backup.jobs import RestoreJob
from localcloud.backup.jobs_store import INTERRUPTED, load_jobs, save_job
from localcloud.backup.restore_metadata import NewFileSystem

NEW = NewFileSystem(
    creation_token="t",
    performance_mode="generalPurpose",
    encrypted=True,
    kms_key_id=None,
    availability_zone="eu-central-1a",
)


def job(state: str, new: NewFileSystem | None) -> RestoreJob:
    moment = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)
    return RestoreJob(
        id="1",
        account="123456789012",
        region="eu-central-1",
        resource_arn="target",
        role_arn="role",
        created_at=moment,
        completed_at=moment,
        state=state,
        request={"Metadata": {"newFileSystem": "true"}},
        source_resource_arn="source",
        point_arn="point",
        point_created_at=moment,
        vault=VaultArn("eu-central-1", "123456789012", "main"),
        items=("a", "b/c\n"),
        new=new,
        plan_arn="plan",
        validation_hours=3,
        validation_status="SUCCESSFUL",
    )


@pytest.mark.parametrize("new", [NEW, None])
def test_a_restore_job_is_loaded_as_it_was_saved(tmp_path: Path, new: NewFileSystem | None) -> None:
    saved = job("COMPLETED", new)
    save_job(tmp_path, saved)
    assert list(load_jobs(tmp_path)) == [saved]


def test_a_job_that_was_running_has_failed(tmp_path: Path) -> None:
    save_job(tmp_path, job("RUNNING", NEW))
    (loaded,) = load_jobs(tmp_path)
    assert (loaded.state, loaded.status_message) == ("FAILED", INTERRUPTED)
