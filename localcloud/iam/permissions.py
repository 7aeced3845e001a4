"""Refuses calls whose caller's own policies lack a permission that the call implies.

The local cloud evaluates no policy for the action of the call itself: tools can evaluate policies against the
call record (core/call_record.py). Implied permissions are checked because they are not visible in the calling
code: passed roles, tags set on creation, and permissions that only documentation names
(documented_permissions.py).
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from moto.iam.models import Role

from localcloud.core.cloud import AwsError
from localcloud.iam.required_permissions import Check
from localcloud.iam.roles import document_of, role_of

# Codes of errors that differ from AccessDeniedException. Source: "Common errors" of each API reference.
CODES = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied", "iam": "AccessDenied", "sts": "AccessDenied"}
_VARIABLE = re.compile(r"\$\{[^}]+\}")
_UNKNOWN = "localcloud_has_unknown_policies"


class NotPermitted(AwsError):
    """The caller lacks a permission."""

    http_status = 403


def refuse_implied(service: str, principal: str, checks: Iterable[Check]) -> None:
    """Raise NotPermitted if the principal is a role whose policies do not allow an implied check.

    Conditions, NotResource and variables are not evaluated: a statement with one is taken to apply. A role
    without policies, or with AWS managed policies, which the local cloud does not have, is never refused.
    """
    implied = [check for check in checks if check.implied]
    role = role_of(principal) if implied else None
    if role is None or getattr(role, _UNKNOWN, None):
        return
    missing = missing_permission(principal, implied)
    if missing is not None:
        raise NotPermitted(CODES.get(service, "AccessDeniedException"), refusal_text(principal, missing))


def missing_permission(role_arn: str, checks: Iterable[Check]) -> Check | None:
    """Return the first check that the policies of a role do not allow; None if there is none.

    AWS managed policies of roles in stacks are evaluated; moto has their text. Also returns None for a role
    without policies or with an AWS managed policy that moto lacks, and for a principal that is no role.
    """
    role = role_of(role_arn)
    if role is None:
        return None
    statements = statements_of_role(role)
    if not statements or any(_document_of(name) is None for name in _aws_managed(role)):
        return None
    denied = (check for check in checks if not any(_covers(statement, check) for statement in statements))
    return next(denied, None)


def statements_of_role(role: Role) -> list[dict[str, Any]]:
    """Return the statements of a role's policies, without those of AWS managed policies that moto lacks."""
    managed = [_document_of(name) for name in _aws_managed(role)]
    return [*_statements(role), *(one for each in managed if each for one in as_list(each["Statement"]))]


def _aws_managed(role: Role) -> list[str]:
    return [arn.rpartition("/")[2] for arn in getattr(role, _UNKNOWN, ())]


def refusal_text(principal: str, check: Check) -> str:
    """Return AWS's message for a check that no policy of the principal allows."""
    return (
        f"User: {principal} is not authorized to perform: {check.action} on resource: "
        f"{check.resource} because no identity-based policy allows the {check.action} action"
    )


def set_unknown_policies(role_arn: str, policy_arns: Iterable[str]) -> None:
    """Record the AWS managed policies of a role, which the local cloud does not load."""
    role = role_of(role_arn)
    if role is not None:
        setattr(role, _UNKNOWN, tuple(policy_arns))


@functools.cache
def _document_of(name: str) -> dict[str, Any] | None:
    """Return the text of an AWS managed policy; None if moto lacks it."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data as text

    found = re.search(rf'"{re.escape(name)}":\s*(?={{)', text)  # parsing all of them takes 20 MB
    if found is None:
        return None
    policy, _ = json.JSONDecoder().raw_decode(text, found.end())
    document: dict[str, Any] = policy["Document"]
    return document


def _statements(role: Role) -> Iterator[dict[str, Any]]:
    for document in (
        *role.policies.values(),
        *map(document_of, role.managed_policies.values()),
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
    return matches_literally(value, _VARIABLE.sub("*", pattern))


def matches_literally(value: str, pattern: str) -> bool:
    """Return whether an IAM pattern without variables matches a value; only * and ? are special."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def as_list(value: Any) -> list[Any]:
    """Return a policy element that may be a single value or a list, as a list."""
    return value if isinstance(value, list) else [value]
