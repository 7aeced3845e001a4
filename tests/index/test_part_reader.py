"""Files of an index that are missing, truncated or altered: always named, never skipped, never a crash."""

from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.errors import IndexDamaged
from tidemark.index.query.browse import list_directory
from tidemark.index.query.search import search
from tidemark.index.reading.part_reader import ROW_COLUMNS, ParquetReader
from tidemark.index.storage.object_store import FileStore

NAMES = [f"{number:04}{hashlib.sha256(b'%d' % number).hexdigest()[:12]}" for number in range(400)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    top = tmp_path_factory.mktemp("damage")
    store = FileStore(top)
    rows = [row(f"/d/{name}", size=number) for number, name in enumerate(NAMES)]
    manifest = index_rows(store, top, rows, part_rows=200, row_group_rows=50)
    return store, manifest


@pytest.fixture
def damaged(whole):
    """Return a function that replaces the second part; the part is restored afterwards."""
    store, manifest = whole
    key = manifest.identity.prefix + manifest.parts[1].file
    body = store.get(key)
    path = store._directory / key
    yield body, path.write_bytes
    path.write_bytes(body)


def everything(whole) -> list[str]:
    store, manifest = whole
    return [entry.name for entry in search(store, manifest, "")]


def test_a_missing_part_is_named(whole, damaged):
    store, manifest = whole
    (store._directory / manifest.identity.prefix / manifest.parts[1].file).unlink()
    with pytest.raises(IndexDamaged, match=r"file:///.*/part-00001\.parquet is missing"):
        everything(whole)
    with pytest.raises(IndexDamaged, match=r"part-00001\.parquet is missing"):
        list(list_directory(store, manifest, "/d"))


@pytest.mark.parametrize("length", [0, 1, 7, 100, 0.5, -1])
def test_a_truncated_part_is_named(whole, damaged, length):
    body, replace = damaged
    replace(body[: int(len(body) * length) if isinstance(length, float) else length])
    with pytest.raises(IndexDamaged, match=r"part-00001\.parquet is damaged"):
        everything(whole)


def test_a_part_that_has_grown_is_named(whole, damaged):
    body, replace = damaged
    replace(body + b"x")
    with pytest.raises(IndexDamaged, match=r"part-00001\.parquet is damaged"):
        everything(whole)


def test_a_part_of_another_index_is_named(whole, damaged):
    store, manifest = whole
    _, replace = damaged
    replace(store.get(manifest.identity.prefix + manifest.parts[0].file))
    with pytest.raises(IndexDamaged, match=r"part-00001\.parquet is damaged"):
        everything(whole)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3))
def test_altered_bytes_are_detected_or_change_no_result(whole, damaged, alterations):
    body, replace = damaged
    altered = bytearray(body)
    for place, bits in alterations:
        altered[int(place * len(body))] ^= bits
    replace(bytes(altered))
    try:
        names = everything(whole)
    except IndexDamaged as error:
        assert "part-00001.parquet" in str(error)  # noqa: PT017 - a page header may hold unused bytes
    else:
        assert names == NAMES


class Watched(FileStore):
    """A store that records the threads that read from it."""

    def __init__(self, directory) -> None:
        super().__init__(directory)
        self.ranges: list[tuple[int, int]] = []
        self.foreign: list[str] = []  # threads that Python did not start and will not wait for

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        thread = threading.current_thread()
        if thread not in threading.enumerate() or isinstance(thread, threading._DummyThread):
            self.foreign.append(thread.name)
        self.ranges.append((offset, length))
        return super().get_range(key, offset, length)


@pytest.mark.parametrize("columns", [["name"], ["name", "mtime", "mode"], ROW_COLUMNS, ["size", "parent"]])
def test_no_arrow_thread_reads_or_outlives_a_read(whole, columns):
    """A thread that still reads when the interpreter ends aborts the process, after a correct result."""
    store, manifest = whole
    watched = Watched(store._directory)
    reader = ParquetReader(watched, manifest, manifest.parts[0])
    before = threading.active_count()
    for row_group in range(reader.row_groups):
        assert reader.read(row_group, columns).column_names == columns
    assert watched.foreign == []
    assert threading.active_count() == before


def test_adjacent_columns_are_read_with_one_request(whole):
    store, manifest = whole
    watched = Watched(store._directory)
    reader = ParquetReader(watched, manifest, manifest.parts[0])
    del watched.ranges[:]
    found = reader.read(1, ROW_COLUMNS)
    assert len(watched.ranges) == 1
    assert found.column("name").to_pylist() == sorted(NAMES)[50:100]
