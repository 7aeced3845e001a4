"""Principals in policies must exist when a policy is set, and policies do not outlive them.

AWS replaces the ARN of a role or user in a policy by its unique id. When it is deleted and created again, the
policy does not apply to the new one until it is set again.
Sources: IAM User Guide, "AWS JSON policy elements: Principal"; AWS re:Post, "How do I resolve the error
'Invalid principal in policy'"; the error messages of CreateRole, PutBucketPolicy and AddPermission.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.iam.permissions import as_list
from localcloud.iam.roles import role_of, user_of

_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:[^:]+:(?:iam|sts)::(?P<account>[0-9]{12}):(?P<kind>[^/]+)(?:/(?P<name>.+))?")
# Roles that AWS creates, which the local cloud takes to exist.
_OF_AWS = ("aws-service-role/", "service-role/AWSBackupDefaultServiceRole")


def install(cloud: Cloud) -> None:
    """Refuse policies with invalid principals, and replace the ARNs of deleted roles in policies."""

    def checked(parameter: str, code: str, message: str) -> Callable[[ApiCall], None]:
        def check(call: ApiCall) -> None:
            for principal in _principals(call.params.get(parameter) or "{}"):
                if not _is_valid(cloud, principal):
                    raise AwsError(code, message.format(principal))

        return check

    malformed, invalid = "MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"{}"'
    of_key = "Policy contains a statement with one or more invalid principals."
    cloud.refuse(
        "iam",
        CreateRole=checked("AssumeRolePolicyDocument", malformed, invalid),
        UpdateAssumeRolePolicy=checked("PolicyDocument", malformed, invalid),
    )
    cloud.refuse("s3", PutBucketPolicy=checked("Policy", "MalformedPolicy", "Invalid principal in policy"))
    cloud.refuse(
        "kms",
        CreateKey=checked("Policy", "MalformedPolicyDocumentException", of_key),
        PutKeyPolicy=checked("Policy", "MalformedPolicyDocumentException", of_key),
    )

    def check_permission(call: ApiCall) -> None:
        principal = call.params.get("Principal") or "*"
        if (principal.startswith("arn:") or principal.isdigit()) and not _is_valid(cloud, principal):
            raise AwsError(
                "InvalidParameterValueException",
                "The provided principal was invalid. Please check the principal and try again.",
            )

    cloud.refuse("lambda", AddPermission=check_permission)
    _forget_deleted_roles(cloud)


def _is_valid(cloud: Cloud, principal: str) -> bool:
    if principal == "*":
        return True
    if _ACCOUNT.fullmatch(principal):
        return cloud.accounts.find(principal) is not None
    found = _ARN.fullmatch(principal)
    if found is None or cloud.accounts.find(found["account"]) is None:
        return False
    if found["kind"] == "role":
        return role_of(principal) is not None or str(found["name"]).startswith(_OF_AWS)
    if found["kind"] == "user":
        return user_of(principal) is not None
    return True  # the root user, and sessions, which come and go


def _principals(document: str) -> Iterator[str]:
    try:
        policy = json.loads(document)
    except ValueError:
        return  # the operation reports it
    for statement in as_list(policy.get("Statement", [])) if isinstance(policy, dict) else ():
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element) if isinstance(statement, dict) else None
            yield from map(str, as_list(named.get("AWS", [])) if isinstance(named, dict) else ())


def _forget_deleted_roles(cloud: Cloud) -> None:
    from moto.iam.models import IAMBackend

    delete_role = IAMBackend.delete_role

    def delete(self: IAMBackend, role_name: str) -> None:
        role = self.get_role(role_name)
        delete_role(self, role_name)
        _replace(cloud, str(role.arn), str(role.id))

    IAMBackend.delete_role = delete


def _replace(cloud: Cloud, arn: str, unique_id: str) -> None:
    """Replace a principal in the trust, bucket and key policies of all accounts."""
    from moto.iam.models import iam_backends
    from moto.kms.models import kms_backends
    from moto.s3.models import s3_backends

    for account in cloud.accounts.all():
        for role in list(iam_backends[account.id][cloud.partition].roles.values()):
            role.assume_role_policy_document = _replaced(role.assume_role_policy_document, arn, unique_id)
        for bucket in list(s3_backends[account.id][cloud.partition].buckets.values()):
            bucket.policy = _replaced(bucket.policy, arn, unique_id)
        for backend in list(kms_backends[account.id].values()):
            for key in list(backend.keys.values()):
                key.policy = _replaced(key.policy, arn, unique_id)


def _replaced(document: Any, arn: str, unique_id: str) -> Any:
    text = document.decode() if isinstance(document, bytes) else document
    if not isinstance(text, str) or arn not in _principals(text):
        return document
    policy = json.loads(text)
    for statement in as_list(policy["Statement"]):
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and arn in as_list(named.get("AWS", [])):
                arns = [unique_id if one == arn else one for one in as_list(named["AWS"])]
                named["AWS"] = arns if isinstance(named["AWS"], list) else arns[0]
    replaced = json.dumps(policy)
    return replaced.encode() if isinstance(document, bytes) else replaced
