"""A policy of any length is stored in parameters and read back unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import NIGHTLY
from tidemark.policy.documents import LONGEST_LIST, LONGEST_PARAMETER, documents, joined, lists_of
from tidemark.policy.policy import Policy

ids = st.integers(0, 16**17 - 1).map(lambda number: f"fs-{number:017x}")


def policy_of(count: int) -> Policy:
    return replace(NIGHTLY, file_systems=tuple(f"fs-{number:017x}" for number in range(count)))


@given(st.integers(0, 1_200), st.lists(ids, max_size=5))
def test_a_stored_policy_is_read_back(count: int, more: list[str]) -> None:
    policy = policy_of(count)
    policy = replace(policy, file_systems=tuple(dict.fromkeys((*policy.file_systems, *more))))
    stored = documents(policy)
    assert joined(stored.own, [stored.lists[name] for name in lists_of(stored.own)]) == policy
    assert len(stored.own) <= LONGEST_PARAMETER
    assert all(0 < len(text) <= LONGEST_LIST for text in stored.lists.values())


def test_a_policy_that_fits_into_one_parameter_is_its_json() -> None:
    policy = policy_of(330)
    assert documents(policy).own == policy.to_json()
    assert documents(policy).lists == {}


def test_a_version_without_lists_refuses_a_long_policy() -> None:
    with pytest.raises(KeyError, match="file_systems"):
        Policy.from_json(documents(policy_of(1_000)).own)


def test_a_thousand_file_systems_take_six_lists_which_one_call_reads() -> None:
    assert len(documents(policy_of(1_000)).lists) == 6


def test_a_changed_list_has_another_name() -> None:
    before, after = documents(policy_of(1_000)), documents(policy_of(999))
    assert set(before.lists) - set(after.lists)
    assert all(before.lists[name] == after.lists[name] for name in set(before.lists) & set(after.lists))
