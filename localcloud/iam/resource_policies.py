"""Evaluates a policy that is attached to a resource, such as a vault or a file system.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements". Supported conditions:
String*, Arn* and Bool, with and without IfExists. A statement with any other condition applies if it denies,
and does not apply if it allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from localcloud.iam.permissions import as_list, matches

Decision = Literal["Allow", "Deny"]
NEGATED = {"StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"}
EXACT = {"StringEquals", "StringNotEquals", "Bool"}
PATTERNS = {"StringLike", "StringNotLike", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}


def decision_of(
    policy: Mapping[str, Any],
    *,
    action: str,
    resource: str,
    principal: str,
    context: Mapping[str, str] | None = None,
) -> Decision | None:
    """Return what a policy decides about a call of `principal`, an ARN; None if no statement applies.

    `context` holds condition keys and values; aws:PrincipalArn and aws:PrincipalAccount are added.
    """
    keys = {"aws:PrincipalArn": principal, "aws:PrincipalAccount": _account(principal), **(context or {})}
    effects = {
        statement["Effect"]
        for statement in as_list(policy.get("Statement", []))
        if _names(statement, "Action", action.lower(), fold=True)
        and _names(statement, "Resource", resource)
        and _principal_matches(statement, principal)
        and _conditions_hold(statement, keys)
    }
    if "Deny" in effects:
        return "Deny"
    return "Allow" if "Allow" in effects else None


def _names(statement: Mapping[str, Any], element: str, value: str, *, fold: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not _any_matches(value, statement[f"Not{element}"], fold=fold)
    return _any_matches(value, statement.get(element, "*"), fold=fold)


def _any_matches(value: str, patterns: Any, *, fold: bool) -> bool:
    return any(matches(value, each.lower() if fold else each) for each in as_list(patterns))


def _principal_matches(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal", statement.get("NotPrincipal"))
    arns = as_list(named.get("AWS", [])) if isinstance(named, dict) else as_list(named)
    account = _account(principal)
    # an account, by its number or its root user, stands for all of its principals
    found = any(arn in ("*", principal, account) or arn.endswith(f"::{account}:root") for arn in arns)
    return found != ("NotPrincipal" in statement)


def _conditions_hold(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    folded = {key.lower(): value for key, value in context.items()}
    for operator, keys in statement.get("Condition", {}).items():
        name = operator.removesuffix("IfExists")
        if name not in EXACT | PATTERNS:
            return bool(statement["Effect"] == "Deny")
        for key, wanted in keys.items():
            value = folded.get(key.lower())
            if value is None:
                if name != operator or name in NEGATED:
                    continue
                return False
            values = [str(each) for each in as_list(wanted)]
            if name == "Bool":
                values = [each.lower() for each in values]
            found = value in values if name in EXACT else any(matches(value, each) for each in values)
            if found == (name in NEGATED):
                return False
    return True


def _account(principal: str) -> str:
    return principal.split(":")[4] if principal.count(":") >= 5 else ""
