"""A new file system gets the settings of the original, and each that EFS refuses is reported."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.aws.account import ACCOUNT, REGION
from tidemark.aws.clients import Clients
from tidemark.aws.new_file_systems import (
    PARTS,
    NewFileSystemSetup,
    NewFileSystemWish,
    settings_for,
)
from tidemark.aws.workers import TEMPORARY_TAG
from tidemark.errors import FileSystemNotFound, NotRestorable, RestoreFailed
from tidemark.restore.plan import NewFileSystem, NewMountTarget, Setting
from tidemark.sessions.session import FileSystem

LIFECYCLE = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToArchive": "AFTER_90_DAYS"}]


@dataclass(frozen=True)
class Account:
    """An original with all settings, and an empty file system."""

    clients: Clients
    original: FileSystem
    empty: FileSystem
    subnets: list[str]
    groups: list[str]
    reports: list[tuple[str, str]] = field(default_factory=list)

    @property
    def efs(self) -> Any:
        return self.clients.of("efs", REGION)

    def settings(self, **wish: Any) -> NewFileSystem:
        return settings_for(self.efs, self.original, NewFileSystemWish(**wish))

    def setup(self, settings: NewFileSystem) -> NewFileSystemSetup:
        def report(part: str, reason: str) -> None:
            self.reports.append((part, reason))

        return NewFileSystemSetup(self.efs, self.empty, settings, report=report)


@pytest.fixture
def account(clients: Clients) -> Account:
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in "xy"
    ]
    made = efs.create_file_system(
        CreationToken="original", Encrypted=True, Tags=[{"Key": "Name", "Value": "team"}]
    )
    original = made["FileSystemId"]
    for subnet, group in zip(subnets, groups, strict=True):
        efs.create_mount_target(FileSystemId=original, SubnetId=subnet, SecurityGroups=[group])
    efs.put_lifecycle_configuration(FileSystemId=original, LifecyclePolicies=LIFECYCLE)  # type: ignore[arg-type]  # a list of literals
    statement = {"Effect": "Deny", "Principal": "*", "Resource": made["FileSystemArn"], "Action": "*"}
    efs.put_file_system_policy(FileSystemId=original, Policy=json.dumps({"Statement": [statement]}))
    empty = efs.create_file_system(CreationToken="new", Encrypted=True)["FileSystemId"]
    return Account(
        clients=clients,
        original=FileSystem(ACCOUNT, REGION, original),
        empty=FileSystem(ACCOUNT, REGION, empty),
        subnets=subnets,
        groups=groups,
    )


def test_what_was_applied_is_what_was_read_from_the_original(account: Account) -> None:
    settings = account.settings()
    setup = account.setup(settings)
    setup.mark("tidemark", "restore-1", is_temporary=False)
    setup.mark("tidemark", "restore-1", is_temporary=False)
    while not setup.apply():
        pass
    assert setup.apply(), "repeated calls change nothing"
    setup.put_policy(account.original.file_system_id)
    found = settings_for(account.efs, account.empty, NewFileSystemWish())
    here, there = account.original.file_system_id, account.empty.file_system_id
    assert found == dataclasses.replace(settings, policy=settings.policy.replace(here, there))
    assert there in found.policy
    assert {reason for _, reason in account.reports} == {""}
    tags = account.efs.list_tags_for_resource(ResourceId=there)["Tags"]
    assert {"Key": "tidemark:restore", "Value": "restore-1"} in tags
    assert {"Key": "Name", "Value": "team"} in tags


def test_a_part_that_is_not_wanted_is_not_in_the_settings(account: Account) -> None:
    settings = account.settings(without=PARTS)
    assert (settings.tags, settings.lifecycle, settings.policy) == ((), (), "")
    assert settings.throughput_mode == "elastic"
    assert len(settings.notes) == len(PARTS)
    assert settings.mount_targets == account.settings().mount_targets


def test_named_subnets_and_groups_replace_those_of_the_original(account: Account) -> None:
    one, two = account.subnets
    x, y = account.groups
    named = account.settings(subnets=[one], security_groups=[y]).mount_targets
    assert named == (NewMountTarget(subnet=one, security_groups=(y,)),)
    (target,) = account.settings(subnets=[one]).mount_targets
    assert set(target.security_groups) == {x, y}
    both = account.settings(security_groups=[x]).mount_targets
    assert {target.subnet: target.security_groups for target in both} == {one: (x,), two: (x,)}


def test_without_the_original_the_mount_targets_must_be_named(account: Account) -> None:
    gone = dataclasses.replace(account.original, file_system_id="fs-00000000")
    with pytest.raises(NotRestorable, match="--subnet"):
        settings_for(account.efs, gone, NewFileSystemWish(subnets=["subnet-1"]))
    settings = settings_for(
        account.efs, gone, NewFileSystemWish(subnets=["subnet-1"], security_groups=["sg-1"])
    )
    assert settings.mount_targets == (NewMountTarget(subnet="subnet-1", security_groups=("sg-1",)),)
    assert settings.notes != ()


def test_an_original_without_mount_targets_has_none_to_copy(account: Account) -> None:
    with pytest.raises(NotRestorable, match="--subnet"):
        settings_for(account.efs, account.empty, NewFileSystemWish())


def test_a_mount_target_that_is_refused_is_reported_and_the_others_are_created(account: Account) -> None:
    settings = account.settings()
    wrong = NewMountTarget(subnet="subnet-00000000", security_groups=("sg-00000000",))
    setup = account.setup(dataclasses.replace(settings, mount_targets=(*settings.mount_targets, wrong)))
    while not setup.apply():
        pass
    (reported,) = {(part, reason) for part, reason in account.reports if reason}
    assert "subnet-00000000" in reported[0]
    alone = account.setup(dataclasses.replace(settings, mount_targets=(wrong,)))
    with pytest.raises(RestoreFailed, match="subnet-00000000"):
        alone.apply()


def test_a_file_system_that_was_deleted_meanwhile_is_named(account: Account) -> None:
    account.efs.delete_file_system(FileSystemId=account.empty.file_system_id)
    with pytest.raises(FileSystemNotFound, match=account.empty.file_system_id):
        account.setup(account.settings()).apply()


def test_tags_that_only_aws_and_tidemark_set_are_not_copied(account: Account) -> None:
    keys = ("tidemark:restore", "tidemark:deployment", "own")
    account.efs.tag_resource(
        ResourceId=account.original.file_system_id, Tags=[{"Key": key, "Value": "v"} for key in keys]
    )
    assert account.settings().tags == (
        Setting(name="Name", value="team"),
        Setting(name="own", value="v"),
    )


def test_only_a_temporary_file_system_has_the_mark_that_lets_it_be_removed(account: Account) -> None:
    setup = account.setup(account.settings())
    for is_temporary in (False, True):
        setup.mark("tidemark", "restore-1", is_temporary=is_temporary)
        found = account.efs.describe_file_systems(FileSystemId=account.empty.file_system_id)["FileSystems"][0]
        assert ({"Key": TEMPORARY_TAG, "Value": "restore-1"} in found["Tags"]) == is_temporary


def test_the_marks_of_an_original_are_not_copied(account: Account) -> None:
    account.setup(account.settings()).mark("tidemark", "restore-1", is_temporary=True)
    copied = settings_for(
        account.efs, account.empty, NewFileSystemWish(subnets=account.subnets, security_groups=account.groups)
    )
    assert not any(tag.name.startswith("tidemark:") for tag in copied.tags)
