"""Restore jobs as boto3 sees them: requests, refusals, states."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from tests.localcloud.backup.conftest import ROLE, THERE, Backups

pytestmark = pytest.mark.cloud
NEW = {"newFileSystem": "true", "PerformanceMode": "generalPurpose", "Encrypted": "true"}


@pytest.mark.parametrize(
    "metadata",
    [
        {"file-system-id": "fs-00000000000000000"},
        {"file-system-id": "home"},
        {"ItemsToRestore": "/docs/a.txt"},
        {"ItemsToRestore": json.dumps([f"/{number}" for number in range(6)])},
        {"itemsToRestore": '["/docs/a.txt"]'},
        {"newFileSystem": "yes"},
        {"newFileSystem": "true"},
        {**NEW, "Encrypted": "false", "KmsKeyId": "alias/aws/elasticfilesystem"},
    ],
)
def test_start_restore_job_refuses_wrong_metadata(backups: Backups, metadata: dict[str, str]) -> None:
    point = backups.backed_up("other")
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.restored(point, **metadata)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"RecoveryPointArn": f"arn:aws:backup:{THERE}:123456789012:recovery-point:{'0' * 36}"}, "NotFound"),
        ({"ResourceType": "EBS"}, "InvalidParameterValue"),
        ({"IamRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "cannot be assumed by AWS Backup"),
    ],
)
def test_start_restore_job_refuses_a_wrong_request(
    backups: Backups, changes: dict[str, str], error: str
) -> None:
    metadata = {"file-system-id": backups.cloud.file_systems["other"].id}
    request: dict[str, Any] = {"IamRoleArn": ROLE, "Metadata": metadata}
    with pytest.raises(ClientError, match=error):
        backups.client().start_restore_job(
            **{**request, "RecoveryPointArn": backups.backed_up("other"), **changes}
        )


def test_a_test_chooses_how_many_items_a_job_may_have(backups: Backups) -> None:
    point = backups.backed_up("other")
    six = json.dumps([f"/{number}" for number in range(6)])
    try:
        for most, accepted in ((10, True), (None, True), (5, False)):
            backups.cloud.set_restore_items(most)
            if accepted:
                job = backups.restored(point, ItemsToRestore=six)
                assert job["Status"] == "FAILED"  # there are no such items
            else:
                with pytest.raises(ClientError, match="at most 5 items, not 6"):
                    backups.restored(point, ItemsToRestore=six)
    finally:
        backups.cloud.set_restore_items(5)


def test_a_job_is_described_from_its_request_to_its_end(backups: Backups) -> None:
    point = backups.backed_up("home")
    backups.cloud._control.ask("POST", "backup-durations", {"created": 2000, "restore": 2000})
    try:
        job_id = backups.restore(point)
        pending = backups.restore_job(job_id)
        ended = backups.ended(job_id, backups.restore_job)
    finally:
        backups.cloud._control.ask("POST", "backup-durations", {"created": 5, "restore": 600})
    assert (pending["Status"], pending["PercentDone"]) == ("PENDING", "0.00%")
    assert pending["ExpectedCompletionTimeMinutes"] == 33
    assert {"CreatedResourceArn", "CompletionDate", "StatusMessage", "CreatedBy"}.isdisjoint(pending)
    assert (ended["Status"], ended["PercentDone"]) == ("COMPLETED", "100.00%")
    assert ended["CreatedResourceArn"] == backups.arn("other")
    assert ended["SourceResourceArn"] == backups.arn("home")
    assert ended["CreationDate"] < ended["CompletionDate"]
    described = backups.client().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert ended["RecoveryPointCreationDate"] == described["CreationDate"]
    assert ended["BackupSizeInBytes"] == described["BackupSizeInBytes"]
    metadata = backups.client().get_restore_job_metadata(RestoreJobId=job_id)["Metadata"]
    assert metadata["file-system-id"] == backups.cloud.file_systems["other"].id


def test_a_token_starts_one_job_and_takes_no_other_request(backups: Backups) -> None:
    point = backups.backed_up("other")
    first = backups.restore(point, token="once")
    assert backups.restore(point, token="once") == first
    assert backups.restore(point, token="twice") != first
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.restore(point, token="once", ItemsToRestore='["/file"]')


def test_jobs_are_listed_by_status_and_by_the_source_of_their_points(backups: Backups) -> None:
    client, point = backups.client(), backups.backed_up("home")
    done = backups.restored(point)["RestoreJobId"]
    failed = backups.restored(point, ItemsToRestore='["/none"]')["RestoreJobId"]
    listed = client.list_restore_jobs(ByStatus="FAILED")["RestoreJobs"]
    assert failed in {job["RestoreJobId"] for job in listed}
    assert {job["Status"] for job in listed} == {"FAILED"}
    of_home = client.list_restore_jobs_by_protected_resource(ResourceArn=backups.arn("home"))["RestoreJobs"]
    assert {done, failed} <= {job["RestoreJobId"] for job in of_home}
    assert {job["SourceResourceArn"] for job in of_home} == {backups.arn("home")}


@pytest.mark.parametrize("state", ["FAILED", "ABORTED"])
def test_a_fault_ends_a_job_before_it_writes(backups: Backups, state: str) -> None:
    point, before = backups.backed_up("other"), backups.directories()
    backups.cloud.faults.add(
        Fault(service="backup", operation="RestoreJob", action="fail", error_code=state, message="denied")
    )
    job = backups.restored(point)
    assert (job["Status"], job["StatusMessage"]) == (state, "denied")
    assert backups.directories() == before


def test_the_metadata_of_a_point_describes_its_file_system(backups: Backups) -> None:
    metadata = backups.client().get_recovery_point_restore_metadata(
        BackupVaultName="main", RecoveryPointArn=backups.backed_up("other")
    )
    assert metadata["ResourceType"] == "EFS"
    assert metadata["RestoreMetadata"] == {
        "file-system-id": backups.cloud.file_systems["other"].id,
        "Encrypted": "true",
        "PerformanceMode": "generalPurpose",
        "KmsKeyId": "arn:aws:kms:eu-central-1:123456789012:alias/aws/elasticfilesystem",
    }
