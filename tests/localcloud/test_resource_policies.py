"""What a resource's policy decides, by the rules of the IAM user guide."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam.resource_policies import decision_of

ROLE, ROOT = "arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:root"
VAULT = "arn:aws:backup:eu-west-1:123456789012:backup-vault:v"


def decided(*statements: dict[str, Any], principal: str = ROLE, **context: str) -> str | None:
    return decision_of(
        {"Statement": list(statements)},
        action="backup:StartRestoreJob",
        resource=VAULT,
        principal=principal,
        context=context,
    )


def statement(effect: str, **changes: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": "*",
        "Action": "backup:StartRestoreJob",
        "Resource": "*",
        **changes,
    }


def test_a_denial_outweighs_a_permission_and_no_statement_decides_nothing() -> None:
    assert decided(statement("Allow")) == "Allow"
    assert decided(statement("Allow"), statement("Deny")) == "Deny"
    assert decided() is None
    assert decided(statement("Deny", Action="backup:StartCopyJob")) is None
    assert decided(statement("Deny", Resource=VAULT + "x")) is None


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": "*"}, {"AWS": [ROLE]}, {"AWS": ROOT}, {"AWS": "123456789012"}]
)
def test_a_principal_is_named_by_its_arn_its_account_or_a_star(principal: Any) -> None:
    assert decided(statement("Deny", Principal=principal)) == "Deny"


def test_not_principal_and_not_action_mean_all_others() -> None:
    excepted = statement("Deny")
    del excepted["Principal"]
    assert decided({**excepted, "NotPrincipal": {"AWS": ROLE}}) is None
    assert decided({**excepted, "NotPrincipal": {"AWS": ROLE}}, principal=ROLE + "2") == "Deny"
    others = {**statement("Deny"), "NotAction": "backup:StartCopyJob"}
    del others["Action"]
    assert decided(others) == "Deny"


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ["1", "123456789012"]}}, True),
        ({"StringEquals": {"aws:Missing": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:Missing": "x"}}, True),
        ({"StringNotEquals": {"aws:Missing": "x"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_a_statement_applies_if_its_conditions_hold(condition: dict[str, Any], applies: bool) -> None:
    for effect in ("Allow", "Deny"):
        found = decided(statement(effect, Condition=condition), **{"aws:SecureTransport": "true"})
        assert found == (effect if applies else None)


def test_an_unknown_condition_denies_and_never_allows() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    assert decided(statement("Deny", Condition=condition)) == "Deny"
    assert decided(statement("Allow", Condition=condition)) is None
