"""Decides in which account a call is served, and refuses calls that reach other accounts without permission.

Source of the refusals of suspended accounts: AWS Account Management Reference Guide, "Close an AWS account":
AWS denies their requests, and requests of other accounts to their resources. Assumed, as the guide names no
error codes: the codes of invalid credentials, and AllAccessDisabled for buckets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.authentication.credentials import Credentials
from localcloud.core.cloud import AwsError, Cloud
from localcloud.iam.bucket_access import OF_THE_OWNER, check_bucket, key_accesses
from localcloud.iam.callers import caller_keys
from localcloud.iam.cross_account import Access, Asked, accesses_of, authorize, refused
from localcloud.iam.permissions import NotPermitted
from localcloud.iam.required_permissions import Check
from localcloud.iam.resource_policies import account_of
from localcloud.iam.shared_resources import policy_of


def serving_account(cloud: Cloud, caller: Credentials, asked: Asked) -> str:
    """Return the account that owns the resource of a call, or the caller's.

    Raises NotPermitted unless all accounts that the call reaches allow it.
    """
    _check_passed_roles(caller, asked.checks)
    accesses = [*accesses_of(asked)]
    # for a copy in S3, the first access is that to the destination
    served_by = accesses[0].owner if accesses else caller.account_id
    if asked.service == "s3":
        if accesses:
            check_bucket(asked, served_by)
        accesses += key_accesses(asked)
        if caller.principal.endswith(":root") and asked.operation in OF_THE_OWNER:
            # the root user can correct a policy that denies everything
            accesses = [access for access in accesses if access.owner != caller.account_id]
    decided = [access for access in accesses if access.owner != caller.account_id or _has_policy(access)]
    if decided:
        keys = caller_keys(caller, cloud.accounts, region=asked.region, now=cloud.clock.now())
        keys["aws:SourceOwner"] = caller.account_id  # of SNS's default policies
        for access in decided:
            _check_owner(cloud, caller, access)
            authorize(caller, access, cloud.accounts, keys)
    if asked.service != "s3" and len({access.owner for access in accesses}) > 1:
        raise AwsError(
            "ValidationException", "the local cloud supports resources of one account in a request"
        )
    return served_by


def _has_policy(access: Access) -> bool:
    """Return whether a policy of the resource can deny an access within its account."""
    return access.service == "s3" and policy_of("s3", access.resource) is not None


def _check_passed_roles(caller: Credentials, checks: Sequence[Check]) -> None:
    """Raise NotPermitted for a role of another account. Source: IAM User Guide, "Grant a user permissions to
    pass a role to an AWS service"."""
    for check in checks:
        is_role = check.resource.split(":", 5)[-1].startswith("role/")
        passed = check.action == "iam:PassRole" or not check.action.startswith(("iam:", "sts:"))
        if is_role and passed and account_of(check.resource) not in ("", caller.account_id):
            raise NotPermitted("AccessDeniedException", "Cross-account pass role is not allowed.")


def _check_owner(cloud: Cloud, caller: Credentials, access: Access) -> None:
    if not cloud.accounts.is_suspended(access.owner):
        return
    if access.service == "s3":
        raise NotPermitted("AllAccessDisabled", "All access to this object has been disabled")
    raise refused(caller, access, f"because account {access.owner} is suspended")


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a WSGI request, with names in lower case."""
    return {
        key.removeprefix("HTTP_").replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
