"""Which actions the sentences of API references demand of a caller."""

from __future__ import annotations

import pytest

from localcloud.iam.documented_permissions import always_demanded, demands_of, read_demands


@pytest.mark.parametrize(
    ("service", "operation", "actions"),
    [
        # as the EFS API reference lists them, in its page on each operation
        (
            "efs",
            "DescribeMountTargetSecurityGroups",
            {"elasticfilesystem:DescribeMountTargetSecurityGroups", "ec2:DescribeNetworkInterfaceAttribute"},
        ),
        (
            "efs",
            "CreateMountTarget",
            {
                "elasticfilesystem:CreateMountTarget",
                "ec2:DescribeSubnets",
                "ec2:DescribeNetworkInterfaces",
                "ec2:CreateNetworkInterface",
            },
        ),
        (
            "efs",
            "DeleteMountTarget",
            {"elasticfilesystem:DeleteMountTarget", "ec2:DeleteNetworkInterface"},
        ),
        ("lambda", "Invoke", {"lambda:InvokeFunction"}),
        ("s3", "GetBucketEncryption", {"s3:GetEncryptionConfiguration"}),
        ("s3", "HeadBucket", {"s3:ListBucket"}),
        ("ecs", "CreateGateway", {"iam:PassRole"}),
        ("ssm", "GetParametersByPath", {"ssm:GetParametersByPath"}),
        # only with certain parameters, or encrypted objects
        ("efs", "CreateFileSystem", {"elasticfilesystem:CreateFileSystem"}),
        ("s3", "CreateMultipartUpload", set()),
        ("s3", "UploadPart", set()),
        # another than the caller needs it
        ("sns", "SetSMSAttributes", set()),
        ("ec2", "AssociateEnclaveCertificateIamRole", set()),
        ("dynamodb", "PutItem", set()),
    ],
)
def test_a_call_always_needs(service: str, operation: str, actions: set[str]) -> None:
    assert always_demanded(service, operation) == actions


def test_a_demand_with_a_condition_is_there_to_be_looked_at() -> None:
    found = [demand.actions for demand in demands_of("s3", "UploadPart") if not demand.always]
    assert {"kms:Decrypt", "kms:GenerateDataKey"} in found


@pytest.mark.parametrize(
    "sentence",
    [
        "This operation requires permissions for the svc:Do action.",
        "<p>You must have the <code>svc:Do</code> permission.</p>",
        "To call it, you need the svc:Do permission.",
        "Required permissions : svc:Do (key policy)",
        "The following permissions are required: <ul><li>svc:Do</li></ul>",
        "It also requires permission for <ul> <li> <p> <code>svc:Do</code> action on it.</p> </li></ul>",
        "The caller must have permission to perform svc:Do.",
    ],
)
def test_a_sentence_demands(sentence: str) -> None:
    (demand,) = read_demands(sentence)
    assert demand.actions == {"svc:Do"}
    assert demand.always


@pytest.mark.parametrize(
    "sentence",
    [
        "It calls svc:Do.",
        "The svc:Do permission is not required.",
        "You do not need the svc:Do permission.",
        "Use arn:aws:iam::123456789012:role/A, for which you need permission.",
        "",
    ],
)
def test_a_sentence_demands_nothing(sentence: str) -> None:
    assert read_demands(sentence) == []
