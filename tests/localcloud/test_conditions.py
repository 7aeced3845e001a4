"""Conditions of policy statements, by the IAM User Guide, "IAM JSON policy elements: Condition operators"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.iam.conditions import Unresolved, conditions_hold, expanded

WORDS = st.text("abcXYZ019-/:.", min_size=1, max_size=12)


def holds(condition: dict[str, Any], effect: str = "Allow", **keys: Any) -> bool:
    names = {name.replace("__", ":"): value for name, value in keys.items()}
    return conditions_hold({"Effect": effect, "Condition": condition}, names)


@given(WORDS, WORDS)
def test_a_negated_operator_is_the_opposite_of_its_operator(value: str, wanted: str) -> None:
    for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"):
        negated = operator.replace("String", "StringNot").replace("Arn", "ArnNot")
        plain = holds({operator: {"k": wanted}}, k=value)
        assert holds({negated: {"k": wanted}}, k=value) != plain


@given(WORDS, st.lists(WORDS, min_size=1, max_size=4))
def test_one_of_several_values_suffices_and_none_may_match_a_negated_operator(
    value: str, wanted: list[str]
) -> None:
    assert holds({"StringEquals": {"k": wanted}}, k=value) == (value in wanted)
    assert holds({"StringNotEquals": {"k": wanted}}, k=value) == (value not in wanted)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, min_size=1, max_size=4))
def test_sets_are_compared_by_their_qualifier(values: list[str], wanted: list[str]) -> None:
    every = {"ForAllValues:StringEquals": {"k": wanted}}
    some = {"ForAnyValue:StringEquals": {"k": wanted}}
    assert holds(every, k=values) == (set(values) <= set(wanted))
    assert holds(some, k=values) == bool(set(values) & set(wanted))


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_numbers_are_compared_as_numbers(value: int, wanted: int) -> None:
    expected = {
        "NumericEquals": value == wanted,
        "NumericNotEquals": value != wanted,
        "NumericLessThan": value < wanted,
        "NumericLessThanEquals": value <= wanted,
        "NumericGreaterThan": value > wanted,
        "NumericGreaterThanEquals": value >= wanted,
    }
    found = {operator: holds({operator: {"k": str(wanted)}}, k=str(value)) for operator in expected}
    assert found == expected


@given(st.integers(0, 2_000_000_000), st.integers(-5, 5), st.booleans())
def test_dates_are_compared_in_either_format(seconds: int, later: int, epoch: bool) -> None:
    value = datetime.fromtimestamp(seconds, UTC)
    limit = value + timedelta(days=later)
    wanted = str(int(limit.timestamp())) if epoch and limit.timestamp() >= 0 else limit.isoformat()
    assert holds({"DateLessThan": {"k": wanted}}, k=value.isoformat()) == (later > 0)
    assert holds({"DateGreaterThanEquals": {"k": wanted}}, k=value.isoformat()) == (later <= 0)


@pytest.mark.parametrize(
    ("operator", "present"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("Bool", False),
        ("NumericLessThan", False),
        ("ForAnyValue:StringEquals", False),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("ForAllValues:StringEquals", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("NumericLessThanIfExists", True),
    ],
)
def test_a_missing_key_satisfies_negated_and_optional_operators_only(operator: str, present: bool) -> None:
    assert holds({operator: {"aws:missing": "1"}}) is present


def test_null_asks_for_the_presence_of_a_key() -> None:
    assert holds({"Null": {"k": "true"}})
    assert not holds({"Null": {"k": "true"}}, k="v")
    assert holds({"Null": {"k": "false"}}, k="v")
    assert not holds({"Null": {"k": "false"}})


def test_all_operators_and_keys_must_hold() -> None:
    both = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    assert holds(both, a="1", b="2", c="true")
    for changed in ({"a": "x"}, {"b": "x"}, {"c": "false"}):
        assert not holds(both, **{"a": "1", "b": "2", "c": "true", **changed})


def test_keys_are_compared_without_case_and_values_with_it() -> None:
    assert holds({"StringEquals": {"AWS:PrincipalAccount": "1"}}, aws__principalaccount="1")
    assert not holds({"StringEquals": {"k": "A"}}, k="a")
    assert holds({"StringEqualsIgnoreCase": {"k": "A"}}, k="a")


@given(WORDS)
def test_a_variable_stands_for_the_value_of_its_key(value: str) -> None:
    wanted = {"StringLike": {"s3:prefix": "indexes/${aws:PrincipalAccount}/*"}}
    assert holds(wanted, s3__prefix=f"indexes/{value}/x", aws__PrincipalAccount=value)
    assert not holds(wanted, s3__prefix=f"indexes/other-{value}/x", aws__PrincipalAccount=value)
    assert expanded("a/${aws:username, 'nobody'}/b", {}) == "a/nobody/b"
    assert expanded("a/${aws:username, 'nobody'}/b", {"aws:username": value}) == f"a/{value}/b"


def test_a_variable_without_a_value_matches_nothing() -> None:
    assert not holds({"StringLike": {"k": "${aws:username}*"}}, k="anything")
    with pytest.raises(Unresolved):
        expanded("${aws:username}", {})


@pytest.mark.parametrize("operator", ["IpAddress", "NotIpAddress", "BinaryEquals", "StringAlmost"])
def test_an_operator_that_is_not_supported_denies_and_never_allows(operator: str) -> None:
    assert holds({operator: {"k": "v"}}, effect="Deny", k="v")
    assert not holds({operator: {"k": "v"}}, effect="Allow", k="v")
