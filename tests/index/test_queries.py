"""Filters, diff, history and usage, each compared with a plain computation in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tests.index.test_pipeline import shown
from tests.index.test_side_files import trees
from tidemark.errors import ConfigurationError, PathNotFound
from tidemark.escape import escape
from tidemark.index.query.diff import by_directory, diff
from tidemark.index.query.history import history, search_all
from tidemark.index.query.search import count, search
from tidemark.index.query.usage import (
    directory_totals,
    largest_directories,
    largest_files,
    totals_of_subdirectories,
    usage_by,
)
from tidemark.index.reading.filters import Filters
from tidemark.index.storage.object_store import FileStore

SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


@st.composite
def filters(draw) -> Filters:
    def maybe(strategy):
        return draw(st.none() | strategy)

    return Filters(
        under=maybe(st.sampled_from(["/", "/a", "/a/b/", "a-b", "/nothing"])),
        types=draw(st.sampled_from([(), ("f",), ("d", "l")])),
        size_min=maybe(st.integers(0, 8)),
        size_max=maybe(st.integers(0, 8)),
        newer=maybe(st.integers(-6, 6).map(lambda us: MOMENT + timedelta(microseconds=us))),
        older=maybe(st.integers(-6, 6).map(lambda us: MOMENT + timedelta(microseconds=us))),
        uid=maybe(st.sampled_from([1000, 1])),
    )


def holds(each, wanted: Filters) -> bool:
    modified = MOMENT + timedelta(microseconds=each.mtime_us)
    below = (wanted.under or "/").strip("/").encode()
    return (
        (not below or each.path.startswith(b"/" + below + b"/"))
        and (not wanted.types or each.type in wanted.types)
        and (wanted.size_min is None or each.size >= wanted.size_min)
        and (wanted.size_max is None or each.size <= wanted.size_max)
        and (wanted.newer is None or modified >= wanted.newer)
        and (wanted.older is None or modified < wanted.older)
        and (wanted.uid is None or each.uid == wanted.uid)
    )


@SETTINGS
@given(
    rows=trees(),
    wanted=filters(),
    group=st.integers(1, 5),
    needle=st.sampled_from(["", "a", "long", "longlong", "*b", "a*", "l*ng*", "*[ab]", "?"]),
)
def test_hits_meet_every_condition_with_trigrams_and_without(tmp_path_factory, rows, wanted, group, needle):
    scratch = tmp_path_factory.mktemp("filters")
    store = FileStore(scratch / "repository")
    manifest = index_rows(store, scratch, rows, row_group_rows=group, part_rows=2 * group, block_rows=2)

    found = sorted(hit.raw_path for hit in search(store, manifest, needle, filters=wanted))

    def named(path: bytes) -> bool:
        name = path.rpartition(b"/")[2]
        shown = escape(name)
        return fnmatchcase(shown, needle) if set("*?[") & set(needle) else needle in shown

    assert found == sorted(each.path for each in rows if named(each.path) and holds(each, wanted))
    without = search(store, manifest, needle, filters=wanted, trigrams=False)
    assert sorted(hit.raw_path for hit in without) == found
    assert count(store, manifest, needle, filters=wanted) == len(found)


def test_extensions_exact_names_and_regular_expressions(store, tmp_path):
    rows = [row("/A.TXT"), row("/a.txt"), row("/a.txt.gz"), row("/b.txt", gid=5), directory("/d.txt")]
    manifest = index_rows(store, tmp_path, rows)

    def paths(pattern="", **options):
        return [hit.path for hit in search(store, manifest, pattern, **options)]

    assert paths(filters=Filters(ext=".TXT")) == ["/A.TXT", "/a.txt", "/b.txt"]
    assert paths("a.txt", mode="exact") == ["/a.txt"]
    assert paths("a.txt", mode="exact", ignore_case=True) == ["/A.TXT", "/a.txt"]
    assert paths(r"^[ab]\.txt$", mode="regex") == ["/a.txt", "/b.txt"]
    assert paths(r"^A", mode="regex", ignore_case=True) == ["/A.TXT", "/a.txt", "/a.txt.gz"]
    assert paths("a.*", ignore_case=True) == ["/A.TXT", "/a.txt", "/a.txt.gz"]
    assert paths(filters=Filters(gid=5)) == ["/b.txt"]
    with pytest.raises(ConfigurationError, match="is not a regular expression"):
        paths("(", mode="regex")


def test_a_search_that_is_abandoned_leaves_no_thread_waiting(store, tmp_path):
    manifest = index_rows(store, tmp_path, [row(f"/{number:04}") for number in range(500)], row_group_rows=5)
    hits = search(store, manifest, "")
    assert next(hits).path == "/0000"
    hits.close()


@SETTINGS
@given(
    before=trees(),
    after=trees(),
    group=st.integers(1, 5),
    written_against=st.booleans(),
    under=st.sampled_from(["/", "/a"]),
)
def test_diff_applied_to_the_first_gives_the_second(
    tmp_path_factory, before, after, group, written_against, under
):
    scratch = tmp_path_factory.mktemp("diff")
    store = FileStore(scratch / "repository")
    first = index_rows(store, scratch, before, number=1, row_group_rows=group)
    if not written_against:
        index_rows(store, scratch, [row("/between")], number=2)
    second = index_rows(store, scratch, after, number=3, row_group_rows=group + 1)

    changes = list(diff(store, first, second, under=under))

    old, new = ({each.path: each for each in shown(rows)} for rows in (before, after))
    expected = {
        path: "added" if path not in old else "removed" if path not in new else "changed"
        for path in old | new
        if old.get(path) != new.get(path) and path.startswith(b"/" if under == "/" else b"/a/")
    }
    assert {change.entry.raw_path: change.kind for change in changes} == expected
    assert sum(each.added + each.changed + each.removed for each in by_directory(changes).values()) == len(
        expected
    )


def test_history_shows_when_a_path_appeared_changed_and_vanished(store, tmp_path):
    states = [[], [row("/f", size=1)], [row("/f", size=1)], [row("/f", size=2)], [], [row("/f", size=2)]]
    indexes = [index_rows(store, tmp_path, rows, number=number) for number, rows in enumerate(states)]
    ids = [index.index_id for index in indexes]

    identities = [index.identity for index in indexes]

    versions = [
        (version.entry and version.entry.size, tuple(each.index_id for each in version.indexes))
        for version in history(store, identities, "/f")
    ]

    assert versions == [
        (1, (ids[1], ids[2])),
        (2, (ids[3],)),
        (None, (ids[4],)),
        (2, (ids[5],)),
    ]
    assert history(store, identities, "/never") == []


def test_a_search_over_all_indexes_gives_the_first_and_the_last_index(store, tmp_path):
    states = [[row("/a", size=1)], [row("/a", size=2), row("/b/a")], [row("/b/a")], [row("/c")]]
    indexes = [index_rows(store, tmp_path, rows, number=number) for number, rows in enumerate(states)]

    hits = [(hit.entry.path, hit.entry.size, hit.indexes) for hit in search_all(store, indexes, "a")]

    assert hits == [("/a", 2, (indexes[0], indexes[1])), ("/b/a", 10, (indexes[1], indexes[2]))]


@pytest.fixture
def used(store, tmp_path):
    rows = [
        directory("/d"),
        directory("/d/e"),
        directory("/empty"),
        row("/d/a.txt", size=5, uid=1, mtime_us=0),
        row("/d/e/b.TXT", size=6, uid=2, mtime_us=86_400_000_000 * 9),
        row("/c", size=100, uid=1, mtime_us=86_400_000_000 * 10),
        row("/link", type="l", target=b"c", size=1),
    ]
    return index_rows(store, tmp_path, rows, row_group_rows=2)


def test_totals_of_directories(store, used):
    root, d = directory_totals(store, used, "/"), directory_totals(store, used, "/d/")
    assert (root.path, root.entries, root.subtree_entries, root.subtree_bytes) == ("/", 4, 7, 111)
    assert (d.path, d.files, d.bytes, d.subtree_files, d.subtree_bytes) == ("/d", 1, 5, 2, 11)
    assert [each.path for each in totals_of_subdirectories(store, used, "/")] == ["/d", "/empty"]
    assert [each.path for each in totals_of_subdirectories(store, used, "d")] == ["/d/e"]
    assert directory_totals(store, used, "/empty").subtree_mtime_us is None
    with pytest.raises(PathNotFound):
        directory_totals(store, used, "/c")
    assert [each.path for each in largest_directories(store, used, limit=2)] == ["/", "/d/e"]


def test_the_largest_files_are_those_of_a_sort_by_size(store, used):
    assert [(each.path, each.size) for each in largest_files(store, used, limit=2)] == [
        ("/c", 100),
        ("/d/e/b.TXT", 6),
    ]


def test_usage_by_extension_owner_and_age(store, used):
    now = MOMENT + timedelta(days=10, hours=1)

    def by(what, **options):
        return [
            (each.key, each.files, each.bytes) for each in usage_by(store, used, what, now=now, **options)
        ]

    assert by("ext") == [("", 1, 100), ("txt", 2, 11)]
    assert by("owner") == [("1", 2, 105), ("2", 1, 6)]
    assert by("age") == [("1 day", 1, 100), ("1 week", 1, 6), ("1 month", 1, 5)]
    assert by("ext", filters=Filters(under="/d")) == [("txt", 2, 11)]


def test_an_empty_index_has_no_usage(store, tmp_path):
    manifest = index_rows(store, tmp_path, [])
    assert usage_by(store, manifest, "ext", now=MOMENT) == []
    assert largest_files(store, manifest) == []
    assert list(totals_of_subdirectories(store, manifest, "/")) == []


@SETTINGS
@given(rows=trees(), under=st.sampled_from(["/", "/a", "/a b/", "/none"]), limit=st.integers(1, 5))
def test_the_largest_files_below_a_directory(tmp_path_factory, rows, under, limit):
    scratch = tmp_path_factory.mktemp("largest")
    store = FileStore(scratch / "repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemark.index.files.top.TOP_ROWS", 3)
        index = index_rows(store, scratch, rows, row_group_rows=4)
    below = [
        each for each in rows if each.path.startswith(f"/{under.strip('/')}/".replace("//", "/").encode())
    ]

    found = [(each.size, each.raw_path) for each in largest_files(store, index, under=under, limit=limit)]

    sizes = sorted((each.size for each in below if each.type == "f"), reverse=True)
    assert [size for size, _ in found] == sizes[:limit]
    assert {path for _, path in found} <= {each.path for each in below}
    directories = [each.path for each in largest_directories(store, index, under=under, limit=100)]
    own = {f"/{under.strip('/')}".encode()} & (
        {each.path for each in rows if each.type == "d"} | ({b"/"} if rows else set())
    )
    expected = {escape(each.path) for each in below if each.type == "d"} | {escape(path) for path in own}
    assert set(directories) == expected
