from __future__ import annotations

import json

import pytest

from localcloud import LocalCloud
from localcloud.iam.actions import actions_of, resource_of, transaction_parts


@pytest.mark.parametrize(
    ("service", "operation", "actions"),
    [
        ("stepfunctions", "StartExecution", ("states:StartExecution",)),
        ("efs", "DescribeFileSystems", ("elasticfilesystem:DescribeFileSystems",)),
        ("lambda", "Invoke", ("lambda:InvokeFunction",)),
        ("s3", "ListObjectsV2", ("s3:ListBucket",)),
        ("s3", "UploadPart", ("s3:PutObject",)),
    ],
)
def test_operations_are_mapped_to_iam_actions(service: str, operation: str, actions: tuple[str, ...]) -> None:
    assert actions_of(service, operation) == actions


def test_a_transaction_is_its_parts_each_on_its_table() -> None:
    other = "arn:aws:dynamodb:eu-central-1:2:table/u"
    items = [
        {"Put": {"TableName": "t"}},
        {"ConditionCheck": {"TableName": "t"}},
        {"Delete": {"TableName": other}},
    ]
    text = f"/? {json.dumps({'TransactItems': items})}"
    assert list(transaction_parts(text, "1", "eu-central-1")) == [
        ("dynamodb:PutItem", "arn:aws:dynamodb:eu-central-1:1:table/t"),
        ("dynamodb:ConditionCheckItem", "arn:aws:dynamodb:eu-central-1:1:table/t"),
        ("dynamodb:DeleteItem", other),
    ]


@pytest.mark.parametrize(
    ("service", "operation", "labels", "text", "resource"),
    [
        ("backup", "DescribeBackupVault", {"backupVaultName": "v"}, "/? ", "backup:r:1:backup-vault:v"),
        (
            "efs",
            "DescribeMountTargets",
            {},
            "/x?FileSystemId=fs-1 ",
            "elasticfilesystem:r:1:file-system/fs-1",
        ),
        (
            "efs",
            "DescribeAccessPoints",
            {},
            "/x?AccessPointId=fsap-1 ",
            "elasticfilesystem:r:1:access-point/fsap-1",
        ),
        ("efs", "TagResource", {"ResourceId": "fsap-1"}, "/ ", "elasticfilesystem:r:1:access-point/fsap-1"),
        ("ecs", "RegisterTaskDefinition", {}, '/? {"family": "f"}', "ecs:r:1:task-definition/f:0"),
        ("logs", "CreateLogGroup", {}, '/? {"logGroupName": "/g"}', "logs:r:1:log-group:/g"),
        (
            "logs",
            "PutLogEvents",
            {},
            '/? {"logGroupName": "/g", "logStreamName": "s"}',
            "logs:r:1:log-group:/g:log-stream:s",
        ),
    ],
)
def test_a_call_names_its_resource(
    service: str, operation: str, labels: dict[str, str], text: str, resource: str
) -> None:
    assert resource_of(service, operation, labels, text, "1", "r") == f"arn:aws:{resource}"


def test_the_log_names_actions_and_resources(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="logged", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="logged", Key="a/b c", Body=b"x")
    s3.list_objects_v2(Bucket="logged")
    cloud.client("ssm", "eu-west-1").put_parameter(Name="/x/y", Value="1", Type="String")
    found = [(one["action"], one["resource"], one["region"]) for one in cloud.calls()]
    assert ("s3:PutObject", "arn:aws:s3:::logged/a/b c", "eu-central-1") in found
    assert ("s3:ListBucket", "arn:aws:s3:::logged", "eu-central-1") in found
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/x/y"
    assert ("ssm:PutParameter", arn, "eu-west-1") in found
