"""Writes Parquet files of an index, and their entries in the manifest."""

from __future__ import annotations

import dataclasses
import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.index.format.manifest import File
from tidemark.index.reading.page_reader import offset_indexes_at
from tidemark.index.storage.attempt_folder import Folder

# Page size before compression: small enough to fetch a directory's rows or a block's names alone.
PAGE_BYTES = 32 * 1024

# zstd levels. Numbers with few common bytes, such as sizes, compress best with the fastest search, which
# skips short matches; times benefit most from a longer search.
_LEVEL = 3
_LEVEL_OF_COLUMN = {"size": 1, "mtime": 4, "ctime": 4}

_LENGTH_AND_MAGIC = 8  # a Parquet file ends with the footer, its length in 4 bytes, and PAR1


def parquet_options(
    schema: pa.Schema,
    dictionary_columns: list[str],
    *,
    page_bytes: int | None = None,
    level: int = _LEVEL,
) -> dict[str, object]:
    """Return the writer options of every Parquet file of an index: only features that all readers support."""
    return {
        "compression": "zstd",
        "compression_level": {name: _LEVEL_OF_COLUMN.get(name, level) for name in schema.names},
        "use_dictionary": dictionary_columns,
        "write_statistics": True,
        "write_page_index": True,
        "data_page_size": page_bytes or PAGE_BYTES,
        "write_page_checksum": True,  # so that a range read detects altered bytes
        "store_schema": False,  # with Arrow's own schema, Arrow would return dictionaries instead of strings
        "version": "2.6",
        "data_page_version": "1.0",
    }


def parquet_file(name: str, body: memoryview, *, rows: int) -> File:
    """Return the manifest entry of a Parquet file."""
    footer_offset = body.nbytes - _LENGTH_AND_MAGIC - int.from_bytes(body[-8:-4], "little")
    pages_at = offset_indexes_at(bytes(body[footer_offset:]), footer_offset)
    return dataclasses.replace(
        described(name, body, rows=rows, footer_offset=footer_offset),
        page_index_offset=pages_at,
        page_index_sha256=hashlib.sha256(body[pages_at:footer_offset]).hexdigest(),
    )


def described(name: str, body: memoryview, *, rows: int, footer_offset: int) -> File:
    """Return the manifest entry of any file."""
    return File(
        file=name,
        rows=rows,
        bytes=body.nbytes,
        sha256=hashlib.sha256(body).hexdigest(),
        footer_offset=footer_offset,
        footer_sha256=hashlib.sha256(body[footer_offset:]).hexdigest(),
    )


class SideFileWriter:
    """A side file in Parquet, compressed in memory and put at the end."""

    def __init__(
        self,
        name: str,
        schema: pa.Schema,
        *,
        dictionary_columns: list[str],
        page_bytes: int | None = None,
        level: int = _LEVEL,
    ) -> None:
        self._name = name
        self._sink = pa.BufferOutputStream()
        options = parquet_options(schema, dictionary_columns, page_bytes=page_bytes, level=level)
        self._writer = pq.ParquetWriter(self._sink, schema, **options)
        self._schema = schema
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Add a row group."""
        if len(table):
            self._writer.write_table(
                table.select(self._schema.names).cast(self._schema), row_group_size=len(table)
            )
            self._rows += len(table)

    def note(self, key: str, text: str) -> None:
        """Store a text in the file's footer under a key."""
        self._writer.add_key_value_metadata({key: text})

    def close(self, folder: Folder) -> File:
        """Put the file; return its entry in the manifest."""
        self._writer.close()
        body = memoryview(self._sink.getvalue())
        file = folder.file(self._name)
        folder.put(file, body)
        return parquet_file(file, body, rows=self._rows)
