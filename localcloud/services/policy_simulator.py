"""IAM's SimulatePrincipalPolicy, which moto lacks.

Evaluates the policies of a role or user as the local cloud does for calls, with the context keys of the
request only. The caller needs iam:SimulatePrincipalPolicy on the principal. Sources: IAM API Reference,
SimulatePrincipalPolicy, which documents that resource policies are not simulated for roles; IAM User Guide,
"IAM policy testing with the policy simulator". Assumed: each action has a result for each resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.iam.callers import caller_keys, decision_of_sets, identity_decision, policy_sets
from localcloud.iam.permissions import NotPermitted, as_list
from localcloud.iam.resource_policies import applies, decide
from localcloud.iam.roles import role_of, user_of

_ACTION = "iam:SimulatePrincipalPolicy"
_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", None: "implicitDeny"}


def install(cloud: Cloud) -> None:
    """Add the operation."""

    def simulate(call: ApiCall) -> dict[str, Any]:
        source = str(call.params["PolicySourceArn"])
        if call.caller is not None:
            keys = caller_keys(call.caller, cloud.accounts, region=call.region, now=cloud.clock.now())
            if identity_decision(call.caller, action=_ACTION, resource=source, keys=keys) != "Allow":
                raise NotPermitted(
                    "AccessDenied",
                    f"User: {call.caller_arn} is not authorized to perform: {_ACTION} on resource: {source}",
                )
        if role_of(source) is None and user_of(source) is None:
            raise AwsError("NoSuchEntityException", f"The principal {source} cannot be found.")
        if call.params.get("ResourcePolicy") and role_of(source) is not None:
            raise AwsError("InvalidInputException", "Resource policies are not simulated for roles.")
        return {
            "EvaluationResults": list(
                _results(
                    cloud,
                    source,
                    call.params["ActionNames"],
                    call.params.get("ResourceArns") or ["*"],
                    _context(call.params.get("ContextEntries") or []),
                )
            ),
            "IsTruncated": False,
        }

    cloud.answer("iam", SimulatePrincipalPolicy=simulate)


def _context(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for entry in entries:
        values = [str(value) for value in entry.get("ContextKeyValues", [])]
        is_list = str(entry.get("ContextKeyType", "string")).endswith("List")
        found[str(entry["ContextKeyName"])] = values if is_list or len(values) != 1 else values[0]
    return found


def _results(
    cloud: Cloud, source: str, actions: Sequence[str], resources: Sequence[str], keys: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    sets = list(policy_sets(cloud.issuer.anonymous(source)))
    for action in actions:
        for resource in resources:
            decision = decision_of_sets(sets, action=action, resource=resource, keys=keys)
            result: dict[str, Any] = {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": _DECISIONS[decision],
                "MatchedStatements": [],
                "MissingContextValues": sorted(_missing(sets, action, resource, keys)),
            }
            if len(sets) > 1:  # the policies, and the permissions boundary
                allowed = decide(sets[1], action=action, resource=resource, keys=keys) == "Allow"
                result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
            yield result


def _missing(sets: Sequence[Sequence[Any]], action: str, resource: str, keys: dict[str, Any]) -> set[str]:
    """Return the condition keys that statements about this request need and the caller did not give."""
    known = {key.lower() for key in keys}
    return {
        key
        for statements in sets
        for statement in statements
        if applies(statement, action=action, resource=resource, keys=keys)
        for conditions in as_list(statement.get("Condition", {}))
        for wanted in conditions.values()
        for key in wanted
        if key.lower() not in known
    }
