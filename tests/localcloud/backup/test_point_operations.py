"""Recovery points, their tags and their vaults as boto3 sees them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.backup.conftest import COPY_VAULT, HERE, ROLE, THERE, Backups

pytestmark = pytest.mark.cloud


def tags_without_name(client: Any, point_arn: str) -> dict[str, str]:
    """Return a point's tags without the file system's Name, which these tests have not set."""
    tags: dict[str, str] = client.list_tags(ResourceArn=point_arn)["Tags"]
    return {key: value for key, value in tags.items() if key != "Name"}


def test_a_deleted_point_is_gone_with_its_bytes(backups: Backups) -> None:
    point = backups.backed_up()
    tree = backups.tree(point)
    count = backups.client().describe_backup_vault(BackupVaultName="main")["NumberOfRecoveryPoints"]
    backups.client().delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    until = time.monotonic() + 10
    while any(tree.parents[1].glob(f"*{tree.parent.name}")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(tree.parents[1].glob(f"*{tree.parent.name}"))
    after = backups.client().describe_backup_vault(BackupVaultName="main")["NumberOfRecoveryPoints"]
    assert after == count - 1
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        backups.client().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        backups.client().list_tags(ResourceArn=point)


def test_a_point_is_deleted_at_the_end_of_its_retention(backups: Backups) -> None:
    client = backups.client()
    short = backups.backed_up("other", Lifecycle={"DeleteAfterDays": 2})
    long = backups.backed_up("other", Lifecycle={"DeleteAfterDays": 3})
    forever = backups.backed_up("other")
    described = client.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=short)
    ends = described["CalculatedLifecycle"]["DeleteAt"]
    tree = backups.tree(short)
    assert backups.cloud.expire_recovery_points(ends - timedelta(seconds=1)) == 0
    assert backups.cloud.expire_recovery_points(ends + timedelta(seconds=1)) == 1
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=short)
    listed = client.list_recovery_points_by_resource(ResourceArn=backups.arn("other"))["RecoveryPoints"]
    assert {long, forever} <= {one["RecoveryPointArn"] for one in listed}
    assert short not in {one["RecoveryPointArn"] for one in listed}
    until = time.monotonic() + 10
    while tree.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not tree.exists()


def test_a_point_under_a_legal_hold_is_neither_deleted_nor_expires(backups: Backups) -> None:
    client = backups.client()
    client.create_backup_vault(BackupVaultName="held")
    point = backups.backed_up("other", BackupVaultName="held", Lifecycle={"DeleteAfterDays": 2})
    hold = client.create_legal_hold(
        Title="case", Description="a case", RecoveryPointSelection={"VaultNames": ["held"]}
    )["LegalHoldId"]
    (listed,) = client.list_recovery_points_by_legal_hold(LegalHoldId=hold)["RecoveryPoints"]
    assert (listed["RecoveryPointArn"], listed["BackupVaultName"]) == (point, "held")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        client.delete_recovery_point(BackupVaultName="held", RecoveryPointArn=point)
    later = datetime.now(UTC) + timedelta(days=2, minutes=1)
    assert backups.cloud.expire_recovery_points(later) == 0
    client.cancel_legal_hold(LegalHoldId=hold, CancelDescription="closed")
    assert [one["Status"] for one in client.list_legal_holds()["LegalHolds"]] == ["CANCELED"]
    assert backups.cloud.expire_recovery_points(later) == 1


def test_no_point_in_a_locked_vault_can_be_deleted(backups: Backups) -> None:
    client = backups.client()
    client.create_backup_vault(BackupVaultName="shut")
    point = backups.backed_up("other", BackupVaultName="shut")
    client.put_backup_vault_lock_configuration(BackupVaultName="shut", MinRetentionDays=1)
    with pytest.raises(ClientError, match="InvalidRequestException"):
        client.delete_recovery_point(BackupVaultName="shut", RecoveryPointArn=point)
    client.delete_backup_vault_lock_configuration(BackupVaultName="shut")
    client.delete_recovery_point(BackupVaultName="shut", RecoveryPointArn=point)


def test_a_point_that_is_being_made_cannot_be_deleted(backups: Backups) -> None:
    job = backups.start("other")
    while backups.job(job["BackupJobId"])["State"] == "CREATED":
        time.sleep(0.01)
    with pytest.raises(ClientError, match="InvalidResourceStateException"):
        backups.client().delete_recovery_point(
            BackupVaultName="main", RecoveryPointArn=job["RecoveryPointArn"]
        )
    assert backups.ended(job["BackupJobId"])["State"] == "COMPLETED"


def test_a_vault_with_points_cannot_be_deleted(backups: Backups) -> None:
    backups.client().create_backup_vault(BackupVaultName="brief")
    point = backups.backed_up("other", BackupVaultName="brief")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        backups.client().delete_backup_vault(BackupVaultName="brief")
    backups.client().delete_recovery_point(BackupVaultName="brief", RecoveryPointArn=point)
    backups.client().delete_backup_vault(BackupVaultName="brief")
    names = {one["BackupVaultName"] for one in backups.client().list_backup_vaults()["BackupVaultList"]}
    assert "brief" not in names
    with pytest.raises(ClientError, match="AccessDeniedException"):
        backups.client().describe_backup_vault(BackupVaultName="brief")


def test_a_points_tags_are_the_jobs_and_the_file_systems(backups: Backups) -> None:
    file_system = backups.cloud.file_systems["other"].id
    backups.cloud.client("efs").tag_resource(
        ResourceId=file_system, Tags=[{"Key": "team", "Value": "a"}, {"Key": "both", "Value": "file system"}]
    )
    point = backups.backed_up("other", RecoveryPointTags={"both": "job", "session": "one"})
    client = backups.client()
    tags = {"team": "a", "both": "job", "session": "one"}
    assert tags_without_name(client, point) == tags
    client.tag_resource(ResourceArn=point, Tags={"index": "x", "both": "new"})
    client.untag_resource(ResourceArn=point, TagKeyList=["session", "absent"])
    assert tags_without_name(client, point) == {"team": "a", "both": "new", "index": "x"}
    first = client.list_tags(ResourceArn=point, MaxResults=2)
    rest = client.list_tags(ResourceArn=point, NextToken=first["NextToken"])
    assert len(first["Tags"]) == 2
    assert {**first["Tags"], **rest["Tags"]} == client.list_tags(ResourceArn=point)["Tags"]
    with pytest.raises(ClientError, match="LimitExceededException"):
        client.tag_resource(ResourceArn=point, Tags={str(number): "" for number in range(50)})
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        client.tag_resource(ResourceArn=point, Tags={"a*": ""})


def test_vaults_are_tagged_as_before(backups: Backups) -> None:
    arn = backups.client().describe_backup_vault(BackupVaultName="main")["BackupVaultArn"]
    backups.client().tag_resource(ResourceArn=arn, Tags={"a": "b"})
    assert backups.client().list_tags(ResourceArn=arn)["Tags"] == {"a": "b"}
    backups.client().untag_resource(ResourceArn=arn, TagKeyList=["a"])
    assert backups.client().list_tags(ResourceArn=arn)["Tags"] == {}


def test_points_are_found_by_vault_and_by_resource(backups: Backups) -> None:
    point = backups.backed_up("other")
    client = backups.client()
    in_vault = client.list_recovery_points_by_backup_vault(
        BackupVaultName="main", ByResourceArn=backups.arn("other")
    )["RecoveryPoints"]
    of_resource = client.list_recovery_points_by_resource(ResourceArn=backups.arn("other"))["RecoveryPoints"]
    assert in_vault[0]["RecoveryPointArn"] == of_resource[0]["RecoveryPointArn"] == point
    assert in_vault[0]["BackupSizeInBytes"] == of_resource[0]["BackupSizeBytes"]
    protected = client.list_protected_resources()["Results"]
    assert {one["ResourceArn"]: one["LastRecoveryPointArn"] for one in protected}[
        backups.arn("other")
    ] == point
    pages = client.get_paginator("list_recovery_points_by_backup_vault").paginate(
        BackupVaultName="main", PaginationConfig={"PageSize": 1}
    )
    paged = [one["RecoveryPointArn"] for page in pages for one in page["RecoveryPoints"]]
    assert len(paged) == len(set(paged))
    assert point in paged
    assert (
        client.get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)[
            "RestoreMetadata"
        ]["file-system-id"]
        == backups.cloud.file_systems["other"].id
    )


def test_the_lifecycle_of_a_point_can_be_changed(backups: Backups) -> None:
    point = backups.backed_up("other")
    answer = backups.client().update_recovery_point_lifecycle(
        BackupVaultName="main", RecoveryPointArn=point, Lifecycle={"DeleteAfterDays": 7}
    )
    described = backups.client().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert described["Lifecycle"] == {"DeleteAfterDays": 7}
    assert described["CalculatedLifecycle"] == answer["CalculatedLifecycle"]


def test_a_locked_vault_refuses_other_retentions(backups: Backups) -> None:
    backups.client().create_backup_vault(BackupVaultName="locked")
    backups.client().put_backup_vault_lock_configuration(
        BackupVaultName="locked", MinRetentionDays=7, MaxRetentionDays=30
    )
    for lifecycle in ({"DeleteAfterDays": 6}, {"DeleteAfterDays": 31}, {}, {"DeleteAfterDays": -1}):
        job = backups.ended(
            backups.start("other", BackupVaultName="locked", Lifecycle=lifecycle)["BackupJobId"]
        )
        assert job["State"] == "FAILED", lifecycle
        assert "retention" in job["StatusMessage"]
    point = backups.backed_up("other", BackupVaultName="locked", Lifecycle={"DeleteAfterDays": 30})
    for days in (20, 31):  # also one that the lock would allow for a new point
        with pytest.raises(ClientError, match="InvalidRequestException"):
            backups.client().update_recovery_point_lifecycle(
                BackupVaultName="locked", RecoveryPointArn=point, Lifecycle={"DeleteAfterDays": days}
            )


def test_a_locked_vault_refuses_copies_by_the_retention_that_they_would_have(backups: Backups) -> None:
    there = backups.client(THERE)
    there.create_backup_vault(BackupVaultName="locked")
    there.put_backup_vault_lock_configuration(
        BackupVaultName="locked", MinRetentionDays=7, MaxRetentionDays=30
    )
    destination = COPY_VAULT.replace("copies", "locked")
    point = backups.backed_up("other", Lifecycle={"DeleteAfterDays": 10})
    for lifecycle, state in (({"DeleteAfterDays": 36_500}, "FAILED"), ({"DeleteAfterDays": -1}, "COMPLETED")):
        copy = backups.start_copy(point, DestinationBackupVaultArn=destination, Lifecycle=lifecycle)
        assert backups.ended(copy, backups.copy)["State"] == state, lifecycle


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ({"DeleteAfterDays": 90}, 90),
        ({"DeleteAfterDays": 36_500}, 36_500),
        ({"DeleteAfterDays": -1}, 35),  # the source's expiration date
        ({"MoveToColdStorageAfterDays": -1, "DeleteAfterDays": -1}, 35),
        ({}, 35),
    ],
)
def test_a_copy_expires_with_its_source_unless_a_number_of_days_is_asked_for(
    backups: Backups, asked: dict[str, int], days: int
) -> None:
    point = backups.backed_up("other", Lifecycle={"DeleteAfterDays": 35})
    made = backups.ended(backups.start_copy(point, Lifecycle=asked), backups.copy)
    copy = backups.client(THERE).describe_recovery_point(
        BackupVaultName="copies", RecoveryPointArn=made["DestinationRecoveryPointArn"]
    )
    assert copy["CalculatedLifecycle"] == {"DeleteAt": copy["CreationDate"] + timedelta(days=days)}


def test_a_backup_without_a_lifecycle_or_with_minus_one_never_expires_nor_does_its_copy(
    backups: Backups,
) -> None:
    for lifecycle in ({}, {"DeleteAfterDays": -1}):
        point = backups.backed_up("other", Lifecycle=lifecycle)
        made = backups.ended(backups.start_copy(point, Lifecycle={"DeleteAfterDays": -1}), backups.copy)
        for region, vault, arn in (
            (HERE, "main", point),
            (THERE, "copies", made["DestinationRecoveryPointArn"]),
        ):
            described = backups.client(region).describe_recovery_point(
                BackupVaultName=vault, RecoveryPointArn=arn
            )
            assert "DeleteAt" not in described.get("CalculatedLifecycle", {})


def test_a_point_that_moves_to_cold_storage_says_when(backups: Backups) -> None:
    lifecycle = {"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 100}
    point = backups.backed_up("other", Lifecycle=lifecycle)
    made = backups.ended(backups.start_copy(point), backups.copy)["DestinationRecoveryPointArn"]
    for region, vault, arn in ((HERE, "main", point), (THERE, "copies", made)):
        described = backups.client(region).describe_recovery_point(
            BackupVaultName=vault, RecoveryPointArn=arn
        )
        assert described["CalculatedLifecycle"] == {
            "MoveToColdStorageAt": described["CreationDate"] + timedelta(days=10),
            "DeleteAt": described["CreationDate"] + timedelta(days=100),
        }


@pytest.mark.parametrize(
    "operation",
    [
        "describe_backup_vault",
        "list_recovery_points_by_backup_vault",
        "delete_backup_vault",
        "describe_recovery_point",
        "delete_recovery_point",
        "get_recovery_point_restore_metadata",
        "update_recovery_point_lifecycle",
    ],
)
def test_a_vault_that_is_not_there_answers_as_one_that_is_forbidden(backups: Backups, operation: str) -> None:
    request = {"BackupVaultName": "nowhere"}
    if "point" in operation and not operation.startswith("list"):
        request["RecoveryPointArn"] = f"arn:aws:backup:{HERE}:123456789012:recovery-point:{'0' * 36}"
    with pytest.raises(ClientError, match="AccessDeniedException"):
        getattr(backups.client(), operation)(**request)


def test_points_and_jobs_outlive_the_server(tmp_path: Path) -> None:
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    (home / "file").write_text("kept")
    job: dict[str, str] = {}
    for run in (1, 2):
        with LocalCloud.start(
            file_systems={"home": home}, time_scale=0.001, state=state, region=HERE
        ) as cloud:
            backups = Backups(cloud=cloud, state=state)
            vaults = backups.client().list_backup_vaults()["BackupVaultList"]
            if not vaults:
                backups.client().create_backup_vault(BackupVaultName="main")
            if run == 1:
                job = backups.start(RecoveryPointTags={"k": "v"})
                backups.ended(job["BackupJobId"])
                unfinished = backups.start(IdempotencyToken="t")
            else:
                assert backups.job(job["BackupJobId"])["State"] == "COMPLETED"
                assert tags_without_name(backups.client(), job["RecoveryPointArn"]) == {"k": "v"}
                assert (backups.tree(job["RecoveryPointArn"]) / "file").read_text() == "kept"
                assert backups.job(unfinished["BackupJobId"])["State"] == "FAILED"
                assert not any(state.glob(f"**/{unfinished['RecoveryPointArn'].rsplit(':', 1)[1]}"))
                again = backups.client().start_backup_job(
                    BackupVaultName="main", ResourceArn=backups.arn(), IamRoleArn=ROLE, IdempotencyToken="t"
                )
                assert again["BackupJobId"] == unfinished["BackupJobId"]
