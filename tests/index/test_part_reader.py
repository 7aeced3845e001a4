"""Files of an index that are missing, truncated or altered: always named, never skipped, never a crash."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.errors import IndexDamaged
from tidemark.index.query.browse import list_directory
from tidemark.index.query.search import search
from tidemark.index.reading.part_reader import ROW_COLUMNS, ParquetReader
from tidemark.index.reading.thrift import read_header
from tidemark.index.storage.object_store import FileStore

NAMES = [f"{number:04}{hashlib.sha256(b'%d' % number).hexdigest()[:12]}" for number in range(400)]


class Whole(tuple):
    """A store and a manifest, which Hypothesis does not print in full."""

    def __repr__(self) -> str:
        return "<whole index>"


class Damaged(tuple):
    """The bytes of a part and a function that replaces them, likewise."""

    def __repr__(self) -> str:
        return "<part>"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    top = tmp_path_factory.mktemp("damage")
    store = FileStore(top)
    rows = [row(f"/d/{name}", size=number) for number, name in enumerate(NAMES)]
    manifest = index_rows(store, top, rows, part_rows=200, row_group_rows=50)
    return Whole((store, manifest))


@pytest.fixture
def damaged(whole):
    """Return a function that replaces the second part; the part is restored afterwards."""
    store, manifest = whole
    key = manifest.identity.prefix + manifest.parts[1].file
    body = store.get(key)
    path = store._directory / key
    yield Damaged((body, path.write_bytes))
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


def headers_of(body: bytes) -> Iterator[tuple[int, str, range]]:
    """Return the bytes of each page header with its row group and column, found by means of the footer."""
    metadata = pq.read_metadata(io.BytesIO(body))
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            at = min(filter(None, (chunk.data_page_offset, chunk.dictionary_page_offset)))
            end = at + chunk.total_compressed_size
            while at < end:
                header, start = read_header(body, at)
                yield group, chunk.path_in_schema, range(at, start)
                at = start + header[3][1]  # its compressed bytes


class Altered(FileStore):
    """A store that returns other bytes of the file that is read."""

    body: bytes

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length]


@pytest.mark.parametrize("paged", [False, True])
def test_an_altered_page_header_is_noticed_or_was_of_no_consequence(whole, paged):
    """Arrow skips pages, or decodes them with another encoding, by what a header says."""
    store, manifest = whole
    body = store.get(manifest.identity.prefix + manifest.parts[1].file)
    altered = Altered(store._directory)
    altered.body = body
    rows = range(10) if paged else range(50)
    reader = ParquetReader(altered, manifest, manifest.parts[1], paged=paged)
    headers = [(column, header) for group, column, header in headers_of(body) if group == 0]
    right = {column: reader.read_rows(0, rows, [column]) for column, _ in headers}
    values = [0, 2, 6, 8, 9, 18, 21, 37]  # numbers of fields, encodings and counts as Thrift writes them
    for column, header in headers:
        for at in header:
            for value in {*values, body[at] ^ 1, body[at] ^ 2, body[at] ^ 0x10, body[at] ^ 0x30} - {body[at]}:
                altered.body = body[:at] + bytes([value]) + body[at + 1 :]
                try:
                    found = reader.read_rows(0, rows, [column])
                except IndexDamaged:
                    continue
                assert found.equals(right[column]), (column, at - header.start, value)


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
