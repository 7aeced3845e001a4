"""A temporary file system is removed with its mount targets, whatever an earlier attempt has removed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.account import REGION
from tidemark.aws.clients import Clients
from tidemark.aws.temporary_file_systems import remove_file_system, remove_mount_targets

_UNKNOWN = "fs-0123456789abcdef0"


@pytest.fixture
def efs(clients: Clients) -> Any:
    return clients.of("efs", REGION)


@pytest.fixture
def mounted(clients: Clients, efs: Any) -> str:
    """A file system with two mount targets."""
    ec2 = clients.of("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    file_system_id: str = efs.create_file_system(CreationToken="temporary")["FileSystemId"]
    for number, zone in enumerate("ab"):
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )
        efs.create_mount_target(FileSystemId=file_system_id, SubnetId=subnet["Subnet"]["SubnetId"])
    return file_system_id


def _exists(efs: Any, file_system_id: str) -> bool:
    return any(each["FileSystemId"] == file_system_id for each in efs.describe_file_systems()["FileSystems"])


def test_mount_targets_are_removed_and_the_file_system_stays(efs: Any, mounted: str) -> None:
    assert not remove_mount_targets(efs, mounted), "their deletion is asynchronous"
    assert remove_mount_targets(efs, mounted)
    assert _exists(efs, mounted)


def test_a_file_system_is_removed_after_its_mount_targets(efs: Any, mounted: str) -> None:
    with pytest.raises(ClientError, match="FileSystemInUse"):
        efs.delete_file_system(FileSystemId=mounted)
    assert not remove_file_system(efs, mounted)
    assert remove_file_system(efs, mounted)
    assert not _exists(efs, mounted)
    assert remove_file_system(efs, mounted), "a repeated removal has nothing to do"


def test_what_does_not_exist_is_removed_already(efs: Any) -> None:
    assert remove_mount_targets(efs, _UNKNOWN)
    assert remove_file_system(efs, _UNKNOWN)


@pytest.mark.parametrize("state", ["deleting", "deleted"])
def test_a_mount_target_that_is_being_deleted_is_not_deleted_again(
    efs: Any, mounted: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = efs.describe_mount_targets(FileSystemId=mounted)["MountTargets"]
    pages = [{"MountTargets": [{**target, "LifeCycleState": state} for target in targets]}]
    monkeypatch.setattr(efs, "get_paginator", lambda _: type("", (), {"paginate": lambda _, **__: pages})())
    monkeypatch.setattr(efs, "delete_mount_target", lambda **_: pytest.fail("deleted again"))
    assert not remove_file_system(efs, mounted)


def test_a_file_system_in_use_is_tried_again(efs: Any, mounted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not remove_mount_targets(efs, mounted)
    delete = efs.delete_file_system

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "FileSystemInUse", "Message": "has mount targets"}}, "Delete")

    monkeypatch.setattr(efs, "delete_file_system", refuse)
    assert not remove_file_system(efs, mounted)
    monkeypatch.setattr(efs, "delete_file_system", delete)
    assert remove_file_system(efs, mounted)
