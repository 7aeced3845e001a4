"""A restore to a new file system brings back all files and the settings of the original."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Answer, Deployed
from tests.e2e.trees import Node, tree, without_directory_times
from tidemark.errors import RestoreFailed

pytestmark = pytest.mark.cloud

# moto cannot delete a policy; this one admits what no policy admits, also for the other tests' workers.
NO_POLICY = '{"Version": "2012-10-17", "Statement": []}'
LIFECYCLE = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToArchive": "AFTER_90_DAYS"}]


@pytest.fixture(scope="module")
def desk(deployed: Deployed) -> Deployed:
    """A deployment in which the file system `desk` has a backup, an index, tags, rules and a policy."""
    deployed.run("desk")
    efs, original = deployed.cloud.client("efs"), original_of(deployed)
    efs.tag_resource(ResourceId=original, Tags=[{"Key": "team", "Value": "writers"}])
    efs.put_lifecycle_configuration(FileSystemId=original, LifecyclePolicies=LIFECYCLE)
    return deployed


@pytest.fixture
def policy(desk: Deployed) -> Iterator[dict[str, Any]]:
    """The policy of `desk`: it admits one role, which is not the worker's."""
    efs, original = desk.cloud.client("efs"), original_of(desk)
    arn = efs.describe_file_systems(FileSystemId=original)["FileSystems"][0]["FileSystemArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{desk.cloud.account_id}:role/writers"},
                "Action": "elasticfilesystem:ClientMount",
                "Resource": arn,
            }
        ],
    }
    efs.put_file_system_policy(FileSystemId=original, Policy=json.dumps(policy))
    yield policy
    efs.put_file_system_policy(FileSystemId=original, Policy=NO_POLICY)


def original_of(deployed: Deployed) -> str:
    return deployed.cloud.file_systems["desk"].id


def restore(deployed: Deployed, *arguments: str) -> Answer:
    return deployed.tidemark(
        "restore",
        *arguments,
        "--file-system",
        original_of(deployed),
        "--new-file-system",
        "--yes",
        "--wait",
        "--json",
    )


def restored(deployed: Deployed, *arguments: str) -> tuple[str, Path]:
    """Restore, which must succeed; return the new file system and its directory."""
    answer = restore(deployed, *arguments)
    assert answer.code == 0, answer.err
    session = answer.json["session"]
    assert session["status"] == "success"
    assert session["totals"].get("differences") == 0
    return session["new_file_system"], deployed.cloud.directory_of(session["new_file_system"])


def described(deployed: Deployed, file_system: str) -> dict[str, Any]:
    return deployed.cloud.client("efs").describe_file_systems(FileSystemId=file_system)["FileSystems"][0]


def file_systems(deployed: Deployed) -> set[str]:
    pages = deployed.cloud.client("efs").get_paginator("describe_file_systems").paginate()
    return {found["FileSystemId"] for page in pages for found in page["FileSystems"]}


def tags_of(found: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def mount_targets_of(deployed: Deployed, file_system: str) -> dict[str, list[str]]:
    efs = deployed.cloud.client("efs")
    return {
        target["SubnetId"]: efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])[
            "SecurityGroups"
        ]
        for target in efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
    }


def root_of(directory: Path) -> tuple[int, int, int, int]:
    status = directory.stat()
    return status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns


def content(deployed: Deployed, file_system: str) -> dict[bytes, Node]:
    return tree(deployed.cloud.directory_of(file_system))


def test_a_new_file_system_has_all_files_and_settings_of_the_original(
    desk: Deployed, policy: dict[str, Any]
) -> None:
    original = original_of(desk)
    before = content(desk, original)
    settings_before = described(desk, original)
    new, root = restored(desk)
    assert new != original
    assert tree(root) == before
    assert root_of(root) == root_of(desk.cloud.directory_of(original))
    assert [entry.name for entry in root.iterdir() if entry.name.startswith("aws-backup-")] == []

    found = described(desk, new)
    for setting in ("PerformanceMode", "ThroughputMode", "Encrypted", "KmsKeyId"):
        assert found.get(setting) == settings_before.get(setting), setting
    assert tags_of(settings_before).items() <= tags_of(found).items()
    assert mount_targets_of(desk, new) == mount_targets_of(desk, original)
    efs = desk.cloud.client("efs")
    assert efs.describe_lifecycle_configuration(FileSystemId=new)["LifecyclePolicies"] == LIFECYCLE
    allowed = json.loads(efs.describe_file_system_policy(FileSystemId=new)["Policy"])
    policy["Statement"][0]["Resource"] = found["FileSystemArn"]
    assert allowed == policy

    assert content(desk, original) == before
    for settings in (settings_before, settings_after := described(desk, original)):
        del settings["SizeInBytes"]  # with the time of the call
    assert settings_after == settings_before


def test_named_paths_come_back_in_a_new_file_system_and_refused_settings_do_not(desk: Deployed) -> None:
    paths = ["/sub", "/plain.txt", "/wide/00017", *(f"/wide/{number:05}" for number in range(20, 28))]
    answer = restore(desk, *paths, "--without", "tags", "--without", "lifecycle", "--without", "throughput")
    assert answer.code == 0, answer.err
    session = answer.json["session"]
    assert len(session["jobs"]) > 1, "the later jobs restore into the file system of the first"
    new = session["new_file_system"]
    assert {job["state"] for job in session["jobs"]} == {"COMPLETED"}
    wanted = (
        b"sub",
        b"plain.txt",
        b"wide/00017",
        *(f"wide/{number:05}".encode() for number in range(20, 28)),
    )
    before = content(desk, original_of(desk))
    expected = {
        path: node
        for path, node in without_directory_times(before).items()
        if path == b"wide" or any(path == one or path.startswith(one + b"/") for one in wanted)
    }
    assert without_directory_times(content(desk, new)) == expected
    assert "team" not in tags_of(described(desk, new))
    efs = desk.cloud.client("efs")
    assert efs.describe_lifecycle_configuration(FileSystemId=new)["LifecyclePolicies"] == []


def test_a_setting_that_efs_refuses_is_a_warning(desk: Deployed) -> None:
    desk.cloud.faults.add(
        Fault(
            service="efs",
            operation="PutLifecycleConfiguration",
            action="fail",
            error_code="BadRequest",
            status=400,
        )
    )
    answer = restore(desk, "/caf\\xe9")  # cannot be requested by its name, so AWS Backup restores everything
    assert answer.code == RestoreFailed.exit_code
    session = answer.json["session"]
    assert session["status"] == "warning"
    (reason,) = session["reasons"]
    assert "lifecycle" in reason
    assert session["new_file_system"] in reason
    assert content(desk, session["new_file_system"]).keys() == {b"caf\xe9"}


def test_the_file_system_of_a_failed_restore_is_kept_and_named(desk: Deployed) -> None:
    desk.cloud.faults.add(
        Fault(
            service="efs",
            operation="CreateMountTarget",
            action="fail",
            error_code="NoFreeAddressesInSubnet",
            status=409,
        )
    )
    answer = restore(desk, "/plain.txt")
    assert answer.code == RestoreFailed.exit_code
    session = answer.json["session"]
    assert session["status"] == "failed"
    assert f"delete-file-system --file-system-id {session['new_file_system']}" in session["reasons"][-1]
    assert described(desk, session["new_file_system"])["LifeCycleState"] == "available"


def test_the_plan_shows_the_settings_and_nothing_is_created(desk: Deployed) -> None:
    existing = file_systems(desk)
    answer = desk.tidemark("restore", "--file-system", original_of(desk), "--new-file-system", "--dry-run")
    assert answer.code == 0, answer.err
    assert "a new file system in eu-central-1" in answer.out
    assert "team=writers" in answer.out
    assert file_systems(desk) == existing
