"""Sorted rows -> parts: Parquet files of about a million rows, in the repository as soon as each is full."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidemark.index.columns import raw_column
from tidemark.index.manifest import Key, Part
from tidemark.index.schema import DICTIONARY_COLUMNS, PART_ROWS, PART_SCHEMA, ROW_GROUP_ROWS
from tidemark.index.sort import trimmed
from tidemark.index.store import Store

_MAGIC_AND_LENGTH = 8  # a Parquet file ends with the footer, its length in 4 bytes, and PAR1


class PartWriter:
    """Cuts sorted tables into row groups and parts."""

    def __init__(
        self, store: Store, prefix: str, *, part_rows: int = PART_ROWS, row_group_rows: int = ROW_GROUP_ROWS
    ) -> None:
        self._store, self._prefix = store, prefix
        self._part_rows, self._row_group_rows = part_rows, row_group_rows
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._file: _PartFile | None = None
        self.parts: list[Part] = []

    def write(self, table: pa.Table) -> None:
        """Add rows, which must follow all that were added before."""
        self._waiting.append(trimmed(table))
        self._waiting_rows += len(table)
        if self._waiting_rows >= self._row_group_rows:
            self._write_row_groups(whole_only=True)

    def close(self) -> list[Part]:
        """Write what is left; return all parts, in order."""
        if self._waiting_rows:
            self._write_row_groups(whole_only=False)
        self._end_part()
        return self.parts

    def _write_row_groups(self, *, whole_only: bool) -> None:
        table = pa.concat_tables(self._waiting)
        size = self._row_group_rows
        end = len(table) - len(table) % size if whole_only else len(table)
        for start in range(0, end, size):
            if self._file is None:
                self._file = _PartFile(f"part-{len(self.parts):05d}.parquet")
            self._file.write_row_group(table.slice(start, min(size, end - start)))
            if self._file.rows >= self._part_rows:
                self._end_part()
        self._waiting = [table.slice(end)] if end < len(table) else []
        self._waiting_rows = len(table) - end

    def _end_part(self) -> None:
        if self._file is not None:
            part, body = self._file.close()
            self._store.put(self._prefix + part.file, body)
            self.parts.append(part)
            self._file = None


class _PartFile:
    """One part being written, in memory: it is some 17 MB."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, _written_schema(), **parquet_options(DICTIONARY_COLUMNS))
        self.rows = 0
        self._first: Key | None = None
        self._last: Key | None = None
        self._extremes: list[tuple[int, int, int, int]] = []

    def write_row_group(self, rows: pa.Table) -> None:
        rows = trimmed(rows)
        parent, name = rows.column("parent").combine_chunks(), rows.column("name").combine_chunks()
        whole = pa.table(
            {
                **{column: rows.column(column) for column in rows.column_names},
                "parent_raw": _raw_parents(parent),
                "name_raw": raw_column(name),
                "target_raw": raw_column(rows.column("target").combine_chunks()),
            }
        ).select(PART_SCHEMA.names)
        self._writer.write_table(whole.cast(_written_schema()), row_group_size=len(rows))
        self.rows += len(rows)
        self._first = self._first or Key(parent=parent[0].as_py(), name=name[0].as_py())
        self._last = Key(parent=parent[-1].as_py(), name=name[-1].as_py())
        self._extremes.append((*_extremes(rows.column("size")), *_extremes(rows.column("mtime"))))

    def close(self) -> tuple[Part, memoryview]:
        self._writer.close()
        body = memoryview(self._sink.getvalue())
        footer_offset = footer_start(body)
        assert self._first is not None  # noqa: S101 - a part is opened only to write a row group
        assert self._last is not None  # noqa: S101
        size_min, size_max, mtime_min, mtime_max = zip(*self._extremes, strict=True)
        part = Part(
            file=self._name,
            rows=self.rows,
            bytes=body.nbytes,
            sha256=hashlib.sha256(body).hexdigest(),
            footer_offset=footer_offset,
            footer_sha256=hashlib.sha256(body[footer_offset:]).hexdigest(),
            first=self._first,
            last=self._last,
            size_min=min(size_min),
            size_max=max(size_max),
            mtime_us_min=min(mtime_min),
            mtime_us_max=max(mtime_max),
        )
        return part, body


def parquet_options(dictionary_columns: list[str]) -> dict[str, object]:
    """Return how every Parquet file of an index is written: only what all readers know."""
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": dictionary_columns,
        "write_statistics": True,
        "write_page_index": True,
        "write_page_checksum": True,  # so that a range read notices altered bytes
        "store_schema": False,  # Arrow's own would make its readers see dictionaries where others see strings
        "version": "2.6",
        "data_page_version": "1.0",
    }


def footer_start(body: memoryview) -> int:
    """Return where a Parquet file's footer begins."""
    return body.nbytes - _MAGIC_AND_LENGTH - int.from_bytes(body[-8:-4], "little")


def _written_schema() -> pa.Schema:
    """The parts' schema with `parent` as it lies in memory; in the file it is a plain string."""
    place = PART_SCHEMA.get_field_index("parent")
    return PART_SCHEMA.set(place, pa.field("parent", pa.dictionary(pa.int32(), pa.string()), nullable=False))


def _raw_parents(parent: pa.DictionaryArray) -> pa.Array:
    raw = raw_column(parent.dictionary)
    return pa.nulls(len(parent), pa.binary()) if raw.null_count == len(raw) else raw.take(parent.indices)


def _extremes(column: pa.ChunkedArray) -> tuple[int, int]:
    both = pc.min_max(column.cast(pa.int64()))
    return both["min"].as_py(), both["max"].as_py()
