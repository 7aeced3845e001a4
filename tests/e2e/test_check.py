"""tidemark check: each planted fault is found, and nothing else; what may not be read is a warning."""

from __future__ import annotations

import dataclasses
import json
from contextlib import ExitStack
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.checking import not_passed, only, results
from tests.e2e.conftest import Deployed
from tidemark.answers.checks.result import Status
from tidemark.answers.connection import Connection
from tidemark.errors import CheckFailed, FileSystemNotInPolicy, PolicyNotFound
from tidemark.policy.policy import Policy, WorkerSettings

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def test_a_deployment_that_works_passes_everything_for_each_policy(deployed: Deployed) -> None:
    answer = deployed.tidemark("check", "--json")
    assert answer.code == 0, answer.out + answer.err
    checks = answer.json["checks"]
    assert [each for each in checks if each["status"] == "fail"] == []
    assert answer.json["failed"] == 0
    assert answer.json["passed"] + answer.json["warned"] == len(checks)
    names = {each["name"] for each in checks}
    assert names == {
        *("opt-in", "vault", "vault-key", "vault-lock", "file-system", "network", "security-groups", "dns"),
        *("file-system-policy", "quota", "repository", "repository-key", "tag-key", "stack", "permissions"),
        "notifications",
    }
    # "pair" has two file systems without indexes; its quota and network are not needed.
    assert all(each["fix"] == "" for each in checks if each["status"] == "pass")
    systems = {each["subject"] for each in checks if each["name"] == "file-system"}
    assert {one.id for one in deployed.cloud.file_systems.values()} <= systems


def test_a_policy_or_a_file_system_can_be_checked_alone(deployed: Deployed) -> None:
    team = deployed.cloud.file_systems["team"].id
    answer = deployed.tidemark("check", team, "--json")
    assert answer.code == 0, answer.err
    systems = {each["subject"] for each in answer.json["checks"] if each["name"] == "file-system"}
    assert systems == {team}
    assert deployed.tidemark("check", "nothing").code == PolicyNotFound.exit_code
    assert deployed.tidemark("check", "fs-00000000000000000").code == FileSystemNotInPolicy.exit_code


def test_a_failure_has_its_own_exit_code_and_prints_the_fix(deployed: Deployed) -> None:
    backup = deployed.cloud.client("backup")
    backup.update_region_settings(ResourceTypeOptInPreference={"EFS": False})
    try:
        answer = deployed.tidemark("check", "home")
        assert answer.code == CheckFailed.exit_code
        assert "aws backup update-region-settings --region eu-central-1" in answer.out
        assert "1 failed" in answer.out
        assert answer.err.startswith("tidemark: 1 of ")
        again = deployed.tidemark("check", "home", "--json")
        assert again.code == CheckFailed.exit_code
        (failed,) = (each for each in again.json["checks"] if each["status"] == "fail")
        assert (failed["name"], failed["subject"]) == ("opt-in", "eu-central-1")
    finally:
        backup.update_region_settings(ResourceTypeOptInPreference={"EFS": True})
    assert deployed.tidemark("check", "home").code == 0


def test_nothing_is_started_or_changed(deployed: Deployed) -> None:
    before = len(deployed.cloud.calls())
    assert deployed.tidemark("check").code == 0
    operations = {
        call["operation"] for call in deployed.cloud.calls()[before:] if call["principal"].endswith(":root")
    }
    assert "SimulatePrincipalPolicy" in operations
    reading = ("Describe", "Get", "List", "Simulate")
    assert {one for one in operations if not one.startswith(reading)} == set()


def test_a_vault_that_does_not_exist_is_found_although_aws_denies_its_description(
    connection: Connection, home: Policy
) -> None:
    found = only(connection, dataclasses.replace(home, vault="gone"))
    assert (found.name, found.subject, found.status) == ("vault", "gone in eu-central-1", Status.FAILED)
    assert "no backup vault named gone" in found.message


def test_a_disabled_key_of_a_vault_or_of_the_tags_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    kms, backup = deployed.cloud.client("kms"), deployed.cloud.client("backup")
    vault_key = backup.describe_backup_vault(BackupVaultName="tidemark")["EncryptionKeyArn"]
    for key, name in ((vault_key, "vault-key"), (connection.resources.tag_key, "tag-key")):
        kms.disable_key(KeyId=key.rpartition("/")[2])
        undo.callback(kms.enable_key, KeyId=key.rpartition("/")[2])
        found = only(connection, home)
        assert (found.name, found.status) == (name, Status.FAILED)
        assert "is in state Disabled" in found.message
        assert f"aws kms enable-key --key-id {key}" in found.fix
        kms.enable_key(KeyId=key.rpartition("/")[2])


def test_a_lock_that_refuses_a_retention_of_one_of_the_flags_is_found(
    deployed: Deployed, connection: Connection, undo: ExitStack
) -> None:
    backup = deployed.cloud.client("backup", region="eu-central-1")
    backup.put_backup_vault_lock_configuration(
        BackupVaultName="tidemark", MinRetentionDays=7, MaxRetentionDays=100, ChangeableForDays=3
    )
    undo.callback(backup.delete_backup_vault_lock_configuration, BackupVaultName="tidemark")
    assert not_passed(results(connection, connection.policy("home"))) == []  # 35 days
    flagged = connection.policy("flagged")  # monthly points for a year
    found = only(connection, flagged)
    assert (found.name, found.subject, found.status) == (
        "vault-lock",
        "tidemark in eu-central-1",
        Status.FAILED,
    )
    assert "at most 100 days, but the policy keeps the backup there 365 days" in found.message


def test_a_file_system_without_mount_target_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    efs = deployed.cloud.client("efs")
    bare = efs.create_file_system(CreationToken="without-target")["FileSystemId"]
    undo.callback(efs.delete_file_system, FileSystemId=bare)
    gone = "fs-0000000000000dead"
    for file_system in (bare, gone):
        found = not_passed(results(connection, dataclasses.replace(home, file_systems=(file_system,))))
        others = [each for each in found if each[0] != "permissions"]  # the roles do not serve them, either
        assert others == [("file-system", file_system, "fail")]


def test_a_worker_beyond_the_quota_is_found_and_many_workers_are_a_warning(
    deployed: Deployed, connection: Connection, home: Policy
) -> None:
    both = (*home.file_systems, deployed.cloud.file_systems["desk"].id)
    medium = WorkerSettings(cpu_units=4 * 1024, memory_mib=8 * 1024)
    found = only(connection, dataclasses.replace(home, file_systems=both, worker=medium))
    assert (found.name, found.status) == ("quota", Status.WARNED)
    assert "the 2 workers of a run need 8 vCPUs" in found.message
    large = dataclasses.replace(home, worker=WorkerSettings(cpu_units=16 * 1024, memory_mib=32 * 1024))
    found = only(connection, large)
    assert (found.name, found.status) == ("quota", Status.FAILED)
    assert "needs 16 vCPUs, and the account's quota is 6" in found.message
    instance = dataclasses.replace(home, worker=WorkerSettings(kind="ec2", instance_type="m5.4xlarge"))
    assert only(connection, instance).status is Status.FAILED


def test_a_missing_bucket_is_found(connection: Connection, home: Policy) -> None:
    resources = dataclasses.replace(connection.resources, repository="s3://no-such-bucket/below")
    elsewhere = dataclasses.replace(connection, resources=resources)
    failed = [each for each in results(elsewhere, home) if each.name == "repository"]
    assert [(each.status, each.message) for each in failed] == [
        (Status.FAILED, "the bucket no-such-bucket does not exist")
    ]


def role_named(deployed: Deployed, part: str) -> tuple[Any, str]:
    iam = deployed.cloud.client("iam")
    pages = iam.get_paginator("list_roles").paginate()
    (name,) = (role["RoleName"] for page in pages for role in page["Roles"] if part in role["RoleName"])
    return iam, name


def test_a_role_that_lost_a_permission_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    iam, role = role_named(deployed, "FunctionsStartBackupRole")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    statements = [one for one in document["Statement"] if "backup:StartBackupJob" not in str(one["Action"])]
    changed = json.dumps({**document, "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=changed)
    undo.callback(iam.put_role_policy, RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    found = only(connection, home)
    assert (found.name, found.subject, found.status) == ("permissions", role, Status.FAILED)
    assert "may not call backup:StartBackupJob on arn:aws:backup:eu-central-1" in found.message
    assert "no policy of the role allows it" in found.message


def test_a_permissions_boundary_that_does_not_allow_a_call_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    iam, role = role_named(deployed, "FunctionsOpenSessionRole")
    allowed = {"Effect": "Allow", "NotAction": "dynamodb:*", "Resource": "*"}
    boundary = iam.create_policy(
        PolicyName="boundary", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    )["Policy"]["Arn"]
    undo.callback(iam.delete_policy, PolicyArn=boundary)
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
    undo.callback(iam.delete_role_permissions_boundary, RoleName=role)
    found = only(connection, home)
    assert (found.name, found.subject, found.status) == ("permissions", role, Status.FAILED)
    assert "the permissions boundary of the role does not allow it" in found.message
    assert "dynamodb:" in found.message


def test_a_subscription_that_waits_for_its_confirmation_is_a_warning(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    sns = deployed.cloud.client("sns")
    topic = f"arn:aws:sns:eu-central-1:{deployed.cloud.account_id}:tidemark-results"
    made = sns.subscribe(
        TopicArn=topic, Protocol="email", Endpoint="you@example.com", ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    undo.callback(sns.unsubscribe, SubscriptionArn=made)
    found = only(connection, home)
    assert (found.name, found.status) == ("notifications", Status.WARNED)
    assert "you@example.com is not confirmed" in found.message


def test_without_the_stack_of_restores_there_is_a_warning(
    deployed: Deployed, connection: Connection, home: Policy
) -> None:
    missing = Fault(
        service="cloudformation",
        operation="ListStackResources",
        match="Tidemark-tidemark-restore",
        action="fail",
        error_code="ValidationError",
        message="Stack with id Tidemark-tidemark-restore does not exist",
        status=400,
    )
    deployed.cloud.faults.add(missing)
    found = only(connection, home)
    assert (found.name, found.subject, found.status) == ("stack", "Tidemark-tidemark-restore", Status.WARNED)
    assert "nothing can be restored" in found.message


# Each call of the checks, with the names of the checks that cannot be made without it.
READS = {
    ("backup", "DescribeRegionSettings"): {"opt-in"},
    ("backup", "DescribeBackupVault"): {"vault"},
    ("efs", "DescribeFileSystems"): {"file-system"},
    ("efs", "DescribeMountTargets"): {"file-system"},
    ("efs", "DescribeMountTargetSecurityGroups"): {"network"},
    ("efs", "DescribeFileSystemPolicy"): {"file-system-policy"},
    ("ec2", "DescribeRouteTables"): {"network"},
    ("ec2", "DescribeVpcAttribute"): {"dns"},
    ("kms", "DescribeKey"): {"vault-key", "repository-key", "tag-key"},
    ("service-quotas", "GetServiceQuota"): {"quota"},
    ("s3", "GetBucketEncryption"): {"repository"},
    ("cloudformation", "ListStackResources"): {"stack", "notifications"},
    ("iam", "SimulatePrincipalPolicy"): {"permissions"},
    ("sns", "ListSubscriptionsByTopic"): {"notifications"},
}
PREFIXES = {"efs": "elasticfilesystem", "service-quotas": "servicequotas"}


@pytest.mark.parametrize(("service", "operation"), READS)
def test_what_these_credentials_may_not_read_is_a_warning_with_the_permission_and_never_a_pass(
    deployed: Deployed, connection: Connection, home: Policy, service: str, operation: str
) -> None:
    action = f"{PREFIXES.get(service, service)}:{operation}"
    denied = Fault(
        service=service,
        operation=operation,
        action="fail",
        error_code="UnauthorizedOperation" if service == "ec2" else "AccessDenied",
        message=f"User: me is not authorized to perform: {action} on resource: x",
        status=403,
        principal=":root$",
    )
    deployed.cloud.faults.add(denied)
    found = results(connection, home)
    bad = [each for each in found if each.status is not Status.PASSED]
    assert {each.name for each in bad} == READS[service, operation]
    assert {each.status for each in bad} == {Status.WARNED}
    named = [each for each in bad if f"needs permission {action}" in each.message]
    assert {each.name for each in named} >= READS[service, operation] - {"notifications"}
    for name in READS[service, operation]:
        assert not any(each.status is Status.PASSED for each in found if each.name == name)
