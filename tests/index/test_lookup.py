"""Many paths in one pass, against the rows that the index was built from and against one path at a time."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, index_crawl, index_rows, row
from tests.index.test_side_files import trees
from tests.index.test_unreadable_file import could_not_read, crawls
from tests.index.test_unreadable_file import trees as small_trees
from tidemark.crawl.crawler import RESTORE_DIRECTORIES
from tidemark.errors import IndexDamaged
from tidemark.escape import escape, unescape
from tidemark.exclusions import Exclusion
from tidemark.index.files.changes import standing_entry
from tidemark.index.query.lookup import (
    Found,
    Subtree,
    entries_of,
    excluded_among,
    last_known_of,
    subtrees_of,
    unread_among,
)
from tidemark.index.storage.object_store import FileStore

SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def index_of(tmp_path_factory, rows, **options):
    scratch = tmp_path_factory.mktemp("lookup")
    store = FileStore(scratch / "repository")
    return store, index_rows(store, scratch, rows, **options)


def likely_paths(rows: list[Row]) -> st.SearchStrategy[set[str]]:
    """Paths of a tree, and others next to and below them."""
    known = [escape(each.path) for each in rows]
    others = [f"{path}{more}" for path in [*known, ""] for more in ("/x", "x", "/a", "/zz", "/ ")]
    return st.sets(st.sampled_from([*known, *others]), max_size=12)


@SETTINGS
@given(data=st.data(), rows=trees(), group=st.integers(1, 6), part=st.integers(1, 9))
def test_every_path_of_the_index_is_found_and_no_other(tmp_path_factory, data, rows, group, part):
    store, manifest = index_of(tmp_path_factory, rows, row_group_rows=group, part_rows=part)
    paths = data.draw(likely_paths(rows))
    by_path = {escape(each.path): Found(each.type, each.size) for each in rows}
    assert entries_of(store, manifest, paths) == {path: by_path[path] for path in paths if path in by_path}


@SETTINGS
@given(data=st.data(), rows=trees(), group=st.integers(1, 6))
def test_the_totals_of_a_directory_are_those_of_the_rows_below_it(tmp_path_factory, data, rows, group):
    store, manifest = index_of(tmp_path_factory, rows, row_group_rows=group)
    paths = data.draw(likely_paths(rows)) | {"/"}
    directories = {escape(each.path) for each in rows if each.type == "d"} | {"/"}

    def reckoned(path: str) -> Subtree:
        prefix = unescape(path).rstrip(b"/") + b"/"
        below = [each for each in rows if each.path.startswith(prefix)]
        return Subtree(
            sum(b"/" not in each.path.removeprefix(prefix) for each in below),
            len(below),
            sum(each.size for each in below if each.type == "f"),
        )

    assert subtrees_of(store, manifest, paths) == {path: reckoned(path) for path in paths & directories}


def test_a_sum_beyond_64_bits_is_exact(store, tmp_path):
    most = 2**63 - 1
    rows = [directory("/a"), directory("/a/b"), row("/a/b/1", size=most), row("/a/b/2", size=most)]
    manifest = index_rows(store, tmp_path, rows)
    found = subtrees_of(store, manifest, ["/", "/a", "/a/b"])
    assert {path: totals.bytes for path, totals in found.items()} == dict.fromkeys(
        ["/", "/a", "/a/b"], 2 * most
    )


def test_one_large_directory_is_searched_by_name(store, tmp_path):
    rows = [row(f"/{number:04}", size=number) for number in range(200)]
    manifest = index_rows(store, tmp_path, rows, row_group_rows=10, part_rows=50)
    assert entries_of(store, manifest, ["/0000", "/0123", "/0199", "/01234", "/9"]) == {
        "/0000": Found("f", 0),
        "/0123": Found("f", 123),
        "/0199": Found("f", 199),
    }


def test_an_empty_index_has_only_its_root(store, tmp_path):
    manifest = index_rows(store, tmp_path, [])
    assert entries_of(store, manifest, ["/", "/a"]) == {}
    assert subtrees_of(store, manifest, ["/", "/a"]) == {"/": Subtree(0, 0, 0)}
    assert subtrees_of(store, manifest, []) == {}


def test_an_index_without_totals_is_reported(store, tmp_path):
    manifest = dataclasses.replace(index_rows(store, tmp_path, [row("/a")]), side_files=())
    with pytest.raises(IndexDamaged, match=r"contains no dirs\.parquet"):
        subtrees_of(store, manifest, ["/"])


@SETTINGS
@given(data=st.data(), earlier=small_trees(), later=crawls())
def test_paths_that_could_not_be_read_are_those_of_a_walk_from_the_root(
    tmp_path_factory, data, earlier, later
):
    scratch = tmp_path_factory.mktemp("unread")
    store = FileStore(scratch / "repository")
    index_rows(store, scratch, earlier)
    rows, problems = later
    manifest = index_crawl(store, scratch, RowsCrawl(rows, problems), number=2)
    by_path = {each.path: each for each in rows}
    asked = data.draw(likely_paths([*earlier, *rows]))
    asked |= {escape(problem.path.rstrip(b"/")) for problem in problems}
    missing = {path for path in asked if unescape(path) not in by_path and path != ""}
    unread = {path for path in missing if could_not_read(unescape(path), by_path, problems)}
    assert unread_among(store, manifest, missing) == unread

    known = {path: standing_entry(store, manifest, path) for path in missing}
    assert last_known_of(store, manifest, missing) == {
        path: Found(entry.type, entry.size) for path, entry in known.items() if entry
    }


@pytest.mark.parametrize(
    ("path", "may_exist"),
    [
        ("/home/ann/.cache", True),
        ("/home/ann/.cache/a/b", True),
        ("/home/bob/.cache", False),  # there is no /home/bob
        ("/home/.cache", False),  # not matched
        ("/home/ann/.cache-old", False),
        ("/home/file/.cache", False),  # not a directory
        ("/node_modules/x", True),
        ("/home/ann/node_modules", True),
        ("/home/ann/.cache/node_modules", True),  # in an excluded directory
        (r"/by\xffte/x", True),
        ("/nothing", False),
        ("/aws-backup-restore_2026-11-01/home", False),  # in no backup
        ("/never/x", False),  # a pattern that matched no directory
    ],
)
def test_only_paths_in_excluded_directories_may_exist(store, tmp_path, path, may_exist):
    rows = [directory("/home"), directory("/home/ann"), row("/home/file"), row("/home/ann/a")]
    excluded = (
        *map(str, RESTORE_DIRECTORIES),
        *(str(Exclusion.parse(each)) for each in ("/home/*/.cache", "node_modules", r"/by\xffte", "/never")),
    )
    manifest = dataclasses.replace(
        index_rows(store, tmp_path, rows), excluded=excluded, unmatched=("/never",)
    )
    assert excluded_among(store, manifest, {path}) == ({path} if may_exist else set())
