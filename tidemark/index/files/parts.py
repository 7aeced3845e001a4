"""Writes sorted rows to parts: Parquet files of about a million rows, uploaded as each is full."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidemark.index.files.parquet_writer import parquet_file, parquet_options
from tidemark.index.format.manifest import Key, Part
from tidemark.index.format.schema import DICTIONARY_COLUMNS, PART_ROWS, PART_SCHEMA
from tidemark.index.rows.arrow_batch import with_raw_columns
from tidemark.index.storage.attempt_folder import Folder


class PartWriter:
    """Divides row groups into parts. A part is uploaded while the next one is written."""

    def __init__(
        self, folder: Folder, *, part_rows: int = PART_ROWS, schema: pa.Schema = PART_SCHEMA
    ) -> None:
        self._folder, self._part_rows, self._schema = folder, part_rows, schema
        self._file: _PartFile | None = None
        self._parts: list[Part] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="put-parts")
        self._putting: Future[None] | None = None

    def add(self, rows: pa.Table) -> None:
        """Add a row group, `trimmed`, which must sort after all earlier ones."""
        if self._file is None:
            self._file = _PartFile(self._folder.file(f"part-{len(self._parts):05d}.parquet"), self._schema)
        self._file.add(rows)
        if self._file.rows >= self._part_rows:
            self._end_part()

    def close(self) -> list[Part]:
        """Write the remaining rows; return all parts, in order, after they are in the repository."""
        self._end_part()
        self._wait()
        return self._parts

    def end(self) -> None:
        """Stop writing."""
        self._thread.shutdown()

    def _end_part(self) -> None:
        if self._file is not None:
            part, body = self._file.close()
            self._wait()
            self._putting = self._thread.submit(self._folder.put, part.file, body)
            self._parts.append(part)
            self._file = None

    def _wait(self) -> None:
        if self._putting is not None:
            self._putting.result()
            self._putting = None


class _PartFile:
    """One part being written, in memory (about 17 MB)."""

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self._name, self._schema = name, _in_memory(schema)
        self._sink = pa.BufferOutputStream()
        options = parquet_options(self._schema, DICTIONARY_COLUMNS)
        self._writer = pq.ParquetWriter(self._sink, self._schema, **options)
        self.rows = 0
        self._first: Key | None = None
        self._last: Key | None = None
        self._extremes: list[tuple[int, int, int, int]] = []

    def add(self, rows: pa.Table) -> None:
        parent, name = rows.column("parent"), rows.column("name")
        self._writer.write_table(
            with_raw_columns(rows, self._schema).cast(self._schema), row_group_size=len(rows)
        )
        self.rows += len(rows)
        self._first = self._first or Key(parent=parent[0].as_py(), name=name[0].as_py())
        self._last = Key(parent=parent[-1].as_py(), name=name[-1].as_py())
        self._extremes.append((*_extremes(rows.column("size")), *_extremes(rows.column("mtime"))))

    def close(self) -> tuple[Part, memoryview]:
        self._writer.close()
        body = memoryview(self._sink.getvalue())
        assert self._first is not None  # noqa: S101 - a part is opened only to write a row group
        assert self._last is not None  # noqa: S101
        size_min, size_max, mtime_min, mtime_max = zip(*self._extremes, strict=True)
        part = Part(
            **dataclasses.asdict(parquet_file(self._name, body, rows=self.rows)),
            first=self._first,
            last=self._last,
            size_min=min(size_min),
            size_max=max(size_max),
            mtime_us_min=min(mtime_min),
            mtime_us_max=max(mtime_max),
        )
        return part, body


def _in_memory(schema: pa.Schema) -> pa.Schema:
    """Return the parts' schema with `parent` as a dictionary, its form in memory; in files it is a string."""
    place = schema.get_field_index("parent")
    return schema.set(place, pa.field("parent", pa.dictionary(pa.int32(), pa.string()), nullable=False))


def _extremes(column: pa.ChunkedArray) -> tuple[int, int]:
    both = pc.min_max(column.cast(pa.int64()))
    return both["min"].as_py(), both["max"].as_py()
