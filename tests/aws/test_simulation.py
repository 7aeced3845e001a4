"""Refusals in the answers of SimulatePrincipalPolicy, in both forms that they may have."""

from __future__ import annotations

from typing import Any

from botocore.stub import ANY, Stubber

from tests.aws.account import the_clients
from tidemark.aws.simulation import Refusal, refusals

ROLE = "arn:aws:iam::123456789012:role/worker"
CALLS = [("s3:GetObject", "arn:aws:s3:::b/1"), ("s3:PutObject", "arn:aws:s3:::b/2")]


def found(results: list[dict[str, Any]], context: dict[str, str] | None = None) -> list[Refusal]:
    client = the_clients().of("iam")
    with Stubber(client) as stub:
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in (context or {}).items()
        ]
        stub.add_response(
            "simulate_principal_policy",
            {"EvaluationResults": results, "IsTruncated": False},
            {
                "PolicySourceArn": ROLE,
                "ActionNames": ["s3:GetObject", "s3:PutObject"],
                "ResourceArns": ["arn:aws:s3:::b/1", "arn:aws:s3:::b/2"],
                "ContextEntries": entries or ANY,
            },
        )
        return list(refusals(client, ROLE, CALLS, context or {}))


def result(action: str, resource: str, decision: str, **more: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision, **more}


def test_only_the_calls_that_are_made_count():
    read, write = CALLS
    answer = [
        result(*read, "allowed"),
        result(read[0], write[1], "implicitDeny"),  # the role never reads this
        result(*write, "implicitDeny"),
        result(write[0], read[1], "explicitDeny"),
    ]
    assert found(answer, {"aws:SecureTransport": "true"}) == [
        Refusal(action=write[0], resource=write[1], reason="no policy of the role allows it")
    ]


def test_results_of_single_resources_may_be_inside_of_one():
    (action, one), (_, other) = CALLS
    specific = [
        {"EvalResourceName": one, "EvalResourceDecision": "explicitDeny"},
        {"EvalResourceName": other, "EvalResourceDecision": "allowed"},
    ]
    (refusal,) = found([result(action, "*", "explicitDeny", ResourceSpecificResults=specific)])
    assert (refusal.resource, refusal.reason) == (one, "a policy of the role denies it")


def test_the_reason_names_the_organization_and_the_boundary():
    denied = (*CALLS[0], "implicitDeny")
    by_organization = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
    by_boundary = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
    (refusal,) = found([result(*denied, **by_organization)])
    assert refusal.reason == "a policy of the organization does not allow it"
    (refusal,) = found([result(*denied, **by_boundary)])
    assert refusal.reason == "the permissions boundary of the role does not allow it"
