"""The permissions that AWS Backup needs in the role of a restore."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localcloud.backup.conftest import HERE, Backups

pytestmark = pytest.mark.cloud
NEW = {"newFileSystem": "true", "PerformanceMode": "generalPurpose", "Encrypted": "true"}


def role(backups: Backups, name: str, *actions: str, resource: str = "*") -> str:
    """Create a role that AWS Backup can assume, with one policy."""
    iam = backups.cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    statement = {
        "Effect": "Allow",
        "Action": [f"elasticfilesystem:{one}" for one in actions],
        "Resource": resource,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return str(made["Role"]["Arn"])


def test_a_role_needs_restore_on_the_target(backups: Backups) -> None:
    point = backups.backed_up("other")
    elsewhere = role(backups, "elsewhere", "Restore", resource=backups.arn("home"))
    job = backups.restored(point, role=elsewhere)
    assert job["Status"] == "FAILED"
    assert f"{elsewhere} is not authorized to perform: elasticfilesystem:Restore" in job["StatusMessage"]
    sufficient = role(backups, "sufficient", "Restore", resource=backups.arn("other"))
    assert backups.restored(point, role=sufficient)["Status"] == "COMPLETED"


def test_a_new_file_system_needs_its_creation_too(backups: Backups) -> None:
    point = backups.backed_up("other")
    job = backups.restored(point, role=role(backups, "no-creation", "Restore"), **NEW, CreationToken="p1")
    assert (job["Status"], "elasticfilesystem:CreateFilesystem" in job["StatusMessage"]) == ("FAILED", True)
    # the spelling of the managed policy differs from that of the API
    creating = role(backups, "creation", "Restore", "CreateFileSystem", "DescribeFileSystems")
    assert backups.restored(point, role=creating, **NEW, CreationToken="p2")["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ("AWSBackupServiceRolePolicyForBackup", "FAILED"),
        ("AWSBackupServiceRolePolicyForRestores", "COMPLETED"),
    ],
)
def test_the_managed_policy_of_backups_does_not_suffice_but_that_of_restores_does(
    backups: Backups, policy: str, status: str
) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {
        "RoleName": policy,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [f"arn:aws:iam::aws:policy/service-role/{policy}"],
    }
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    stacks = backups.cloud.client("cloudformation", HERE)
    stacks.create_stack(
        StackName=policy, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName=policy, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    arn = f"arn:aws:iam::123456789012:role/{policy}"
    job = backups.restored(backups.backed_up("other"), role=arn)
    assert job["Status"] == status, job.get("StatusMessage")
