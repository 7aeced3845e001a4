"""The permissions that IAM requires for a call, in addition to its own action."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from localcloud.iam.required_permissions import Check, checks_of

REGION, ACCOUNT = "eu-central-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
OF = f"{REGION}:{ACCOUNT}:"


def asked(service: str, operation: str, body: Any = None, path: str = "/?", **labels: str) -> list[Check]:
    """Return the checks of a call whose body is JSON, or, of a query API, a form."""
    text = body if isinstance(body, str) else json.dumps(body or {})
    return list(checks_of(service, operation, labels, f"{path} {text}", ACCOUNT, REGION))


def test_a_call_that_names_a_role_passes_it_to_a_service() -> None:
    body = {"BackupVaultName": "v", "IamRoleArn": ROLE, "RecoveryPointTags": {"k": "v"}}
    own, passed, linked, tagged = asked("backup", "StartBackupJob", body)
    assert (own.action, own.resource) == ("backup:StartBackupJob", f"arn:aws:backup:{OF}backup-vault:v")
    assert (passed.action, passed.resource) == ("iam:PassRole", ROLE)
    assert passed.context == {"iam:PassedToService": "backup.amazonaws.com"}
    # As if the account had never used AWS Backup: the service makes its own role in the caller's name.
    assert linked.action == "iam:CreateServiceLinkedRole"
    assert linked.resource.endswith(":role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup")
    assert linked.context == {"iam:AWSServiceName": "backup.amazonaws.com"}
    assert (tagged.action, tagged.resource) == (
        "backup:TagResource",
        f"arn:aws:backup:{OF}recovery-point:new",
    )
    without = asked("backup", "StartBackupJob", {"BackupVaultName": "v"})
    assert {"iam:PassRole", "backup:TagResource"}.isdisjoint(check.action for check in without)


def test_calls_about_tasks_say_in_which_cluster() -> None:
    cluster = f"arn:aws:ecs:{OF}cluster/workers"
    for named in ("workers", cluster):
        (check,) = asked("ecs", "ListTasks", {"cluster": named})
        assert check.context == {"ecs:cluster": cluster}
    one, two = asked("ecs", "DescribeTasks", {"cluster": "workers", "tasks": ["arn:1", "arn:2"]})
    assert (one.resource, two.resource) == ("arn:1", "arn:2")


def test_marking_a_file_system_says_with_which_tags() -> None:
    body = {"Tags": [{"Key": "tidemark:deployment", "Value": "cellar"}]}
    (check,) = asked("efs", "TagResource", body, path="/?", ResourceId="fs-0123456789abcdef0")
    assert check.context == {"aws:RequestTag/tidemark:deployment": "cellar"}


def test_listing_a_bucket_says_below_which_prefix() -> None:
    (check,) = asked("s3", "ListObjectsV2", path="/b?list-type=2&prefix=tag-keys%2F", Bucket="b")
    assert (check.action, check.resource) == ("s3:ListBucket", "arn:aws:s3:::b")
    assert check.context == {"s3:prefix": "tag-keys/"}
    (check,) = asked("s3", "ListObjectsV2", path="/b?list-type=2", Bucket="b")
    assert check.context == {"s3:prefix": ""}


def test_each_of_several_parameters_is_asked_about() -> None:
    found = asked("ssm", "GetParameters", json.dumps({"Names": ["/x/one", "other"]}))
    assert [(check.action, check.resource) for check in found] == [
        ("ssm:GetParameters", f"arn:aws:ssm:{OF}parameter/x/one"),
        ("ssm:GetParameters", f"arn:aws:ssm:{OF}parameter/other"),
    ]


def test_an_instance_asks_for_everything_that_it_touches() -> None:
    form = {
        "Action": "RunInstances",
        "ImageId": "resolve:ssm:/aws/service/image",
        "NetworkInterface.1.SubnetId": "subnet-1",
        "NetworkInterface.1.SecurityGroupId.1": "sg-1",
        "TagSpecification.1.ResourceType": "instance",
        "TagSpecification.1.Tag.1.Key": "k",
        "TagSpecification.1.Tag.1.Value": "v",
    }
    found = {
        (check.action, check.resource): check.context
        for check in asked("ec2", "RunInstances", urlencode(form))
    }
    own = f"arn:aws:ec2:{OF}"
    tags = {"aws:RequestTag/k": "v"}
    assert found == {
        ("ec2:RunInstances", f"{own}instance/new"): tags,
        ("ec2:CreateTags", f"{own}instance/new"): {**tags, "ec2:CreateAction": "RunInstances"},
        ("ec2:RunInstances", f"{own}volume/new"): {},
        ("ssm:GetParameters", f"arn:aws:ssm:{REGION}::parameter/aws/service/image"): {},
        ("ec2:RunInstances", f"arn:aws:ec2:{REGION}::image/ami-resolved"): {},
        ("ec2:RunInstances", f"{own}network-interface/new"): {},
        ("ec2:RunInstances", f"{own}subnet/subnet-1"): {},
        ("ec2:RunInstances", f"{own}security-group/sg-1"): {},
    }
    ended = asked("ec2", "TerminateInstances", "Action=TerminateInstances&InstanceId.1=i-1&InstanceId.2=i-2")
    assert [check.resource for check in ended] == [f"{own}instance/i-1", f"{own}instance/i-2"]


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"tasks": 7, "task": {}}', "Action="])
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ecs", "StopTask"),
        ("ecs", "RunTask"),
        ("ecs", "DescribeTasks"),
        ("ec2", "RunInstances"),
        ("backup", "StartCopyJob"),
        ("ssm", "GetParameters"),
        ("s3", "GetObject"),
    ],
)
def test_a_malformed_call_is_recorded_all_the_same(service: str, operation: str, body: str) -> None:
    assert asked(service, operation, body)


def test_a_restore_is_checked_on_its_point_and_passes_its_role() -> None:
    point = f"arn:aws:backup:{OF}recovery-point:1"
    own, passed = asked("backup", "StartRestoreJob", {"RecoveryPointArn": point, "IamRoleArn": ROLE})
    assert (own.action, own.resource) == ("backup:StartRestoreJob", point)
    assert (passed.action, passed.resource) == ("iam:PassRole", ROLE)


def test_a_restore_testing_plan_is_checked_by_its_name_and_its_selection_passes_a_role() -> None:
    plan = f"arn:aws:backup:{OF}restore-testing-plan:nightly-"
    body = {"RestoreTestingPlan": {"RestoreTestingPlanName": "nightly"}, "Tags": {"k": "v"}}
    own, linked, tagged = asked("backup", "CreateRestoreTestingPlan", body)
    assert own.resource.startswith(plan)
    assert linked.resource.endswith("AWSServiceRoleForBackupRestoreTesting")
    assert (tagged.action, tagged.resource.startswith(plan)) == ("backup:TagResource", True)
    own, passed = asked(
        "backup",
        "CreateRestoreTestingSelection",
        {"RestoreTestingSelection": {"IamRoleArn": ROLE}},
        RestoreTestingPlanName="nightly",
    )
    assert own.resource.startswith(plan)
    assert (passed.action, passed.resource) == ("iam:PassRole", ROLE)


def test_a_file_system_that_is_created_with_tags_is_tagged() -> None:
    tagged = {"CreationToken": "t", "Tags": [{"Key": "k", "Value": "v"}]}
    actions = {check.action for check in asked("efs", "CreateFileSystem", tagged)}
    assert {"elasticfilesystem:CreateFileSystem", "elasticfilesystem:TagResource"} <= actions
    without = {check.action for check in asked("efs", "CreateFileSystem", {"CreationToken": "t"})}
    assert "elasticfilesystem:TagResource" not in without
    (check,) = asked("efs", "TagResource", ResourceId="fs-01234567")
    assert check.resource == f"arn:aws:elasticfilesystem:{OF}file-system/fs-01234567"
