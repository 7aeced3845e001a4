"""The optional columns of an index."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import RowsCrawl, index_crawl, index_rows, row
from tests.index.test_pipeline import read_rows, rows_strategy, shown
from tidemark.escape import unescape
from tidemark.index.format.schema import NO_FLAGS, PART_SCHEMA, Flags, schema_sha256
from tidemark.index.query.verify import verify
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, ParquetReader
from tidemark.index.storage.object_store import FileStore

FLAGS = st.builds(Flags, full_inodes=st.booleans(), nanoseconds=st.booleans())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_strategy(), flags=FLAGS, seed=st.integers(0, 999), run_rows=st.integers(1, 8))
def test_reading_returns_the_written_rows_with_any_flags(tmp_path_factory, rows, flags, seed, run_rows):
    scratch = tmp_path_factory.mktemp("flags")
    store = FileStore(scratch / "repository")
    ns = {each.path: (seed, (seed + number) * 7 % 1000) for number, each in enumerate(rows)}
    crawl = RowsCrawl(rows, batch_rows=3, ns_of=ns.__getitem__)

    manifest = index_crawl(
        store, scratch, crawl, flags=flags, run_rows=run_rows, part_rows=4, row_group_rows=2
    )

    assert sorted(read_rows(store, manifest)) == (sorted(rows) if flags.full_inodes else shown(rows))
    assert manifest.flags == flags.names()
    assert list(verify(store, manifest)) == []
    found = {}
    for part in manifest.parts:
        table = pq.read_table(io.BytesIO(store.get(manifest.identity.prefix + part.file)))
        assert manifest.schema_sha256 == schema_sha256(flags.part_schema())
        assert table.column_names == flags.part_schema().names
        if flags.nanoseconds:
            for values in table.select(["parent", "name", "mtime_ns", "ctime_ns"]).to_pylist():
                path = unescape(values["parent"] + values["name"])
                found[path] = (values["mtime_ns"], values["ctime_ns"])
    assert found == (ns if flags.nanoseconds else {})


def test_flags_are_off_by_default_and_named_in_the_manifest(store, tmp_path):
    assert index_rows(store, tmp_path, [row("/a")]).flags == ()
    assert Flags(full_inodes=True, nanoseconds=True).names() == ("full_inodes", "nanoseconds")
    assert NO_FLAGS.part_schema() == PART_SCHEMA


def test_readers_of_the_basic_columns_read_an_index_with_more_columns(store, tmp_path):
    flags = Flags(full_inodes=True, nanoseconds=True)
    manifest = index_crawl(store, tmp_path, RowsCrawl([row("/a", inode=5)]), flags=flags)
    table = ParquetReader(store, manifest, manifest.parts[0]).read(0, ENTRY_COLUMNS)
    assert table.column("inode").to_pylist() == [5]


@pytest.mark.parametrize("first", [NO_FLAGS, Flags(full_inodes=True)])
def test_flags_alone_are_no_change(store, tmp_path, first):
    rows = [row("/a", inode=5), row("/b", inode=6, nlink=2)]
    index_crawl(store, tmp_path, RowsCrawl(rows), number=1, flags=first)
    for number, flags in enumerate((NO_FLAGS, Flags(full_inodes=True, nanoseconds=True)), start=2):
        second = index_crawl(store, tmp_path, RowsCrawl(rows), number=number, flags=flags)
        assert second.side_file("changes.parquet").rows == 0
