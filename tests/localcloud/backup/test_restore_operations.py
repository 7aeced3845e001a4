"""Restores as boto3 sees them, their bytes as diff sees them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from localcloud.backup.errors import InvalidParameterValue
from localcloud.backup.restore_operations import read_items
from tests.localcloud.backup.conftest import ROLE, Backups


def restore(backups: Backups, point: str, **metadata: str) -> dict[str, Any]:
    """Restore into the file system `other` and return the job once it has ended."""
    target = {"file-system-id": backups.cloud.file_systems["other"].id, "newFileSystem": "false"}
    job = backups.client().start_restore_job(
        RecoveryPointArn=point, IamRoleArn=ROLE, ResourceType="EFS", Metadata={**target, **metadata}
    )["RestoreJobId"]
    return backups.ended(job, lambda job_id: backups.client().describe_restore_job(RestoreJobId=job_id))


def restored(backups: Backups, kind: str = "restore") -> set[Path]:
    return set(backups.cloud.file_systems["other"].directory.glob(f"aws-backup-{kind}_*"))


@pytest.mark.cloud
def test_a_whole_restore_is_a_directory_with_all_bytes(backups: Backups) -> None:
    point, before = backups.backed_up(), restored(backups)
    job = restore(backups, point)
    assert job["Status"] == "COMPLETED"
    assert job["CreatedResourceArn"] == backups.arn("other")
    (directory,) = restored(backups) - before
    command = ["diff", "-r", "--no-dereference", str(backups.tree(point)), str(directory)]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.cloud
def test_items_are_restored_at_their_paths_and_nothing_else(backups: Backups) -> None:
    point, before = backups.backed_up(), restored(backups)
    items = ["/docs/deep", "docs/a.txt", "/docs/deep/nothing", "/dangling"]
    job = restore(backups, point, ItemsToRestore=json.dumps(items))
    assert job["Status"] == "COMPLETED", job
    (directory,) = restored(backups) - before
    found = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    deep = {"docs/deep/deeper", "docs/deep/loop", "docs/deep/nothing", "docs/deep/the same as a.txt"}
    assert found == {"dangling", "docs", "docs/a.txt", "docs/deep"} | deep
    assert (directory / "docs").stat().st_mtime_ns == (backups.tree(point) / "docs").stat().st_mtime_ns


@pytest.mark.cloud
def test_an_item_that_is_not_there_fails_the_job_and_leaves_a_failed_directory(backups: Backups) -> None:
    point, before = backups.backed_up(), restored(backups, "failed-restore")
    job = restore(backups, point, ItemsToRestore='["/docs/a.txt", "/docs/A.TXT"]')
    assert job["Status"] == "FAILED"
    assert "No such file" in job["StatusMessage"]
    assert len(restored(backups, "failed-restore") - before) == 1


@pytest.mark.cloud
def test_a_restore_can_make_a_new_file_system(backups: Backups) -> None:
    point = backups.backed_up("other")
    job = restore(
        backups,
        point,
        newFileSystem="true",
        CreationToken="fresh",
        PerformanceMode="generalPurpose",
        Encrypted="false",
    )
    assert job["Status"] == "COMPLETED"
    created = job["CreatedResourceArn"].rsplit("/", 1)[1]
    known = backups.cloud.client("efs").describe_file_systems()["FileSystems"]
    assert created in {one["FileSystemId"] for one in known}


@pytest.mark.cloud
def test_a_restore_fails_as_a_fault_says(backups: Backups) -> None:
    point = backups.backed_up("other")
    backups.cloud.faults.add(
        Fault(service="backup", operation="RestoreJob", action="fail", error_code="FAILED", message="denied")
    )
    job = restore(backups, point)
    assert (job["Status"], job["StatusMessage"]) == ("FAILED", "denied")


@pytest.mark.cloud
@pytest.mark.parametrize(
    "metadata",
    [
        {"file-system-id": "fs-00000000000000000"},
        {"file-system-id": "home"},
        {"newFileSystem": "true"},
        {"ItemsToRestore": "/docs/a.txt"},
        {"ItemsToRestore": json.dumps([f"/{number}" for number in range(6)])},
    ],
)
def test_start_restore_job_refuses_wrong_metadata(backups: Backups, metadata: dict[str, str]) -> None:
    point = backups.backed_up("other")
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        restore(backups, point, **metadata)


@pytest.mark.parametrize("text", ["[]", "{}", '"/a"', "[1]", '["/"]', '["/a/../../b"]', '[".."]', "nonsense"])
def test_items_that_are_no_paths_below_the_root_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValue):
        read_items({"ItemsToRestore": text})
