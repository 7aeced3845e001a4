"""Customer-managed KMS keys."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct


def key(scope: Construct, identifier: str, *, description: str, removal: RemovalPolicy) -> kms.Key:
    """Return a key that rotates every year; its policy leaves access to IAM.

    `removal` must be that of the data: deleting the key of kept data would make the data unreadable.
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
