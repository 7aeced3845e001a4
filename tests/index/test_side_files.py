"""dirs, top, errors and changes, each compared with a plain computation in Python."""

from __future__ import annotations

import io
from collections import defaultdict

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, index_crawl, index_rows, row
from tests.index.test_pipeline import read_rows, shown
from tidemark.crawl.batch import Problem
from tidemark.escape import unescape
from tidemark.index.storage.object_store import FileStore

NAMES = st.sampled_from([b"a", b"a b", b"a-b", b"a0", b"b", b"\xff", b"\\x41", b"long" * 20])
SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def trees(draw) -> list[Row]:
    """A tree that contains the directory of every entry."""
    directories = [b""]
    rows = []
    seen = set()
    for _ in range(draw(st.integers(0, 25))):
        path = draw(st.sampled_from(directories)) + b"/" + draw(NAMES)
        if path in seen:
            continue
        seen.add(path)
        kind = draw(st.sampled_from("ddfffl"))
        rows.append(
            row(
                path,
                type=kind,
                size=draw(st.integers(0, 3)) if kind == "f" else 7,
                mtime_us=draw(st.integers(-5, 5)),
                ctime_us=draw(st.integers(-5, 5)),
                nlink=draw(st.integers(1, 2)),
                target=b"t" if kind == "l" else b"",
            )
        )
        if kind == "d":
            directories.append(path)
    return rows


def side_file(store: FileStore, manifest, name: str) -> list[dict]:
    table = pq.read_table(io.BytesIO(store.get(manifest.identity.prefix + name)))
    for column in ("mtime", "ctime", "subtree_mtime"):
        if column in table.column_names:
            table = table.set_column(
                table.column_names.index(column), column, table.column(column).cast("int64")
            )
    assert manifest.side_file(name).rows == len(table)
    return table.to_pylist()


def subtree(directory: dict, name: str) -> int:
    """Return the subtree sums of a row of dirs.parquet; null means that they equal the direct sums."""
    found = directory[f"subtree_{name}"]
    return directory[name] if found is None else found


@SETTINGS
@given(rows=trees(), group=st.integers(1, 6))
def test_dirs_contains_the_sums_in_and_below_each_directory(tmp_path_factory, rows, group):
    scratch = tmp_path_factory.mktemp("dirs")
    store = FileStore(scratch / "repository")
    manifest = index_rows(store, scratch, rows, row_group_rows=group, run_rows=7, batch_rows=3)

    found = {
        unescape(each["parent"] + each["name"]): each for each in side_file(store, manifest, "dirs.parquet")
    }

    paths = ([b""] if rows else []) + [each.path for each in rows if each.type == "d"]
    assert set(found) == set(paths)
    for path in paths:
        inside = [each for each in rows if each.path.rpartition(b"/")[0] == path]
        below = [each for each in rows if each.path.startswith(path + b"/")]
        files, files_below = ([each for each in some if each.type == "f"] for some in (inside, below))
        got = found[path]
        assert got["entries"] == len(inside)
        assert got["files"] == len(files)
        assert got["bytes"] == sum(each.size for each in files)
        assert all(got[f"subtree_{name}"] != got[name] for name in ("entries", "files", "bytes"))
        assert subtree(got, "entries") == len(below)
        assert subtree(got, "files") == len(files_below)
        assert subtree(got, "bytes") == sum(each.size for each in files_below)
        assert got["subtree_mtime"] == max((each.mtime_us for each in below), default=None)
    keys = [(each["parent"], each["name"]) for each in side_file(store, manifest, "dirs.parquet")]
    assert keys == sorted(keys)


def test_top_holds_the_largest_files_first(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tidemark.index.files.top.TOP_ROWS", 5)
    rows = [row(f"/{number}", size=number * 7 % 50) for number in range(50)] + [directory("/d", size=10**9)]
    manifest = index_rows(store, tmp_path, rows, row_group_rows=3)

    found = [(each["size"], each["name"]) for each in side_file(store, manifest, "top.parquet")]

    largest = sorted(((each.size, each.path[1:].decode()) for each in rows if each.type == "f"), reverse=True)
    assert found == largest[:5]


def test_errors_contains_every_problem(store, tmp_path):
    problems = [
        Problem(path=b"/a/\xff", operation="open", errno=13, kind="unreadable"),
        Problem(path=b"/", operation="list", errno=0, kind="changed"),
    ]
    manifest = index_crawl(store, tmp_path, RowsCrawl([row("/a")], problems))
    assert side_file(store, manifest, "errors.parquet") == [
        {"path": r"/a/\xff", "path_raw": b"/a/\xff", "operation": "open", "errno": 13, "kind": "unreadable"},
        {"path": "/", "path_raw": None, "operation": "list", "errno": 0, "kind": "changed"},
    ]


def applied(before: list[Row], changes: list[dict]) -> list[Row]:
    rows = {each.path: each for each in before}
    for change in changes:
        path = unescape(change["parent"] + change["name"])
        if change["op"] == "D":
            del rows[path]
        else:
            assert (path in rows) == (change["op"] == "M")
            ctime = change["mtime"] if change["ctime"] is None else change["ctime"]
            rows[path] = Row(
                path,
                change["type"],
                *(change[name] for name in ("mode", "nlink", "uid", "gid", "size")),
                change["inode"] or 0,
                change["mtime"],
                ctime,
                unescape(change["target"] or ""),
            )
    return sorted(rows.values())


@SETTINGS
@given(data=st.data(), before=trees(), group=st.integers(1, 6))
def test_changes_applied_to_the_old_index_give_the_new_one(tmp_path_factory, data, before, group):
    kept = data.draw(st.lists(st.sampled_from(before), unique=True)) if before else []
    others = [each for each in data.draw(trees()) if each.path not in {one.path for one in kept}]
    after = kept + others
    scratch = tmp_path_factory.mktemp("changes")
    store = FileStore(scratch / "repository")
    first = index_rows(store, scratch, before, number=1, row_group_rows=group, part_rows=2 * group)
    second = index_rows(store, scratch, after, number=2, row_group_rows=group, part_rows=2 * group)

    changes = side_file(store, second, "changes.parquet")

    assert applied(sorted(read_rows(store, first)), changes) == shown(after)
    ops = [each["op"] for each in changes]
    counts = second.changes
    assert (counts.added, counts.modified, counts.deleted) == tuple(ops.count(op) for op in "AMD")
    unchanged = {each.path for each in shown(before)} - {
        path for path in {one.path for one in before} if _at(shown(before), path) != _at(shown(after), path)
    }
    assert not unchanged & {unescape(each["parent"] + each["name"]) for each in changes}
    keys = [(each["parent"], each["name"]) for each in changes]
    assert keys == sorted(keys)


def _at(rows: list[Row], path: bytes) -> Row | None:
    return next((each for each in rows if each.path == path), None)


def test_the_first_index_has_no_changes(store, tmp_path):
    manifest = index_rows(store, tmp_path, [row("/a")])
    assert manifest.side_file("changes.parquet") is None
    assert manifest.changes is None


@pytest.mark.parametrize("name", ["part-00000.parquet", "part-00001.parquet"])
def test_after_a_damaged_previous_index_only_the_changes_are_missing(store, tmp_path, name):
    rows = [row(f"/{number:02}") for number in range(20)]
    first = index_rows(store, tmp_path, rows, number=1, part_rows=10, row_group_rows=5)
    (store._directory / first.identity.prefix / name).write_bytes(b"nothing")

    second = index_rows(store, tmp_path, rows, number=2, part_rows=10, row_group_rows=5)

    assert second.side_file("changes.parquet") is None
    assert second.changes is None
    assert second.totals.entries == 20


def test_subtrees_with_a_common_prefix_are_distinguished(store, tmp_path):
    """The order of rows is that of paths with a slash at the end: a-b/ comes before a/."""
    rows = [directory("/a"), directory("/a-b"), directory("/a/b"), row("/a/b/x"), row("/a-b/y"), row("/a/z")]
    manifest = index_rows(store, tmp_path, rows)
    sums = defaultdict(int)
    for each in side_file(store, manifest, "dirs.parquet"):
        sums[each["parent"] + each["name"]] += subtree(each, "files")
    assert sums == {"": 3, "/a": 2, "/a-b": 1, "/a/b": 1}
