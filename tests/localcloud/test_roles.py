from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends

from localcloud import LocalCloud
from localcloud.iam.roles import assumable, role_of

ARN = "arn:aws:iam::123456789012:role/path/known"
NOWHERE = [
    ARN.replace("known", "unknown"),
    ARN.replace("arn:aws:", "arn:aws-cn:"),
    ARN.replace("arn:aws:", "arn:aws-invented:"),
    ARN.replace("123456789012", "210987654321"),
    ARN.replace("123456789012", "somebody"),
    ARN.replace(":iam:", ":s3:"),
    "known",
    "",
    "arn:aws",
]


@pytest.fixture
def known() -> Iterator[str]:
    roles = iam_backends["123456789012"]["aws"]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}
    role = roles.create_role("known", json.dumps(trust), "/path/", None, "", [], "3600")
    yield role.arn
    roles.delete_role("known")


def test_a_role_is_found_by_its_arn(known: str) -> None:
    assert known == ARN
    role = role_of(known)
    assert role is not None
    assert role.name == "known"
    assert assumable(known, "ecs-tasks.amazonaws.com")
    assert not assumable(known, "backup.amazonaws.com")


@pytest.mark.parametrize("arn", NOWHERE)
def test_no_other_text_names_a_role(known: str, arn: str) -> None:
    assert role_of(arn) is None
    assert not assumable(arn, "ecs-tasks.amazonaws.com")


@pytest.mark.parametrize("partition", ["aws-cn", "aws-invented"])
def test_aws_backup_refuses_a_role_of_another_partition(cloud: LocalCloud, partition: str) -> None:
    backup = cloud.client("backup")
    backup.create_backup_vault(BackupVaultName=f"for-{partition}")
    with pytest.raises(ClientError, match="cannot be assumed by AWS Backup") as no:
        backup.start_backup_job(
            BackupVaultName=f"for-{partition}",
            ResourceArn="arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-01234567",
            IamRoleArn=ARN.replace("arn:aws:", f"arn:{partition}:"),
        )
    assert no.value.response["Error"]["Code"] == "InvalidParameterValueException"
