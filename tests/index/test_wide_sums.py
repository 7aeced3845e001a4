"""Sums beyond 64 bits, everywhere that sizes are added up; Python's integers are the oracle."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.reading import rows_of
from tests.index.building import directory, index_rows, row
from tidemark.crawl.crawler import CrawlOptions
from tidemark.index.files import dirs
from tidemark.index.query.browse import as_shown
from tidemark.index.query.diff import by_directory, diff
from tidemark.index.query.usage import directory_totals, largest_directories, largest_files, usage_by
from tidemark.index.query.verify import verify
from tidemark.index.rows import wide_sums
from tidemark.index.storage.object_store import FileStore

MOST = 2**63 - 1
SIZES = st.sampled_from([0, 1, 2**31, 2**62 - 1, 2**62, 2**62 + 1, MOST - 1, MOST])
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SETTINGS = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(st.lists(st.integers(-(2**63), MOST)))
def test_a_sum_equals_that_of_python_integers(numbers):
    assert wide_sums.total(pa.array(numbers, pa.int64())) == sum(numbers)


@st.composite
def large_trees(draw):
    """Files of such sizes in nested directories; hard-linked ones in threes, a size for each inode."""
    below = ["", "/a", "/a/b", "/a/b/c", "/d"]
    rows = [directory(path) for path in below[1:]]
    for number, size in enumerate(draw(st.lists(SIZES, max_size=12))):
        parent, ext = draw(st.sampled_from(below)), draw(st.sampled_from(["x", "y"]))
        linked = draw(st.integers(0, 3)) == 0
        fields = {"size": size, "inode": 1000 + number, "nlink": 3 if linked else 1}
        fields["uid"] = draw(st.sampled_from([1, 2]))
        rows += [row(f"{parent}/{number}-{name}.{ext}", **fields) for name in ("123" if linked else "1")]
    return rows


@SETTINGS
@given(rows=large_trees(), group=st.integers(1, 7))
def test_every_sum_of_an_index_equals_that_of_python_integers(tmp_path_factory, rows, group):
    scratch = tmp_path_factory.mktemp("sums")
    store = FileStore(scratch / "repository")
    manifest = index_rows(store, scratch, rows, row_group_rows=group, batch_rows=3)
    files = [each for each in rows if each.type == "f"]
    inodes = {each.inode: each.size for each in files}

    assert manifest.totals.bytes == sum(inodes.values())
    assert list(verify(store, manifest)) == []
    weights = {}
    for path in ["/", *(each.path.decode() for each in rows if each.type == "d")]:
        inside = [each.size for each in files if each.path.decode().rpartition("/")[0] == path.rstrip("/")]
        below = [each.size for each in files if each.path.decode().startswith(path.rstrip("/") + "/")]
        found = directory_totals(store, manifest, path)
        assert (found.bytes, found.subtree_bytes) == (sum(inside), sum(below))
        weights[path] = sum(inside)
    largest = [each.path for each in largest_directories(store, manifest)]
    # By parent and name where they weigh the same, as the rows are sorted.
    assert largest == sorted(weights, key=lambda path: (-weights[path], dirs.split(f"{path.rstrip('/')}/")))
    for by, key in (
        ("ext", lambda each: as_shown(each.path.decode())[-1]),
        ("owner", lambda each: str(each.uid)),
    ):
        expected = {}
        for each in files:
            expected[key(each)] = expected.get(key(each), 0) + each.size
        found = usage_by(store, manifest, by, now=NOW)
        assert {each.key: each.bytes for each in found} == expected
        assert [each.bytes for each in found] == sorted(expected.values(), reverse=True)
    (ages,) = usage_by(store, manifest, "age", now=NOW) or [None]
    assert (ages.bytes if ages else 0) == sum(each.size for each in files)
    tops = [each.size for each in largest_files(store, manifest, limit=5)]
    assert tops == sorted((each.size for each in files), reverse=True)[:5]


@SETTINGS
@given(before=large_trees(), after=large_trees())
def test_sums_of_a_diff_equal_those_of_python_integers(tmp_path_factory, before, after):
    scratch = tmp_path_factory.mktemp("sums")
    store = FileStore(scratch / "repository")
    first = index_rows(store, scratch, before, number=1)
    second = index_rows(store, scratch, after, number=2)
    old, new = ({each.path: each.size for each in rows if each.type == "f"} for rows in (before, after))
    found = by_directory(diff(store, first, second)).values()
    assert sum(each.bytes_added for each in found) == sum(old_size(new, old))
    assert sum(each.bytes_removed for each in found) == sum(old_size(old, new))


def old_size(some, others):
    return [size for path, size in some.items() if path not in others]


def test_another_reader_reads_the_clamped_and_the_exact_sum(store, tmp_path):
    rows = [directory("/a"), *(row(f"/a/{number}", size=MOST) for number in range(3))]
    manifest = index_rows(store, tmp_path, rows)
    path = store._directory / manifest.identity.prefix / "dirs.parquet"
    whole = "coalesce(bytes_wide, bytes), coalesce(subtree_bytes_wide, subtree_bytes, bytes)"
    found = duckdb.read_parquet(str(path)).project(f"name, bytes, {whole}").order("name").fetchall()
    assert found == [("", 0, 0, 3 * MOST), ("a", MOST, 3 * MOST, 3 * MOST)]


def test_an_index_without_the_wide_columns_is_read(store, tmp_path, monkeypatch):
    def without(self, folder):
        file = close(self, folder)
        if file.file != dirs.DIRS:
            return file
        (key,) = (each for each in store.list_keys("indexes/") if each.endswith(f"/{dirs.DIRS}"))
        table = pq.read_table(io.BytesIO(store.get(key))).drop_columns([*dirs.WIDE_COLUMNS])
        writer = dirs.SideFileWriter(dirs.DIRS, dirs.FIRST_SCHEMA, dictionary_columns=["parent"])
        writer.write(table)
        return close(writer, folder)

    close = dirs.SideFileWriter.close
    monkeypatch.setattr(dirs.SideFileWriter, "close", without)
    manifest = index_rows(store, tmp_path, [directory("/a"), row("/a/1", size=MOST), row("/a/2", size=5)])
    assert directory_totals(store, manifest, "/a").subtree_bytes == MOST
    assert [each.path for each in largest_directories(store, manifest)] == ["/a", "/"]


def test_the_progress_of_a_crawl_does_not_overflow(tmp_path_factory):
    from tidemark.crawl.c_crawler import CCrawl, load_core
    from tidemark.crawl.python_crawler import PythonCrawl

    with_room = Path("/dev/shm")
    if not with_room.is_dir():
        pytest.skip("there is no tmpfs here")
    root = with_room / tmp_path_factory.mktemp("sizes").name / f"{os.getpid()}"
    root.mkdir(parents=True)
    try:
        for number in range(40):  # more than the core reads together
            with (root / f"{number}").open("wb") as file:
                file.truncate(MOST)
        for crawler in (CCrawl, PythonCrawl):
            if crawler is CCrawl and load_core() is None:
                continue
            crawl = crawler(os.fsencode(root), CrawlOptions(threads=2))
            rows, _ = rows_of(crawl)
            assert [each.size for each in rows] == [MOST] * 40
            assert crawl.progress().bytes == MOST
    finally:
        for path in root.iterdir():
            path.unlink()
        root.rmdir()
        root.parent.rmdir()
