"""S3: corrects differences between moto and AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localcloud.core.cloud import ApiCall, Cloud
from localcloud.iam.permissions import NotPermitted, as_list, matches


def install(cloud: Cloud) -> None:
    """Correct moto's bucket policies, and enforce their conditional writes."""
    _conditional_statements()
    cloud.refuse("s3", PutObject=_unconditional_put)


def _unconditional_put(call: ApiCall) -> None:
    """Raise NotPermitted if the bucket's policy denies a PutObject without If-None-Match.

    Source: Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets".
    """
    if call.params.get("IfNoneMatch") is not None:
        return
    put = f"{call.params['Bucket']}/{call.params['Key']}"
    for statement in _statements_of(call):
        null = statement.get("Condition", {}).get("Null", {})
        if statement["Effect"] != "Deny" or null.get("s3:if-none-match") != "true":
            continue
        patterns = [one.partition(":s3:::")[2] for one in as_list(statement["Resource"])]
        if "s3:PutObject" in as_list(statement["Action"]) and any(matches(put, one) for one in patterns):
            raise NotPermitted(
                "AccessDenied",
                f"User: {call.principal} is not authorized to perform: s3:PutObject on resource: {put} "
                f"with an explicit deny in a resource-based policy",
            )


def _statements_of(call: ApiCall) -> Iterator[dict[str, Any]]:
    from moto.s3.models import s3_backends

    for backend in s3_backends[call.account_id].values():
        bucket = backend.buckets.get(call.params["Bucket"])
        if bucket is not None and bucket.policy:
            yield from as_list(json.loads(bucket.policy)["Statement"])


def _conditional_statements() -> None:
    """Ignore statements with a Condition when a bucket policy is applied (all are still stored).

    moto ignores the Condition: the usual "deny requests without TLS" would deny everything.
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
