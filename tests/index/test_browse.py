from __future__ import annotations

import pytest

from tests.index.building import directory, index_rows, row
from tidemark.errors import PathNotFound
from tidemark.index.query.browse import as_shown, find_entry, list_directory

ROWS = [
    directory("/a"),
    directory("/a/b"),
    directory("/a-b"),
    directory("/empty"),
    row("/a/b/deep"),
    row("/a/1"),
    row("/a/2"),
    row("/a-b/x"),
    row("/top"),
    row(b"/a/\xff"),
]


@pytest.fixture(params=[(100, 100), (2, 1), (3, 2)])
def manifest(request, store, tmp_path):
    part_rows, row_group_rows = request.param
    return index_rows(store, tmp_path, ROWS, part_rows=part_rows, row_group_rows=row_group_rows)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ["a", "a-b", "empty", "top"]),
        ("", ["a", "a-b", "empty", "top"]),
        ("/a", ["1", "2", r"\xff", "b"]),
        ("/a/", ["1", "2", r"\xff", "b"]),
        ("a", ["1", "2", r"\xff", "b"]),
        ("/a/b", ["deep"]),
        ("/empty", []),
    ],
)
def test_a_directory_is_listed_by_name(store, manifest, path, names):
    assert [entry.name for entry in list_directory(store, manifest, path)] == names


@pytest.mark.parametrize("path", ["/nothing", "/a/b/c", "/a/1/x", "/zzz", "/top"])
def test_a_missing_directory_is_reported_before_the_first_entry(store, manifest, path):
    with pytest.raises(PathNotFound, match=path):
        list_directory(store, manifest, path)


def test_one_entry_is_found_by_its_path(store, manifest):
    for each in ROWS:
        found = find_entry(store, manifest, as_shown(each.path.decode("utf-8", "surrogateescape")))
        assert found is not None
        assert (found.raw_path, found.type) == (each.path, each.type)
    for path in ("/nothing", "/", "", "nothing"):
        assert find_entry(store, manifest, path) is None


def test_an_empty_index_has_an_empty_root(store, tmp_path):
    manifest = index_rows(store, tmp_path, [])
    assert list(list_directory(store, manifest, "/")) == []
