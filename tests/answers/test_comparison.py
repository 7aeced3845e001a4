"""The tree of changes sums the same changes that a comparison lists."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tidemark.answers import comparison
from tidemark.answers.comparison import COUNTS, change_tree, compare
from tidemark.answers.requests import InvalidRequest
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import FileStore

FILES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("12345")),
    st.integers(1, 9),
    max_size=12,
)


def rows_of(files):
    paths = {f"/{top}/{name}/{leaf}": size for (top, name, leaf), size in files.items()}
    rows = {path: row(path, size=size) for path, size in paths.items()}
    for top, name, _ in files:
        for path in (f"/{top}", f"/{top}/{name}"):
            rows[path] = directory(path, inode=zlib.crc32(path.encode()))
    # A file at the top, so that no index is empty.
    return [*(rows[path] for path in sorted(rows)), row("/z")]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, FILES)
def test_the_sums_of_the_branches_are_those_of_the_comparison(tmp_path_factory, before, after):
    scratch = tmp_path_factory.mktemp("tree")
    store = FileStore(scratch)
    first = index_rows(store, scratch, rows_of(before), number=1)
    second = index_rows(store, scratch, rows_of(after), number=2)
    listed = compare(store, first, second, "/")
    tree = change_tree(store, first, second, "/")
    for name in COUNTS:
        assert getattr(tree.totals, name) == listed.totals[name]
        assert sum(getattr(branch.below, name) for branch in tree.branches) == listed.totals[name]
    assert {branch.name for branch in tree.branches} == {
        change.entry.path.split("/")[1] for change in listed.changes
    }
    own = {branch.name: branch.change for branch in tree.branches if branch.change is not None}
    assert own == {change.entry.name: change for change in listed.changes if change.entry.parent == "/"}


@pytest.fixture
def two(tmp_path):
    store = FileStore(tmp_path)
    first = index_rows(store, tmp_path, [row(f"/{number:03}", size=number) for number in range(50)], number=1)
    second = index_rows(store, tmp_path, [row("/other")], number=2)
    return store, first, second


def test_the_heaviest_branches_come_first_and_the_others_are_counted(two):
    tree = change_tree(*two, "/", most=3)
    assert [branch.name for branch in tree.branches] == ["049", "048", "047"]
    assert tree.omitted == 51 - 3
    assert tree.totals.removed == 50


def test_without_memory_for_all_changes_nothing_is_lost_but_renames(two, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_RENAMES", 7)
    monkeypatch.setattr(comparison, "_KEPT_BRANCHES", 10)
    tree = change_tree(*two, "/")
    assert not tree.renames_detected
    assert (tree.totals.added, tree.totals.removed) == (1, 50)
    assert len(tree.branches) + tree.omitted == 51


def test_an_index_is_not_compared_with_itself(two):
    store, first, _ = two
    with pytest.raises(InvalidRequest, match="are both index"):
        change_tree(store, first, first, "/")


def test_a_directory_that_neither_index_has_is_reported(two):
    with pytest.raises(PathNotFound, match="is not a directory in either index"):
        change_tree(*two, "/absent")
