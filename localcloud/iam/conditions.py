"""Evaluates the Condition element of policy statements.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Set operators for multi-valued
context keys", "Variables and tags". Not supported: IpAddress,
NotIpAddress, BinaryEquals, and the variables ${*}, ${?} and ${$}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localcloud.iam.permissions import as_list, matches_literally

# Condition keys, in any case, and their values: one, or several for a multi-valued key.
Keys = Mapping[str, str | Sequence[str]]
_VARIABLE = re.compile(r"\$\{([^},]+)(?:, *'([^']*)')?\}")
_QUALIFIERS = ("ForAllValues:", "ForAnyValue:")


class UnsupportedOperator(Exception):
    """The local cloud cannot evaluate the condition."""


class Unresolved(Exception):
    """A policy variable has no value in the request."""


def conditions_hold(statement: Mapping[str, Any], keys: Keys) -> bool:
    """Return whether all conditions of a statement hold.

    A condition that is not supported holds in a statement that denies and not in one that allows.
    """
    folded = {key.lower(): value for key, value in keys.items()}
    try:
        return all(
            _holds(operator, folded.get(key.lower()), wanted, folded)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    except UnsupportedOperator:
        return bool(statement["Effect"] == "Deny")


def expanded(text: str, keys: Keys) -> str:
    """Return a policy value with its variables replaced; raises Unresolved for one that has no value."""
    folded = {key.lower(): value for key, value in keys.items()}

    def value(found: re.Match[str]) -> str:
        known = folded.get(found[1].lower(), found[2])  # the second group is None without a default
        if not isinstance(known, str):
            raise Unresolved(found[0])
        return known

    return _VARIABLE.sub(value, text)


def _holds(operator: str, present: str | Sequence[str] | None, wanted: Any, keys: Keys) -> bool:
    name, qualifier = operator, ""
    for one in _QUALIFIERS:
        if operator.startswith(one):
            name, qualifier = operator.removeprefix(one), one
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name == "Null":
        return any((str(each).lower() == "true") == (present is None) for each in as_list(wanted))
    compare, negated = _comparison(name)
    if present is None:
        # a missing key satisfies negated operators and ForAllValues
        return if_exists or negated or qualifier == "ForAllValues:"
    patterns = _resolved(as_list(wanted), keys)
    values = [present] if isinstance(present, str) else list(present)
    found = [any(compare(value, pattern) for pattern in patterns) != negated for value in values]
    return all(found) if qualifier == "ForAllValues:" else any(found)


def _resolved(wanted: Sequence[Any], keys: Keys) -> list[str]:
    resolved = []
    for each in wanted:
        text = str(each).lower() if isinstance(each, bool) else str(each)
        try:
            resolved.append(expanded(text, keys))
        except Unresolved:
            continue  # matches nothing
    return resolved


def _comparison(name: str) -> tuple[Callable[[str, str], bool], bool]:
    """Return a comparison of a value with a policy's value, and whether the operator negates it."""
    negated = "Not" in name
    match name.replace("Not", ""):
        case "StringEquals":
            return (lambda value, wanted: value == wanted), negated
        case "StringEqualsIgnoreCase":
            return (lambda value, wanted: value.lower() == wanted.lower()), negated
        case "StringLike" | "ArnLike" | "ArnEquals":
            return matches_literally, negated
        case "Bool":
            return (lambda value, wanted: value.lower() == wanted.lower()), negated
    kind, order = _ordered(name)
    return (lambda value, wanted: order(kind(value), kind(wanted))), negated


def _ordered(name: str) -> tuple[Callable[[str], Any], Callable[[Any, Any], bool]]:
    for prefix, kind in (("Numeric", float), ("Date", _moment)):
        if name.startswith(prefix):
            order = _ORDERS.get(name.removeprefix(prefix).replace("Not", ""))
            if order is not None:
                return kind, order
    raise UnsupportedOperator(name)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda value, wanted: bool(value == wanted),
    "LessThan": lambda value, wanted: bool(value < wanted),
    "LessThanEquals": lambda value, wanted: bool(value <= wanted),
    "GreaterThan": lambda value, wanted: bool(value > wanted),
    "GreaterThanEquals": lambda value, wanted: bool(value >= wanted),
}


def _moment(text: str) -> datetime:
    if re.fullmatch(r"[0-9]+", text):
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
