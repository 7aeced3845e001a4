"""Refuses calls whose caller's own policies lack a permission that the call implies.

The local cloud evaluates no policy for the action of the call itself: tools can evaluate policies against the
call record (core/call_record.py). Implied permissions are checked because they are not visible in the calling
code: passed roles, tags set on creation, and permissions that only documentation names
(documented_permissions.py).
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from moto.iam.models import Role

from localcloud.core.cloud import AwsError
from localcloud.iam.required_permissions import Check
from localcloud.iam.roles import role_of

# Codes of errors that differ from AccessDeniedException. Source: "Common errors" of each API reference.
CODES = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied", "iam": "AccessDenied", "sts": "AccessDenied"}
_VARIABLE = re.compile(r"\$\{[^}]+\}")
_UNKNOWN = "localcloud_has_unknown_policies"


class NotPermitted(AwsError):
    """The caller lacks a permission; answered with HTTP status 403."""


def refuse_implied(service: str, principal: str, checks: Iterable[Check]) -> None:
    """Raise NotPermitted if the principal is a role whose policies do not allow an implied check.

    Conditions, NotResource and variables are not evaluated: a statement with one is taken to apply. A role
    without policies, or with AWS managed policies, which the local cloud does not have, is never refused.
    """
    implied = [check for check in checks if check.implied]
    role = role_of(principal) if implied else None
    if role is None or hasattr(role, _UNKNOWN):
        return
    statements = list(_statements(role))
    if not statements:
        return
    for check in implied:
        if not any(_covers(statement, check) for statement in statements):
            raise NotPermitted(
                CODES.get(service, "AccessDeniedException"),
                f"User: {principal} is not authorized to perform: {check.action} on resource: "
                f"{check.resource} because no identity-based policy allows the {check.action} action",
            )


def has_unknown_policies(role_arn: str) -> None:
    """Record that a role has AWS managed policies, which the local cloud does not have."""
    role = role_of(role_arn)
    if role is not None:
        setattr(role, _UNKNOWN, True)


def _statements(role: Role) -> Iterator[dict[str, Any]]:
    for document in (
        *role.policies.values(),
        *(policy.document for policy in role.managed_policies.values()),
    ):
        policy = json.loads(document) if isinstance(document, str) else document
        yield from as_list(policy["Statement"])


def _covers(statement: dict[str, Any], check: Check) -> bool:
    if statement["Effect"] != "Allow":
        return False
    if "NotAction" in statement:
        named = not any(_matches_action(check, one) for one in as_list(statement["NotAction"]))
    else:
        named = any(_matches_action(check, one) for one in as_list(statement.get("Action", [])))
    if not named or check.resource == "*" or "NotResource" in statement:
        return named
    return any(matches(check.resource, one) for one in as_list(statement.get("Resource", "*")))


def _matches_action(check: Check, pattern: str) -> bool:
    return matches(check.action.lower(), pattern.lower())


def matches(value: str, pattern: str) -> bool:
    """Return whether an IAM pattern matches a value; a variable (${aws:username}) matches anything."""
    pattern = _VARIABLE.sub("*", pattern)
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def as_list(value: Any) -> list[Any]:
    """Return a policy element that may be a single value or a list, as a list."""
    return value if isinstance(value, list) else [value]
