"""Whether the policy of a file system denies the mount of a worker.

In the account of the file system, the permissions of the worker's role suffice, so only denials matter. Only
what file-system policies contain is evaluated: conditions that are not known here leave the answer open.
Sources: EFS User Guide, "Using IAM to control access to file systems"; IAM User Guide, "IAM JSON policy
elements: Condition operators", "AWS JSON policy elements: Principal" and "NotPrincipal".
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient

Answer = Literal["denied", "open", "unknown"]
READ = ("elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess")
WRITE = (*READ, "elasticfilesystem:ClientWrite")


def policy_of(client: EFSClient, file_system_id: str) -> dict[str, Any] | None:
    """Return the policy of a file system; None if it has none."""
    try:
        text = client.describe_file_system_policy(FileSystemId=file_system_id)["Policy"]
    except ClientError as error:
        if code_of(error) == "PolicyNotFound":
            return None
        raise
    document: dict[str, Any] = json.loads(text)
    return document


def mount_context(role_arn: str, account: str) -> dict[str, str]:
    """Return the keys of a worker's mount: with TLS and IAM, of the root, through a mount target."""
    return {
        "aws:SecureTransport": "true",
        "elasticfilesystem:AccessedViaMountTarget": "true",
        "aws:PrincipalArn": role_arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": "AssumedRole",
    }


# Keys that a worker's mount never has, because it mounts the root.
_ABSENT = {"elasticfilesystem:accesspointarn"}


def denied_actions(
    policy: Mapping[str, Any],
    actions: Collection[str],
    *,
    resource: str,
    role_arn: str,
    context: Mapping[str, str],
) -> Mapping[str, Answer]:
    """Return, for each action, whether the policy denies it to the role."""
    keys = {key.lower(): value for key, value in context.items()}
    found: dict[str, Answer] = {}
    for action in actions:
        answers = set(_of_statements(policy, action, resource, role_arn, keys))
        found[action] = "denied" if "denied" in answers else "unknown" if "unknown" in answers else "open"
    return found


def _of_statements(
    policy: Mapping[str, Any], action: str, resource: str, role_arn: str, keys: Mapping[str, str]
) -> Iterator[Answer]:
    for statement in _listed(policy.get("Statement", [])):
        if statement.get("Effect") != "Deny":
            continue
        if not _names_principal(statement, role_arn):
            continue
        if not _names(statement, "Action", action, ignore_case=True):
            continue
        if not _names(statement, "Resource", resource):
            continue
        holds = _conditions_hold(statement.get("Condition", {}), keys)
        if holds is not False:
            yield "unknown" if holds is None else "denied"


def _names(statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool = False) -> bool:
    negated = f"Not{element}" in statement
    patterns = _listed(statement.get(f"Not{element}" if negated else element, "*"))
    if ignore_case:
        value, patterns = value.lower(), [pattern.lower() for pattern in patterns]
    return any(_like(value, pattern) for pattern in patterns) != negated


def _names_principal(statement: Mapping[str, Any], role_arn: str) -> bool:
    negated = "NotPrincipal" in statement
    named = statement.get("NotPrincipal" if negated else "Principal", "*")
    texts = _listed(named.get("AWS", [])) if isinstance(named, dict) else _listed(named)
    account = role_arn.split(":")[4]
    is_named = any(text in ("*", account, role_arn) or text.endswith(f"::{account}:root") for text in texts)
    return is_named != negated


def _conditions_hold(conditions: Mapping[str, Any], keys: Mapping[str, str]) -> bool | None:
    """Return whether all conditions hold; None if one is not known, and no other fails."""
    answers = [
        _holds(operator, key.lower(), _listed(wanted), keys)
        for operator, compared in conditions.items()
        for key, wanted in compared.items()
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _holds(operator: str, key: str, wanted: list[Any], keys: Mapping[str, str]) -> bool | None:
    is_absent = key in _ABSENT
    if key not in keys and not is_absent:
        return None
    base = operator.removesuffix("IfExists")
    if base == "Null":
        return any((str(each).lower() == "true") == is_absent for each in wanted)
    negated = "Not" in base
    if is_absent:
        return negated or operator.endswith("IfExists")
    value, texts = keys[key], [str(each) for each in wanted]
    match base.replace("Not", ""):
        case "StringEquals":
            matched = value in texts
        case "StringEqualsIgnoreCase" | "Bool":
            matched = value.lower() in [text.lower() for text in texts]
        case "StringLike" | "ArnLike" | "ArnEquals":
            matched = any(_like(value, text) for text in texts)
        case _:
            return None
    return matched != negated


def _like(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
