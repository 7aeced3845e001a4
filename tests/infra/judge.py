"""Evaluates calls against IAM statements with conditions, to the extent that our policies need."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.template import as_list

Statement = dict[str, Any]


def allows(
    statements: list[Statement], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Return whether one of the statements allows the action. The resource * means unknown."""
    return any(
        action in as_list(statement["Action"])
        and (
            resource == "*"
            or any(fnmatch.fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        )
        and meets(statement.get("Condition", {}), context or {})
        for statement in statements
        if statement["Effect"] == "Allow"
    )


def meets(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Return whether all of a statement's conditions hold. A key that the call lacks does not match."""
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _OPERATORS[operator](known.get(key.lower()), [str(value) for value in as_list(wanted)])
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _equals(value: str | None, wanted: list[str]) -> bool:
    return value in wanted


def _like(value: str | None, wanted: list[str]) -> bool:
    return value is not None and any(fnmatch.fnmatchcase(value, pattern) for pattern in wanted)


def _null(value: str | None, wanted: list[str]) -> bool:
    return str(value is None).lower() in wanted


_OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "StringEquals": _equals,
    "StringLike": _like,
    "ArnEquals": _like,  # both are equivalent. Source: IAM User Guide, ARN condition operators
    "ArnLike": _like,
    "Bool": _equals,
    "Null": _null,
}
