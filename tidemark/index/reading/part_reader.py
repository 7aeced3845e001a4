"""Reads parts by ranges, so that a query downloads only what it needs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import File, Manifest
from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.reading.page_headers import ENCODINGS, check_pages
from tidemark.index.reading.page_reader import Pages
from tidemark.index.reading.page_search import Chunk, Holding, Needle, look_for
from tidemark.index.storage.object_store import Store
from tidemark.index.storage.verified_reads import damaged, read_end, read_range

ROW_COLUMNS = [
    name for name in PART_SCHEMA.names if not name.endswith("_raw")
]  # the others are derived from these
ENTRY_COLUMNS = ROW_COLUMNS
FEW = 4  # up to one in this many rows is read by pages; otherwise the whole row group, with fewer requests
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, OverflowError, pa.ArrowException, MemoryError)
_HOLE, _AT_ONCE = 8192, 1 << 25  # bytes: the largest gap between chunks read together; the largest read
_MAGIC = b"PAR1"  # the first and last bytes of a Parquet file


class ParquetReader:
    """One open Parquet file of an index, of which only the footer is read and verified.

    With `paged`, the same request also reads the page index, so that few rows can be read without their row
    group. Thread-safe. Every method raises IndexDamaged with the file's name if it is missing, truncated or
    altered.
    """

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        file: File,
        schema: pa.Schema = PART_SCHEMA,
        *,
        paged: bool = False,
    ) -> None:
        self._store, self._manifest, self._described = store, manifest, file
        self._fetched: dict[int, bytes] = {}  # prefetched pieces by offset
        self._footer, self._page_index = read_end(store, manifest, file, with_pages=paged)
        with self._naming_the_file():
            # Opening it as a file would make Parquet read the last 64 KiB again.
            self._metadata: Any = pq.read_metadata(pa.BufferReader(_MAGIC + self._footer))
            self._columns = self._metadata.schema.to_arrow_schema()
            matches = self._metadata.num_rows == file.rows and _has_columns(self._columns, schema)
        if not matches:
            raise damaged(store, manifest, file, "is damaged: its rows or columns differ from the manifest")

    @property
    def row_groups(self) -> int:
        """The number of row groups."""
        return int(self._metadata.num_row_groups)

    def has(self, column: str) -> bool:
        """Return whether the file has a column that a later Tidemark added."""
        return column in self._columns.names

    def note(self, key: str) -> str:
        """Return a text from the footer by its key; empty if there is none."""
        return str((self._metadata.metadata or {}).get(key.encode(), b""), "utf-8")

    def rows(self, row_group: int) -> int:
        """Return the number of rows of a row group."""
        return int(self._metadata.row_group(row_group).num_rows)

    def extent(self, row_group: int, column: str) -> tuple[Any, Any] | None:
        """Return a column's minimum and maximum in a row group, or None if its statistics lack them."""
        with self._naming_the_file():
            statistics = (
                self._metadata.row_group(row_group).column(self._columns.names.index(column)).statistics
            )
            if statistics is None or not statistics.has_min_max:
                return None
            return statistics.min, statistics.max

    def read(self, row_group: int, columns: Sequence[str], *, encoded: Sequence[str] = ()) -> pa.Table:
        """Return some columns of a row group, those in `encoded` as dictionaries."""
        with self._naming_the_file():
            chunks = self._chunks(row_group, columns)
            for column in columns:
                self._check(row_group, column, chunks)
            source = _Pieces(chunks, self._described.bytes)
            opened = pq.ParquetFile(
                pa.PythonFile(source, mode="r"),
                metadata=self._metadata,
                read_dictionary=list(encoded),
                pre_buffer=False,  # otherwise Arrow's threads read from the source, possibly even at exit
                page_checksum_verification=True,
            )
            table = opened.read_row_group(row_group, columns=list(columns), use_threads=False)
            if len(table) != self.rows(row_group):
                raise ValueError("a row group does not have its number of rows")
            return table

    def _check(self, row_group: int, column: str, chunks: Mapping[int, bytes]) -> None:
        """Raise ValueError or LookupError unless a column chunk's pages match the footer."""
        chunk = self._metadata.row_group(row_group).column(self._columns.names.index(column))
        encodings = {ENCODINGS[name] for name in chunk.encodings}
        check_pages(chunks[_start_of(chunk)], chunk.num_values, encodings)

    def _chunks(self, row_group: int, columns: Sequence[str]) -> dict[int, bytes]:
        """Return the column chunks of a row group by offset; adjacent ones are read in one request."""
        chunks: list[range] = []
        for column in columns:
            chunk = self._metadata.row_group(row_group).column(self._columns.names.index(column))
            begin = _start_of(chunk)
            chunks.append(range(begin, begin + chunk.total_compressed_size))
        found: dict[int, bytes] = {}
        for each in chunks:
            if len(self._fetched.get(each.start, b"")) == len(each):
                found[each.start] = self._fetched.pop(each.start)
        wanted = sorted((each for each in chunks if each.start not in found), key=lambda each: each.start)
        joined: list[range] = []
        for each in wanted:
            if joined and each.start - joined[-1].stop <= _HOLE and each.stop - joined[-1].start <= _AT_ONCE:
                joined[-1] = range(joined[-1].start, max(joined[-1].stop, each.stop))
            else:
                joined.append(each)
        for span, body in zip(joined, self._fetch(joined) if joined else (), strict=True):
            for each in wanted:
                if span.start <= each.start < span.stop:
                    found[each.start] = body[each.start - span.start : each.stop - span.start]
        return found

    def read_rows(
        self, row_group: int, rows: range, columns: Sequence[str], *, encoded: Sequence[str] = ()
    ) -> pa.Table:
        """Return some columns of some rows of a row group; for few rows, reads only their pages."""
        pages = self._pages
        if pages is None or len(rows) * FEW > self.rows(row_group):
            return self.read(row_group, columns, encoded=encoded).slice(rows.start, len(rows))
        with self._naming_the_file():
            return pages.read(row_group, rows, columns, self._fetch)

    def holding(self, row_group: int, spans: Sequence[range], column: str, needle: Needle) -> Holding | None:
        """Return the texts of a column that contain the needle, of the rows in `spans` of a row group.

        None if the column must be read instead, or costs no more to read.
        """
        if sum(map(len, spans)) * FEW <= self.rows(row_group):
            return None
        with self._naming_the_file():
            number = self._columns.names.index(column)
            chunk = self._metadata.row_group(row_group).column(number)
            if chunk.has_dictionary_page or chunk.compression != "ZSTD" or self._nullable(number):
                return None  # other programs may write it this way
            size, begin = chunk.total_compressed_size, chunk.data_page_offset
            body = read_range(self._store, self._manifest, self._described, begin, size)
            found = look_for(needle, Chunk(body, chunk.total_uncompressed_size, chunk.num_values), spans)
            if found is None:
                self._fetched[begin] = body  # reading the column next needs no second request
            return found

    def _nullable(self, column: int) -> bool:
        return bool(self._metadata.schema.column(column).max_definition_level)

    @cached_property
    def _pages(self) -> Pages | None:
        if self._page_index is None:
            return None
        with self._naming_the_file():
            return Pages(self._footer, self._page_index, self._described.page_index_offset or 0)

    def _fetch(self, ranges: list[range]) -> list[bytes]:
        def read(each: range) -> bytes:
            return read_range(self._store, self._manifest, self._described, each.start, len(each))

        if len(ranges) == 1:
            return [read(ranges[0])]
        with ThreadPoolExecutor(min(self._store.at_once, len(ranges) or 1)) as pool:
            return list(pool.map(read, ranges))

    @contextlib.contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            raise damaged(self._store, self._manifest, self._described, f"is damaged: {reason}") from error


def _start_of(chunk: Any) -> int:
    """Return the offset of a column chunk in its file."""
    begin = int(chunk.data_page_offset)
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        begin = min(begin, int(chunk.dictionary_page_offset))
    return begin


def entries(table: pa.Table) -> Iterator[Entry]:
    """Return a table's rows as entries; it must have ENTRY_COLUMNS, some of which may be dictionaries."""
    times = {
        "mtime_us": table.column("mtime").cast(pa.int64()),
        "ctime_us": table.column("ctime").cast(pa.int64()),
    }
    lists = [times.get(f"{name}_us", _plain(table.column(name))).to_pylist() for name in ENTRY_COLUMNS]
    for row in zip(*lists, strict=True):
        values = dict(zip(ENTRY_COLUMNS, row, strict=True))
        mtime, ctime = values.pop("mtime"), values.pop("ctime")
        yield Entry(mtime_us=mtime, ctime_us=mtime if ctime is None else ctime, **values)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


class _Pieces(io.RawIOBase):
    """A file of which only some pieces are available."""

    def __init__(self, pieces: dict[int, bytes], size: int) -> None:
        super().__init__()
        self._pieces, self._size = pieces, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def size(self) -> int:
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        piece = self._pieces.pop(self._position, b"")
        if len(piece) != size:
            raise OSError(f"no bytes of length {size} were fetched at {self._position}")
        self._position += len(piece)
        return piece


def _has_columns(found: pa.Schema, wanted: pa.Schema) -> bool:
    """Return whether a file has the columns; a later Tidemark may have added others."""
    return all(
        field.name in found.names
        and found.field(field.name).type == field.type
        and (field.nullable or not found.field(field.name).nullable)
        for field in wanted
    )
