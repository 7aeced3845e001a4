"""Simulates calls of a role with IAM's SimulatePrincipalPolicy, which starts nothing.

It evaluates the role's policies, its permissions boundary and the organization's service control policies,
but no policies of resources: they are not supported for roles. Source: IAM API Reference,
SimulatePrincipalPolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import EvaluationResultTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call that IAM would deny."""

    action: str
    resource: str
    reason: str  # the kind of policy that denies, or lacks a permission


def refusals(
    client: IAMClient,
    role_arn: str,
    calls: Sequence[tuple[str, str]],
    context: Mapping[str, str],
) -> Iterator[Refusal]:
    """Yield those of the calls (action, resource), all with this context, that the role may not make.

    A call without a result in the answer is not refused. Makes one request.
    """
    pages = client.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=role_arn,
        ActionNames=sorted({action for action, _ in calls}),
        ResourceArns=sorted({resource for _, resource in calls}),
        ContextEntries=[
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in sorted(context.items())
        ],
    )
    wanted = set(calls)
    for page in pages:
        for action, resource, reason in _denied(page["EvaluationResults"]):
            if (action, resource) in wanted:
                yield Refusal(action=action, resource=resource, reason=reason)


def _denied(results: Iterable[EvaluationResultTypeDef]) -> Iterator[tuple[str, str, str]]:
    """Yield action, resource and reason of each request that is not allowed.

    A result contains those of several resources, or is that of one.
    """
    for result in results:
        action = result["EvalActionName"]
        specific = result.get("ResourceSpecificResults") or []
        boundary = result.get("PermissionsBoundaryDecisionDetail", {}).get(
            "AllowedByPermissionsBoundary", True
        )
        organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
        decided = [(each["EvalResourceName"], each["EvalResourceDecision"]) for each in specific] or [
            (result.get("EvalResourceName", "*"), result["EvalDecision"])
        ]
        for resource, decision in decided:
            if decision == "allowed":
                continue
            if not organization:
                reason = "a policy of the organization does not allow it"
            elif not boundary:
                reason = "the permissions boundary of the role does not allow it"
            elif decision == "explicitDeny":
                reason = "a policy of the role denies it"
            else:
                reason = "no policy of the role allows it"
            yield action, resource, reason
