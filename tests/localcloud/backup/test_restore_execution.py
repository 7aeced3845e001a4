"""What restore jobs write, as diff and find see it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from localcloud import Fault, LocalCloud
from tests.localcloud.backup.conftest import HERE, ROLE, Backups

pytestmark = pytest.mark.cloud
NEW = {"newFileSystem": "true", "PerformanceMode": "generalPurpose", "Encrypted": "true"}
NAME = re.compile(
    r"aws-backup-restore_20\d\d-[01]\d-[0-3]\dT[0-2]\d-[0-5]\d-[0-5]\d-\d{9}Z"
)  # in the form of those that AWS has made since 2025


def differences(one: Path, other: Path) -> bytes:
    command = ["diff", "-r", "--no-dereference", one, other]
    return subprocess.run(command, check=False, capture_output=True).stdout


def test_a_whole_restore_is_one_directory_with_all_bytes(backups: Backups) -> None:
    point, before = backups.backed_up(), backups.directories()
    job = backups.restored(point)
    assert job["Status"] == "COMPLETED"
    (directory,) = backups.directories() - before
    assert NAME.fullmatch(directory.name)
    assert differences(backups.tree(point), directory) == b""


def test_items_are_restored_at_their_paths_and_nothing_else(backups: Backups) -> None:
    point, before = backups.backed_up(), backups.directories()
    items = ["/docs/deep", "docs/a.txt", "/docs/deep/nothing", "/dangling"]
    job = backups.restored(point, ItemsToRestore=json.dumps(items))
    assert job["Status"] == "COMPLETED", job
    (directory,) = backups.directories() - before
    found = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    deep = {"docs/deep/deeper", "docs/deep/loop", "docs/deep/nothing", "docs/deep/the same as a.txt"}
    assert found == {"dangling", "docs", "docs/a.txt", "docs/deep"} | deep
    assert (directory / "docs").stat().st_mtime_ns == (backups.tree(point) / "docs").stat().st_mtime_ns


def test_items_are_names_not_patterns(backups: Backups) -> None:
    home = backups.cloud.directory_of(backups.cloud.file_systems["home"].id)
    (home / "*.log").write_text("a star")
    (home / "one.log").write_text("no star")
    point, before = backups.backed_up(), backups.directories()
    job = backups.restored(point, ItemsToRestore=json.dumps(["/*.log", "/docs/new\nline"]))
    assert job["Status"] == "COMPLETED", job
    (directory,) = backups.directories() - before
    assert {path.name for path in directory.iterdir()} == {"*.log", "docs"}
    assert (directory / "docs" / "new\nline").read_text() == "name with a line break"


def test_a_name_that_is_not_utf8_is_restored_only_with_its_directory(backups: Backups) -> None:
    point, before = backups.backed_up(), backups.directories()
    # neither the character nor its usual replacement stands for the byte
    for item in ("/not \u00ff\u00fe utf-8", "/not \ufffd\ufffd utf-8"):
        assert backups.restored(point, ItemsToRestore=json.dumps([item]))["Status"] == "FAILED"
    assert backups.restored(point)["Status"] == "COMPLETED"
    (directory,) = backups.directories() - before
    assert os.path.exists(os.fsencode(directory) + b"/not \xff\xfe utf-8")  # noqa: PTH110  # bytes


@pytest.mark.parametrize("item", ["/docs/A.TXT", "/docs/deep/loop/a.txt", "/fifo"])
def test_an_item_that_is_not_in_the_point_fails_the_job(backups: Backups, item: str) -> None:
    point, before = backups.backed_up(), backups.directories("failed-restore")
    job = backups.restored(point, ItemsToRestore=json.dumps(["/docs/a.txt", item]))
    assert job["Status"] == "FAILED"
    assert job["StatusMessage"]
    assert len(backups.directories("failed-restore") - before) == 1


@pytest.mark.parametrize("items", [None, ["/file"]])
def test_a_new_file_system_has_a_restore_directory_and_nothing_else(
    backups: Backups, items: list[str] | None
) -> None:
    point, efs = backups.backed_up("other"), backups.cloud.client("efs")
    chosen = {"ItemsToRestore": json.dumps(items)} if items else {}
    job = backups.restored(point, **NEW, **chosen, CreationToken=f"new {items}")
    assert job["Status"] == "COMPLETED"
    made = job["CreatedResourceArn"].rsplit("/", 1)[1]
    assert made not in {one.id for one in backups.cloud.file_systems.values()}
    (directory,) = backups.cloud.directory_of(made).iterdir()
    assert NAME.fullmatch(directory.name)
    assert (directory / "file").read_bytes() == (backups.tree(point) / "file").read_bytes()
    (described,) = efs.describe_file_systems(FileSystemId=made)["FileSystems"]
    assert described["Encrypted"]
    assert (described["CreationToken"], described["PerformanceMode"]) == (f"new {items}", "generalPurpose")
    assert (described["Tags"], described["NumberOfMountTargets"]) == ([], 0)
    assert efs.describe_lifecycle_configuration(FileSystemId=made)["LifecyclePolicies"] == []
    assert efs.describe_access_points(FileSystemId=made)["AccessPoints"] == []
    with pytest.raises(efs.exceptions.PolicyNotFound):
        efs.describe_file_system_policy(FileSystemId=made)


def test_tags_of_the_point_are_copied_on_request(backups: Backups) -> None:
    point, efs = (
        backups.backed_up("other", RecoveryPointTags={"of": "the point"}),
        backups.cloud.client("efs"),
    )
    job = backups.ended(
        backups.client().start_restore_job(
            RecoveryPointArn=point,
            IamRoleArn=ROLE,
            Metadata={**NEW, "CreationToken": "tagged"},
            CopySourceTagsToRestoredResource=True,
        )["RestoreJobId"],
        backups.restore_job,
    )
    made = job["CreatedResourceArn"].rsplit("/", 1)[1]
    (described,) = efs.describe_file_systems(FileSystemId=made)["FileSystems"]
    assert {"Key": "of", "Value": "the point"} in described["Tags"]


def test_a_new_file_system_can_be_in_one_zone_and_have_a_key(backups: Backups) -> None:
    key = backups.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    zone = {"singleAzFilesystem": "true", "availabilityZoneName": f"{HERE}a"}
    job = backups.restored(
        backups.backed_up("other"), **NEW, **zone, KmsKeyId=key, CreationToken="in one zone"
    )
    assert job["Status"] == "COMPLETED", job
    made = job["CreatedResourceArn"].rsplit("/", 1)[1]
    (described,) = backups.cloud.client("efs").describe_file_systems(FileSystemId=made)["FileSystems"]
    assert (described["KmsKeyId"], described["AvailabilityZoneName"]) == (key, f"{HERE}a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "CreationToken"),
        ({"CreationToken": "localcloud-home"}, "already exists"),
        ({"CreationToken": "k", "KmsKeyId": "01234567-89ab-cdef-0123-456789abcdef"}, "KMS key"),
        ({"CreationToken": "k", "KmsKeyId": f"arn:aws:kms:eu-west-1:123456789012:key/{'0' * 8}"}, "KMS key"),
        (
            {"CreationToken": "z", "singleAzFilesystem": "true", "availabilityZoneName": "eu-west-1a"},
            "Availability Zone",
        ),
    ],
)
def test_a_file_system_that_cannot_be_created_fails_the_job(
    backups: Backups, changes: dict[str, str], message: str
) -> None:
    before = backups.cloud.client("efs").describe_file_systems()["FileSystems"]
    job = backups.restored(backups.backed_up("other"), **NEW, **changes)
    assert job["Status"] == "FAILED"
    assert message in job["StatusMessage"]
    after = backups.cloud.client("efs").describe_file_systems()["FileSystems"]
    assert {one["FileSystemId"] for one in after} == {one["FileSystemId"] for one in before}


def test_a_job_that_fails_late_leaves_a_failed_directory_in_an_existing_file_system(backups: Backups) -> None:
    point = backups.backed_up("other")
    restored, failed = backups.directories(), backups.directories("failed-restore")
    backups.cloud.faults.add(
        Fault(service="backup", operation="RestoreBytes", action="fail", message="the disk broke")
    )
    job = backups.restored(point)
    assert (job["Status"], job["StatusMessage"]) == ("FAILED", "the disk broke")
    assert backups.directories() == restored
    (directory,) = backups.directories("failed-restore") - failed
    assert (directory / "file").exists()


def test_a_job_that_fails_late_removes_its_new_file_system(backups: Backups) -> None:
    point, efs = backups.backed_up("other"), backups.cloud.client("efs")
    before = {one["FileSystemId"] for one in efs.describe_file_systems()["FileSystems"]}
    backups.cloud.faults.add(Fault(service="backup", operation="RestoreBytes", action="fail"))
    assert backups.restored(point, **NEW, CreationToken="doomed")["Status"] == "FAILED"
    assert {one["FileSystemId"] for one in efs.describe_file_systems()["FileSystems"]} == before


def test_fragments_are_put_into_lost_and_found_and_the_job_completes(backups: Backups) -> None:
    point, before = backups.backed_up(), backups.directories()
    backups.cloud.faults.add(
        Fault(service="backup", operation="RestoreFragment", action="fail", message="docs/new\nline")
    )
    assert backups.restored(point)["Status"] == "COMPLETED"
    (directory,) = backups.directories() - before
    assert not (directory / "docs" / "new\nline").exists()
    lost = directory.parent / "aws-backup-lost+found" / "new\nline"
    assert lost.read_text() == "name with a line break"


def everything(top: Path) -> bytes:
    """Return what find reports of a tree, times included."""
    command = ["find", top, "-printf", "%P %y %m %s %T@ %C@ %l\\0"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_a_restore_changes_no_directory_of_the_user(backups: Backups) -> None:
    other = backups.cloud.file_systems["other"]
    before = everything(other.directory)
    assert backups.restored(backups.backed_up())["Status"] == "COMPLETED"
    now = backups.cloud.directory_of(other.id)
    assert now != other.directory
    assert everything(other.directory) == before
    again = backups.backed_up("other")  # sees what was restored
    assert any(path.name.startswith("aws-backup-restore_") for path in backups.tree(again).iterdir())


def test_with_writable_a_restore_changes_the_directory_itself(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "file").write_text("kept")
    with LocalCloud.start(
        file_systems={"other": home}, time_scale=0.001, region=HERE, writable=True
    ) as cloud:
        backups = Backups(cloud=cloud, state=tmp_path)
        backups.client().create_backup_vault(BackupVaultName="main")
        assert backups.restored(backups.backed_up("other"))["Status"] == "COMPLETED"
        assert cloud.directory_of(cloud.file_systems["other"].id) == home
        (directory,) = home.glob("aws-backup-restore_*")
        assert (directory / "file").read_text() == "kept"
