"""Mounts that may write, and those that may only read."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from localcloud.client.local_cloud import FileSystem
from tests.localcloud.compute.conftest import Site, wait_for
from tests.localcloud.compute.test_ecs import logged as logged_by_task
from tests.localcloud.compute.test_ecs import register, run, stopped
from tests.localcloud.compute.test_instances import SCRIPT, console, launch, logged, state

pytestmark = pytest.mark.cloud


@pytest.fixture
def file_system(site: Site, tmp_path: Path) -> FileSystem:
    """Return a file system for one test, whose directory of the user has one file."""
    (tmp_path / "mine").write_text("mine")
    return site.cloud.create_file_system(f"rw-{uuid.uuid4()}", tmp_path)


def role(site: Site, *actions: str, resource: str = "*") -> str:
    """Create a role for tasks that has these permissions for the resource."""
    iam, name = site.client("iam"), f"mounting-{uuid.uuid4()}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    statement = {"Effect": "Allow", "Action": [*actions, "logs:*"], "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return str(made["Role"]["Arn"])


def definition(site: Site, file_system: FileSystem, *, read_only: bool, iam: str = "ENABLED") -> str:
    volume = {
        "fileSystemId": file_system.id,
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"iam": iam},
    }
    earlier = site.client("ecs").describe_task_definition(taskDefinition=register(site))["taskDefinition"]
    container = earlier["containerDefinitions"][0]
    container["mountPoints"] = [{"sourceVolume": "files", "containerPath": "/mnt/efs", "readOnly": read_only}]
    return register(
        site,
        family="mounting",
        volumes=[{"name": "files", "efsVolumeConfiguration": volume}],
        containerDefinitions=[container],
    )


def run_task(site: Site, definition_arn: str, order: str, role_arn: str | None = None) -> dict[str, Any]:
    overrides: dict[str, Any] = {
        "containerOverrides": [{"name": "worker", "environment": [{"name": "ORDER", "value": order}]}]
    }
    if role_arn:
        overrides["taskRoleArn"] = role_arn
    arn = run(site, definition_arn, overrides=overrides)["tasks"][0]["taskArn"]
    return stopped(site, arn)


def test_a_task_that_mounts_read_write_changes_a_copy_that_later_tasks_see(
    site: Site, file_system: FileSystem
) -> None:
    task = run_task(site, definition(site, file_system, read_only=False), "write")
    assert task["containers"][0]["exitCode"] == 0
    assert [path.name for path in file_system.directory.iterdir()] == ["mine"]
    copy = site.cloud.directory_of(file_system.id)
    assert {path.name: path.read_text() for path in copy.iterdir()} == {
        "mine": "mine",
        "written": "by the program",
    }
    task = run_task(site, definition(site, file_system, read_only=True), "report")
    report = json.loads(logged_by_task(site, task["taskArn"])[1])
    assert report["listing"] == ["mine", "written"]
    assert report["environment"]["ROOT"] == str(copy)


def test_a_task_that_mounts_read_only_gets_the_directory_itself(site: Site, file_system: FileSystem) -> None:
    run_task(site, definition(site, file_system, read_only=True), "report")
    assert site.cloud.directory_of(file_system.id) == file_system.directory


@pytest.mark.parametrize(("own", "mounts"), [(True, True), (False, False)])
def test_a_mount_needs_the_permission_for_its_own_file_system(
    site: Site, file_system: FileSystem, own: bool, mounts: bool
) -> None:
    named = file_system.id if own else site.file_system
    resource = f"arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/{named}"
    (described,) = site.client("efs").describe_file_systems(FileSystemId=named)["FileSystems"]
    assert described["FileSystemArn"] == resource
    mounting = definition(site, file_system, read_only=True)
    task = run_task(site, mounting, "nothing", role(site, "elasticfilesystem:ClientMount", resource=resource))
    assert task["stopCode"] == ("EssentialContainerExited" if mounts else "TaskFailedToStart")


@pytest.mark.parametrize(
    ("actions", "read_only", "missing"),
    [
        (("elasticfilesystem:ClientMount",), True, None),
        (("elasticfilesystem:ClientMount",), False, "ClientWrite"),
        (("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"), False, None),
        (("elasticfilesystem:ClientWrite",), True, "ClientMount"),
    ],
)
def test_a_mount_with_iam_needs_the_permissions_of_its_kind(
    site: Site, file_system: FileSystem, actions: tuple[str, ...], read_only: bool, missing: str | None
) -> None:
    mounting = definition(site, file_system, read_only=read_only)
    task = run_task(site, mounting, "nothing", role(site, *actions))
    if missing is None:
        assert task["stopCode"] == "EssentialContainerExited"
    else:
        assert task["stopCode"] == "TaskFailedToStart"
        assert f"elasticfilesystem:{missing}" in task["stoppedReason"]


def test_a_mount_without_iam_needs_no_permission(site: Site, file_system: FileSystem) -> None:
    mounting = definition(site, file_system, read_only=False, iam="DISABLED")
    task = run_task(site, mounting, "nothing", role(site, "s3:GetObject"))
    assert task["stopCode"] == "EssentialContainerExited"


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_the_policy_of_a_file_system_decides_too(site: Site, file_system: FileSystem, effect: str) -> None:
    statement = {
        "Effect": effect,
        "Principal": {"AWS": "*"},
        "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    site.client("efs").put_file_system_policy(FileSystemId=file_system.id, Policy=policy)
    actions = ("s3:GetObject",) if effect == "Allow" else ("elasticfilesystem:*",)
    mounting = definition(site, file_system, read_only=False)
    task = run_task(site, mounting, "nothing", role(site, *actions))
    assert task["stopCode"] == ("EssentialContainerExited" if effect == "Allow" else "TaskFailedToStart")


@pytest.mark.parametrize("options", ["tls,iam,ro", "tls,iam"])
def test_an_instance_gets_the_directory_itself_only_if_it_mounts_read_only(
    site: Site, file_system: FileSystem, options: str
) -> None:
    order = "report" if "ro" in options else "write"
    script = SCRIPT.replace("{file_system}", file_system.id).replace("tls,iam,ro", options)
    stream = f"mount-{uuid.uuid4()}"
    instance = launch(site, stream, script=script, order=order)
    wait_for(lambda: state(site, instance) == "terminated")
    assert "finished" in console(site, instance)
    assert logged(site, stream)[0] == "started"
    assert [path.name for path in file_system.directory.iterdir()] == ["mine"]
    written = {path.name for path in site.cloud.directory_of(file_system.id).iterdir()} - {"mine"}
    assert written == (set() if "ro" in options else {"written"})


def test_a_deleted_file_system_loses_its_copy_and_never_the_users_directory(
    site: Site, file_system: FileSystem
) -> None:
    run_task(site, definition(site, file_system, read_only=False), "write")
    copy, efs = site.cloud.directory_of(file_system.id), site.client("efs")
    for target in efs.describe_mount_targets(FileSystemId=file_system.id)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    efs.delete_file_system(FileSystemId=file_system.id)
    assert not copy.exists()
    assert (file_system.directory / "mine").read_text() == "mine"
    with pytest.raises(KeyError):
        site.cloud.directory_of(file_system.id)


@pytest.mark.parametrize(
    ("principal", "mounts"), [(None, True), ("*", True), ("arn:aws:iam::123456789012:role/other", False)]
)
def test_a_mount_without_iam_is_anonymous(
    site: Site, file_system: FileSystem, principal: str | None, mounts: bool
) -> None:
    if principal is not None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        }
        site.client("efs").put_file_system_policy(
            FileSystemId=file_system.id, Policy=json.dumps({"Statement": [statement]})
        )
    task = run_task(site, definition(site, file_system, read_only=False, iam="DISABLED"), "exit 0")
    assert ("access denied" in task.get("stoppedReason", "")) != mounts
