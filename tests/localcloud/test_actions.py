from __future__ import annotations

import pytest

from localcloud import LocalCloud
from localcloud.actions import actions_of, resource_of


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
def test_operations_are_told_in_iams_words(service: str, operation: str, actions: tuple[str, ...]) -> None:
    assert actions_of(service, operation) == actions


def test_a_transaction_is_its_parts() -> None:
    text = '/? {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}]}'
    found = actions_of("dynamodb", "TransactWriteItems", text)
    assert found == ("dynamodb:PutItem", "dynamodb:ConditionCheckItem")
    arn = resource_of("dynamodb", "TransactWriteItems", {}, text, "1", "eu-central-1")
    assert arn == "arn:aws:dynamodb:eu-central-1:1:table/t"


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
