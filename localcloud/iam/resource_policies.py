"""Evaluates policy statements, and the policies that are attached to resources.

Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements" and "AWS JSON policy elements:
Principal".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from localcloud.iam.conditions import Keys, Unresolved, conditions_hold, expanded
from localcloud.iam.permissions import as_list, matches_literally

Decision = Literal["Allow", "Deny"]


def decision_of(
    policy: Mapping[str, Any],
    *,
    action: str,
    resource: str,
    principal: str,
    session: str | None = None,
    context: Keys | None = None,
) -> Decision | None:
    """Return what a policy decides about a call of `principal`, an ARN; None if no statement applies.

    `session` is the ARN of the session if the principal is a role. `context` holds condition keys and values;
    aws:PrincipalArn and aws:PrincipalAccount are added.
    """
    keys = {"aws:PrincipalArn": principal, "aws:PrincipalAccount": account_of(principal), **(context or {})}
    statements = [
        statement
        for statement in as_list(policy.get("Statement", []))
        if names_principal(statement, {principal, session or principal})
    ]
    return decide(statements, action=action, resource=resource, keys=keys)


def decide(
    statements: Iterable[Mapping[str, Any]], *, action: str, resource: str, keys: Keys
) -> Decision | None:
    """Return what statements decide, without regard to their principals; None if none of them applies."""
    effects = {
        statement["Effect"]
        for statement in statements
        if applies(statement, action=action, resource=resource, keys=keys)
        and conditions_hold(statement, keys)
    }
    if "Deny" in effects:
        return "Deny"
    return "Allow" if "Allow" in effects else None


def applies(statement: Mapping[str, Any], *, action: str, resource: str, keys: Keys) -> bool:
    """Return whether a statement names the action and the resource, whatever its conditions."""
    return _names_action(statement, action.lower()) and _names_resource(statement, resource, keys)


def names_principal(statement: Mapping[str, Any], arns: set[str]) -> bool:
    """Return whether a statement's Principal or NotPrincipal includes one of the ARNs, all of one caller."""
    named = statement.get("Principal", statement.get("NotPrincipal"))
    found = names_account(statement, arns) or any(arn in arns for arn in _aws_principals(named))
    return found != ("NotPrincipal" in statement)


def names_account(statement: Mapping[str, Any], arns: set[str]) -> bool:
    """Return whether a statement's principals include the whole account of the ARNs, or everyone."""
    # an account, by its number or its root user, stands for all of its principals
    named = _aws_principals(statement.get("Principal", statement.get("NotPrincipal")))
    accounts = {account_of(arn) for arn in arns}
    roots = tuple(f"::{account}:root" for account in accounts)
    return any(arn == "*" or arn in accounts or arn.endswith(roots) for arn in named)


def account_of(arn: str) -> str:
    """Return the account of an ARN; empty for any other text."""
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


def _aws_principals(named: Any) -> list[str]:
    return [
        str(arn) for arn in (as_list(named.get("AWS", [])) if isinstance(named, dict) else as_list(named))
    ]


def _names_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(matches_literally(action, each.lower()) for each in as_list(statement["NotAction"]))
    return any(matches_literally(action, each.lower()) for each in as_list(statement.get("Action", "*")))


def _names_resource(statement: Mapping[str, Any], resource: str, keys: Keys) -> bool:
    """Return whether a statement's resources include this one.

    A pattern whose variable has no value matches nothing, and a statement with such a NotResource does not
    apply.
    """
    negated = "NotResource" in statement
    matched = [
        _matches(resource, pattern, keys)
        for pattern in as_list(statement.get("NotResource" if negated else "Resource", "*"))
    ]
    return not any(found or found is None for found in matched) if negated else any(matched)


def _matches(resource: str, pattern: str, keys: Keys) -> bool | None:
    """Return whether a pattern matches; None if a variable has no value."""
    try:
        return matches_literally(resource, expanded(pattern, keys))
    except Unresolved:
        return None
