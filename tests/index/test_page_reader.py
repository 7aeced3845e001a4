"""Rows read by their pages equal those rows of the complete row group."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import index_rows, row
from tidemark.errors import IndexDamaged
from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.reading.part_reader import ParquetReader
from tidemark.index.reading.thrift import (
    BINARY,
    BYTE,
    DOUBLE,
    FALSE,
    I16,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    read_struct,
    write_struct,
)
from tidemark.index.storage.object_store import FileStore

ROWS = 4000  # pyarrow ends pages after 1,024 rows at the soonest
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Whole(tuple):
    """A store, a manifest and a reader, which Hypothesis does not print in full."""

    def __repr__(self) -> str:
        return "<whole part>"


class Watched(FileStore):
    def __init__(self, directory):
        super().__init__(directory)
        self.bytes = 0

    def get_range(self, key, offset, length):
        self.bytes += length
        return super().get_range(key, offset, length)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A part of two row groups of several pages, and its reader."""
    top = tmp_path_factory.mktemp("pages")
    rows = [
        row(
            f"/dir{number // 50:02}/{number:04}-name.{'abc'[number % 3]}",
            type="fl"[number % 2],
            target=b"t" * (number % 5) if number % 2 else b"",
            size=number * 1_000_003,
            mtime_us=number * 77_777_777,
            uid=number % 4,
            nlink=1 + number % 3,
            inode=number,
        )
        for number in range(2 * ROWS)
    ]
    store = Watched(top)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemark.index.files.parquet_writer.PAGE_BYTES", 300)
        manifest = index_rows(store, top, rows, row_group_rows=ROWS, batch_rows=ROWS)
    return Whole((store, manifest, ParquetReader(store, manifest, manifest.parts[0], paged=True)))


@SETTINGS
@given(
    group=st.integers(0, 1),
    ends=st.tuples(st.integers(0, ROWS), st.integers(0, ROWS)),
    columns=st.lists(st.sampled_from(PART_SCHEMA.names), unique=True, min_size=1),
)
def test_rows_by_pages_are_the_rows_of_the_row_group(whole, group, ends, columns):
    _, _, reader = whole
    first, last = sorted(ends)
    if first == last:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemark.index.reading.part_reader.FEW", 0)  # by pages, however many
        found = reader.read_rows(group, range(first, last), columns)
    expected = reader.read(group, columns).slice(first, last - first)
    assert found.to_pydict() == expected.to_pydict()
    assert found.schema.types == expected.schema.types


def test_few_rows_take_few_bytes(whole):
    store, manifest, reader = whole
    store.bytes = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemark.index.reading.page_reader._GAP", 0)
        reader.read_rows(1, range(300, 302), ["name", "size", "mtime"])
    assert store.bytes < manifest.parts[0].bytes / 6


def test_an_altered_page_index_is_detected(whole):
    store, manifest, _ = whole
    part = manifest.parts[0]
    path = store._directory / manifest.identity.prefix / part.file
    body = path.read_bytes()
    try:
        path.write_bytes(body[: part.page_index_offset] + b"\0" + body[part.page_index_offset + 1 :])
        with pytest.raises(IndexDamaged, match="its end is not what was written"):
            ParquetReader(store, manifest, part, paged=True)
        ParquetReader(store, manifest, part)
    finally:
        path.write_bytes(body)


def test_a_footer_that_is_read_and_written_is_unchanged(whole):
    store, manifest, _ = whole
    part = manifest.parts[0]
    footer = store.get(manifest.identity.prefix + part.file)[part.footer_offset : -8]
    assert write_struct(read_struct(footer)) == footer


VALUES = st.deferred(
    lambda: st.one_of(
        st.tuples(st.sampled_from([I16, I32, I64]), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(BINARY), st.binary(max_size=200)),
        st.tuples(st.just(BYTE), st.integers(0, 255)),
        st.tuples(st.just(DOUBLE), st.floats(allow_nan=False)),
        st.sampled_from([(TRUE, True), (FALSE, False)]),
        st.tuples(st.just(LIST), st.tuples(st.just(I64), st.lists(st.integers(-9, 2**40), max_size=40))),
        st.tuples(st.just(STRUCT), STRUCTS),
    )
)
STRUCTS = st.dictionaries(st.integers(1, 400), VALUES, max_size=4).map(
    lambda found: dict(sorted(found.items()))
)


@settings(deadline=None)
@given(STRUCTS)
def test_written_values_are_read_back(content):
    assert read_struct(write_struct(content)) == content


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(body):
    try:
        read_struct(body)
    except ValueError as error:
        assert "Thrift" in str(error)  # noqa: PT017 - some bytes are a struct by chance


def test_a_number_without_an_end_is_refused():
    with pytest.raises(ValueError, match="too long"):
        read_struct(b"\x15" + b"\xa5" * 5_000_000)
