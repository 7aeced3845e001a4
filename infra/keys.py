"""Customer-managed KMS keys."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct


def key(scope: Construct, identifier: str, *, description: str, removal: RemovalPolicy) -> kms.Key:
    """Return a key that rotates every year; its policy leaves access to IAM.

    A key goes with what it encrypts: one that were deleted under kept data would be the data's end.
    """
    return kms.Key(
        scope,
        identifier,
        description=description,
        enable_key_rotation=True,
        rotation_period=Duration.days(365),
        pending_window=Duration.days(30),
        removal_policy=removal,
    )
