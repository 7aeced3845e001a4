"""What the policies of the repository's bucket and key allow to workers of other accounts.

The bucket's policy limits each account to the indexes with its own id in their keys, whatever the account
grants to its roles. The key's policy cannot: with a bucket key, KMS sees the bucket only.
Source: IAM User Guide, "Cross-account policy evaluation logic", "AWS global condition context keys",
aws:PrincipalAccount.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.names import Names
from infra.repository_grants import WRITTEN_BY_WORKERS
from infra.worker_names import worker_role_arns

OWN = "indexes/${aws:PrincipalAccount}/"


def share_bucket(bucket: s3.Bucket, names: Names, prefix: str, accounts: Sequence[str]) -> None:
    """Let the workers of the accounts read and propose their own indexes."""
    below = f"{prefix}{OWN}"
    statements = {
        "WorkersRead": (["s3:GetObject"], [bucket.arn_for_objects(f"{below}*")], {}),
        "WorkersPropose": (
            ["s3:PutObject"],
            [bucket.arn_for_objects(f"{below}*/{name}") for name in WRITTEN_BY_WORKERS],
            {},
        ),
        "WorkersList": (["s3:ListBucket"], [bucket.bucket_arn], {"StringLike": {"s3:prefix": f"{below}*"}}),
    }
    for sid, (actions, resources, conditions) in statements.items():
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=_principals(accounts),
                actions=actions,
                resources=resources,
                conditions={**_of_workers(names), **conditions},
            )
        )


def share_key(key: kms.Key, names: Names, bucket_arn: str, accounts: Sequence[str]) -> None:
    """Let the workers of the accounts encrypt and decrypt objects of the bucket."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="WorkersOfOtherAccounts",
            principals=_principals(accounts),
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={
                **_of_workers(names),
                "StringEquals": {
                    "kms:ViaService": names.via_service("s3"),
                    "kms:EncryptionContext:aws:s3:arn": bucket_arn,
                },
            },
        )
    )


def _principals(accounts: Sequence[str]) -> list[iam.IPrincipal]:
    return [iam.AccountPrincipal(account) for account in accounts]


def _of_workers(names: Names) -> dict[str, dict[str, list[str]]]:
    return {"ArnLike": {"aws:PrincipalArn": worker_role_arns(names.deployment, Aws.PARTITION, "*")}}
