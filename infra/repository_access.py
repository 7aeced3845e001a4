"""What the policies of the repository's bucket and key allow to workers of other accounts.

The bucket's policy limits each account to the indexes with its own id in their keys, whatever the account
grants to its roles. The key's policy cannot: with a bucket key, KMS sees the bucket only.
Source: IAM User Guide, "Cross-account policy evaluation logic", "AWS global condition context keys",
aws:PrincipalAccount.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.names import Names
from infra.repository_grants import RESULTS, WRITTEN_BY_WORKERS
from infra.worker_names import INDEXING_ROLES, RESTORE_ROLES, worker_role_arns

OWN = "${aws:PrincipalAccount}/"


def share_bucket(bucket: s3.Bucket, names: Names, prefix: str, accounts: Sequence[str]) -> None:
    """Let the workers of the accounts read and propose their own indexes, and report on their restores."""
    indexes, restores = f"{prefix}indexes/{OWN}", f"{prefix}restores/{OWN}"
    proposed = [f"{indexes}*/{name}" for name in WRITTEN_BY_WORKERS]
    for what, roles, read, written in (
        ("Workers", INDEXING_ROLES, [f"{indexes}*"], proposed),
        ("RestoreWorkers", RESTORE_ROLES, [f"{indexes}*", f"{restores}*"], [f"{restores}*/{RESULTS}/*"]),
    ):
        of_workers = _of_workers(names, roles)
        statements: dict[str, tuple[str, list[str], dict[str, Any]]] = {
            "Read": ("s3:GetObject", [bucket.arn_for_objects(one) for one in read], {}),
            "Write": ("s3:PutObject", [bucket.arn_for_objects(one) for one in written], {}),
            "List": ("s3:ListBucket", [bucket.bucket_arn], {"StringLike": {"s3:prefix": read}}),
        }
        for name, (action, resources, conditions) in statements.items():
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{what}{name}",
                    principals=_principals(accounts),
                    actions=[action],
                    resources=resources,
                    conditions={**of_workers, **conditions},
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
                **_of_workers(names, (*INDEXING_ROLES, *RESTORE_ROLES)),
                "StringEquals": {
                    "kms:ViaService": names.via_service("s3"),
                    "kms:EncryptionContext:aws:s3:arn": bucket_arn,
                },
            },
        )
    )


def _principals(accounts: Sequence[str]) -> list[iam.IPrincipal]:
    return [iam.AccountPrincipal(account) for account in accounts]


def _of_workers(names: Names, roles: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    return {"ArnLike": {"aws:PrincipalArn": worker_role_arns(names.deployment, Aws.PARTITION, "*", roles)}}
