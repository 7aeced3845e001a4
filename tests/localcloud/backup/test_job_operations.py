"""Backup and copy jobs as boto3 sees them, their bytes as diff sees them."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from tests.localcloud.backup.conftest import COPY_VAULT, HERE, ROLE, THERE, Backups

pytestmark = pytest.mark.cloud


def same(one: Path, other: Path) -> bool:
    command = ["diff", "-r", "--no-dereference", "-x", "fifo", "-x", "socket", str(one), str(other)]
    return subprocess.run(command, check=False).returncode == 0


def test_a_backup_runs_through_its_states_and_holds_the_file_systems_bytes(backups: Backups) -> None:
    started = backups.start(Lifecycle={"DeleteAfterDays": 35}, RecoveryPointTags={"k": "v"})
    seen, percents = [], []
    while not seen or seen[-1] in ("CREATED", "RUNNING"):
        job = backups.job(started["BackupJobId"])
        percents.append(float(job["PercentDone"]))
        if job["State"] not in seen:
            seen.append(job["State"])
        time.sleep(0.01)
    assert seen in (["CREATED", "RUNNING", "COMPLETED"], ["RUNNING", "COMPLETED"])
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert job["RecoveryPointArn"] == started["RecoveryPointArn"]
    assert job["CreationDate"] <= job["InitiationDate"] <= job["CompletionDate"]
    assert job["BackupSizeInBytes"] == job["BytesTransferred"] > 8 << 20
    home = backups.cloud.file_systems["home"].directory
    assert same(home, backups.tree(started["RecoveryPointArn"]))
    point = backups.client().describe_recovery_point(
        BackupVaultName="main", RecoveryPointArn=started["RecoveryPointArn"]
    )
    assert point["Status"] == "COMPLETED"
    assert point["CalculatedLifecycle"]["DeleteAt"] == point["CreationDate"] + timedelta(days=35)


def test_a_backup_does_not_change_when_the_file_system_does(backups: Backups) -> None:
    file = backups.cloud.directory_of(backups.cloud.file_systems["other"].id) / "file"
    file.write_text("before")
    point = backups.backed_up("other")
    file.write_text("after")
    assert (backups.tree(point) / "file").read_text() == "before"


def test_a_copy_in_another_region_has_bytes_tags_and_creation_date_of_its_source(backups: Backups) -> None:
    point = backups.backed_up(RecoveryPointTags={"session": "one"})
    copy = backups.ended(backups.start_copy(point, Lifecycle={"DeleteAfterDays": 90}), backups.copy)
    assert copy["State"] == "COMPLETED"
    arn = copy["DestinationRecoveryPointArn"]
    assert arn.startswith(f"arn:aws:backup:{THERE}:")
    there = backups.client(THERE)
    copied = there.describe_recovery_point(BackupVaultName="copies", RecoveryPointArn=arn)
    source = backups.client().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert copied["CreationDate"] == source["CreationDate"]
    assert copied["SourceBackupVaultArn"] == source["BackupVaultArn"]
    assert (copied["ResourceArn"], copied["Lifecycle"]) == (source["ResourceArn"], {"DeleteAfterDays": 90})
    assert there.list_tags(ResourceArn=arn)["Tags"] == backups.client().list_tags(ResourceArn=point)["Tags"]
    assert backups.tree(arn) != backups.tree(point)
    assert copied["BackupSizeInBytes"] == source["BackupSizeInBytes"]
    backups.client().delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert same(backups.tree(arn), backups.cloud.file_systems["home"].directory)


def test_one_job_of_a_file_system_runs_at_a_time_and_another_file_system_does_not_wait(
    backups: Backups,
) -> None:
    first, second = backups.start(), backups.start()
    other = backups.start("other")
    both = 0
    while backups.job(second["BackupJobId"])["State"] in ("CREATED", "RUNNING"):
        listed = backups.client().list_backup_jobs(ByState="RUNNING")["BackupJobs"]
        resources = [job["ResourceArn"] for job in listed]
        assert len(resources) == len(set(resources))
        both = max(both, len(resources))
        time.sleep(0.02)
    one, two = backups.job(first["BackupJobId"]), backups.job(second["BackupJobId"])
    assert one["CompletionDate"] <= two["InitiationDate"]
    assert both == 2
    assert backups.ended(other["BackupJobId"])["State"] == "COMPLETED"


def test_a_copy_makes_the_next_backup_wait_and_expire_past_its_start_window(backups: Backups) -> None:
    point = backups.backed_up("other")
    # 60 minutes of start window are 3.6 s here; the copy takes longer.
    backups.cloud.faults.add(Fault(service="backup", operation="CopyJob", action="delay", seconds=5))
    copy = backups.start_copy(point)
    while backups.copy(copy)["State"] == "CREATED":
        time.sleep(0.02)
    late = backups.start("other", StartWindowMinutes=60)
    job = backups.ended(late["BackupJobId"])
    assert job["State"] == "EXPIRED"
    assert "running job for the same resource" in job["StatusMessage"]
    assert backups.ended(copy, backups.copy)["State"] == "COMPLETED"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        backups.client().describe_recovery_point(
            BackupVaultName="main", RecoveryPointArn=late["RecoveryPointArn"]
        )


def test_the_same_token_starts_one_job_even_concurrently(backups: Backups) -> None:
    answers: list[dict[str, Any]] = []
    backups.client()
    threads = [
        threading.Thread(target=lambda: answers.append(backups.start(IdempotencyToken="once")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["BackupJobId"] for answer in answers}) == 1
    job = backups.ended(answers[0]["BackupJobId"])
    assert backups.start(IdempotencyToken="once")["RecoveryPointArn"] == job["RecoveryPointArn"]
    copies = {backups.start_copy(job["RecoveryPointArn"], IdempotencyToken="copy") for _ in range(2)}
    assert len(copies) == 1
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.start(IdempotencyToken="once", Lifecycle={"DeleteAfterDays": 1})
    backups.ended(copies.pop(), backups.copy)


@pytest.mark.parametrize("state", ["FAILED", "EXPIRED", "ABORTED", "PARTIAL"])
def test_the_nth_job_ends_as_a_fault_says(backups: Backups, state: str) -> None:
    fault = Fault(
        service="backup",
        operation="BackupJob",
        action="fail",
        error_code=state,
        message="as ordered",
        match=backups.cloud.file_systems["other"].id,
        calls=(2, 2),
    )
    backups.cloud.faults.add(fault)
    jobs = [backups.ended(backups.start("other")["BackupJobId"]) for _ in range(3)]
    assert [job["State"] for job in jobs] == ["COMPLETED", state, "COMPLETED"]
    assert jobs[1]["StatusMessage"] == "as ordered"
    points = backups.client().list_recovery_points_by_resource(ResourceArn=backups.arn("other"))
    statuses = {point["RecoveryPointArn"]: point["Status"] for point in points["RecoveryPoints"]}
    assert statuses.get(jobs[1]["RecoveryPointArn"]) == ("PARTIAL" if state == "PARTIAL" else None)


def test_a_failed_copy_leaves_nothing_behind(backups: Backups) -> None:
    point = backups.backed_up("other")
    before = backups.client(THERE).describe_backup_vault(BackupVaultName="copies")["NumberOfRecoveryPoints"]
    backups.cloud.faults.add(
        Fault(service="backup", operation="CopyJob", action="fail", error_code="FAILED", message="denied")
    )
    copy = backups.ended(backups.start_copy(point), backups.copy)
    assert (copy["State"], copy["StatusMessage"]) == ("FAILED", "denied")
    after = backups.client(THERE).describe_backup_vault(BackupVaultName="copies")["NumberOfRecoveryPoints"]
    assert after == before


def test_a_stopped_job_is_aborted_and_its_point_is_gone(backups: Backups) -> None:
    job = backups.start("other")
    while backups.job(job["BackupJobId"])["State"] == "CREATED":
        time.sleep(0.01)
    backups.client().stop_backup_job(BackupJobId=job["BackupJobId"])
    assert backups.ended(job["BackupJobId"])["State"] == "ABORTED"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        backups.client().describe_recovery_point(
            BackupVaultName="main", RecoveryPointArn=job["RecoveryPointArn"]
        )
    with pytest.raises(ClientError, match="InvalidRequestException"):
        backups.client().stop_backup_job(BackupJobId=job["BackupJobId"])


def test_an_unknown_file_system_makes_the_job_fail(backups: Backups) -> None:
    unknown = backups.arn().rsplit("/", 1)[0] + "/fs-00000000000000000"
    job = backups.ended(backups.start(ResourceArn=unknown)["BackupJobId"])
    assert job["State"] == "FAILED"
    assert "does not exist" in job["StatusMessage"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"BackupVaultName": "nowhere"}, "ResourceNotFoundException"),
        ({"BackupVaultName": "copies"}, "ResourceNotFoundException"),  # it is in the other Region
        ({"ResourceArn": "fs-01234567"}, "InvalidParameterValueException"),
        ({"ResourceArn": "arn:aws:s3:::bucket"}, "InvalidParameterValueException"),
        (
            {"ResourceArn": f"arn:aws:elasticfilesystem:{THERE}:123456789012:file-system/fs-01234567"},
            "InvalidParameterValueException",
        ),
        ({"IamRoleArn": "arn:aws:iam::123456789012:role/none"}, "InvalidParameterValueException"),
        ({"IamRoleArn": "admin"}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": 59}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": 120, "CompleteWindowMinutes": 90}, "InvalidParameterValueException"),
        (
            {"Lifecycle": {"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 99}},
            "InvalidParameterValueException",
        ),
        ({"RecoveryPointTags": {"a|b": "c"}}, "InvalidParameterValueException"),
        ({"RecoveryPointTags": {str(number): "" for number in range(11)}}, "LimitExceededException"),
        ({"Index": "ENABLED"}, "InvalidParameterValueException"),
    ],
)
def test_start_backup_job_refuses_what_aws_refuses(
    backups: Backups, changes: dict[str, Any], error: str
) -> None:
    before = len(backups.client().list_backup_jobs()["BackupJobs"])
    with pytest.raises(ClientError, match=error):
        backups.start(**changes)
    assert len(backups.client().list_backup_jobs()["BackupJobs"]) == before


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"DestinationBackupVaultArn": COPY_VAULT[:-1]}, "ResourceNotFoundException"),
        ({"DestinationBackupVaultArn": "copies"}, "InvalidParameterValueException"),
        ({"SourceBackupVaultName": "other"}, "ResourceNotFoundException"),
        (
            {"RecoveryPointArn": f"arn:aws:backup:{HERE}:123456789012:recovery-point:{'0' * 36}"},
            "ResourceNotFoundException",
        ),
        ({"RecoveryPointArn": "point"}, "InvalidParameterValueException"),
        ({"DestinationBackupVaultArn": COPY_VAULT.replace(THERE, HERE).replace("copies", "main")}, "Invalid"),
        ({"IamRoleArn": ROLE + "2"}, "InvalidParameterValueException"),
    ],
)
def test_start_copy_job_refuses_what_aws_refuses(
    backups: Backups, changes: dict[str, Any], error: str
) -> None:
    point = backups.backed_up("other")
    with pytest.raises(ClientError, match=error):
        backups.start_copy(point, **changes)


def test_a_point_that_is_being_made_cannot_be_copied(backups: Backups) -> None:
    job = backups.start("other")
    while backups.job(job["BackupJobId"])["State"] == "CREATED":
        time.sleep(0.01)
    with pytest.raises(ClientError, match=r"InvalidResourceStateException"):
        backups.start_copy(job["RecoveryPointArn"])
    backups.ended(job["BackupJobId"])


def test_jobs_are_listed_in_pages_and_by_filter(backups: Backups) -> None:
    for _ in range(3):
        backups.backed_up("other")
    pages = backups.client().get_paginator("list_backup_jobs").paginate(PaginationConfig={"PageSize": 2})
    listed = [job["BackupJobId"] for page in pages for job in page["BackupJobs"]]
    assert len(listed) == len(set(listed)) == len(backups.client().list_backup_jobs()["BackupJobs"])
    resource = backups.client().list_backup_jobs(ByResourceArn=backups.arn("other"))["BackupJobs"]
    assert {job["ResourceArn"] for job in resource} == {backups.arn("other")}
    newest = resource[0]["CreationDate"]
    later = backups.client().list_backup_jobs(ByCreatedAfter=newest + timedelta(hours=1))
    assert later["BackupJobs"] == []
    earlier = backups.client().list_backup_jobs(ByCreatedBefore=newest + timedelta(hours=1))
    assert len(earlier["BackupJobs"]) == len(listed)
    assert backups.client(THERE).list_backup_jobs()["BackupJobs"] == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        backups.client(THERE).describe_backup_job(BackupJobId=listed[0])


def test_a_role_must_trust_aws_backup(backups: Backups) -> None:
    iam = backups.cloud.client("iam")
    arns = []
    for name, service in (("trusted", "backup.amazonaws.com"), ("mistrusted", "lambda.amazonaws.com")):
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arns.append(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    backups.backed_up("other", IamRoleArn=arns[0])
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        backups.start(IamRoleArn=arns[1])
