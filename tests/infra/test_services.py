"""Services as principals: no policy requires a condition key that the service is not documented to send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.services import DOCUMENTED, service
from tests.infra.template import Template, as_list


def policies(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every statement with a principal, anywhere in a template."""
    if isinstance(node, dict):
        if "Principal" in node and "Effect" in node:
            yield node
        for inner in node.values():
            yield from policies(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from policies(inner)


def conditions(templates: dict[str, Template]) -> set[tuple[str, str]]:
    """Return the (service, condition key) pairs of all statements that allow actions to a service."""
    found = set()
    for template in templates.values():
        for statement in policies(template):
            principal = statement["Principal"]
            if statement["Effect"] != "Allow" or not isinstance(principal, dict):
                continue
            keys = {key for values in statement.get("Condition", {}).values() for key in values}
            for name in as_list(principal.get("Service", [])):
                found |= {(name, key) for key in keys}
    return found


def test_each_condition_on_a_service_is_documented(templates: dict[str, Template]) -> None:
    assert conditions(templates) == set(DOCUMENTED)


def test_alarms_reach_the_encrypted_topic(main: Template) -> None:
    """CloudWatch must be allowed the key without a condition, because none is documented."""
    allowed = [
        statement
        for statement in policies(main)
        if "cloudwatch.amazonaws.com" in str(statement["Principal"]) and "kms:Decrypt" in statement["Action"]
    ]
    assert [statement.get("Condition") for statement in allowed] == [None]


def test_an_undocumented_condition_is_refused() -> None:
    with pytest.raises(ValueError, match=r"aws:SourceAccount is not documented for cloudwatch"):
        service("cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "123456789012"}})
