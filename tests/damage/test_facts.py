from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage.building import DIRECTORIES, comparison, scope, trees
from tidemark.damage.facts import LISTED_PER_SIGNAL, ROOT, SIGNALS, Comparison, Counts
from tidemark.damage.rules import GROWTH, RULES


@given(trees(), st.sampled_from([ROOT, *DIRECTORIES, "/d/e/f/g/h/"]), st.sampled_from(SIGNALS))
def test_a_trimmed_comparison_keeps_bounds_of_every_directory(scopes, path, signal):
    whole = comparison(1, scopes)
    is_known = path in scopes or path == ROOT
    true = whole.scopes[path].counts.of(signal) if is_known else 0
    trimmed = whole.trimmed()
    assert trimmed.at_least(path, signal) <= true <= trimmed.at_most(path, signal)


def test_every_count_of_a_rule_is_kept():
    """Otherwise only the upper bound of other directories would be known."""
    for rule in (*RULES.values(), GROWTH):
        many = {f"/{number}/": scope(100, **{rule.signal: number + 1}) for number in range(50)}
        assert "/49/" in comparison(1, many).trimmed().scopes


def test_the_directories_with_most_changes_of_each_kind_are_kept():
    many = {f"/{number}/": scope(1_000, deleted=number, replaced=500 - number) for number in range(200)}
    many[ROOT] = scope(200_000, deleted=20_000, replaced=80_000)
    trimmed = comparison(1, many).trimmed()
    most = LISTED_PER_SIGNAL - 1  # in addition to the root
    kept = {f"/{number}/" for number in (*range(most), *range(200 - most, 200))}
    assert set(trimmed.scopes) == {ROOT, *kept}
    assert trimmed.limits == Counts(deleted=199 - most, replaced=500 - most)
    assert trimmed.at_most("/100/", "deleted") == 199 - most
    assert trimmed.at_most("/new/", "overwritten") == 0


@given(trees())
def test_json_preserves_a_comparison(scopes):
    made = comparison(7, scopes, suspicious=True, extensions=(("locked", 3),))
    assert Comparison.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    "change",
    [
        {"directories": {}},
        {"directories": {"a": {"files": 1, "files_after": 1, "bytes": 1}}},
        {"limits": {"deleted": -1}},
        {"limits": {"deleted": True}},
        {"crawl_started_at": "2026-01-01T00:00:00"},
        {"extensions": [1]},
    ],
)
def test_invalid_json_is_refused(change):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Comparison.from_json(comparison(1).to_json() | change)
