"""S3: bucket policies are evaluated before moto answers a call (iam/cross_account.py), not by moto."""

from __future__ import annotations

from localcloud.core.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Let moto store bucket policies without applying them.

    moto ignores Principal and Condition: the usual "deny requests without TLS" would deny everything.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: FakeBucket, action: str, resource: str) -> object:
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = get_permission
