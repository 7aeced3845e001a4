"""S3: what moto does otherwise than AWS."""

from __future__ import annotations

import json

from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Mend bucket policies."""
    _conditional_statements()


def _conditional_statements() -> None:
    """Leave statements with a Condition out when a bucket policy is applied (it is still stored whole).

    moto applies them as if they had none: the usual "deny what is not TLS" would deny everything.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: FakeBucket, action: str, resource: str) -> object:
        document = json.loads(self.policy or '{"Statement": []}')
        document["Statement"] = [one for one in document["Statement"] if "Condition" not in one]
        if not document["Statement"]:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission
