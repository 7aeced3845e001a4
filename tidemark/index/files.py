"""Writing the files of an index, and saying in the manifest what was written."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.index.manifest import File
from tidemark.index.store import Store

_LENGTH_AND_MAGIC = 8  # a Parquet file ends with the footer, its length in 4 bytes, and PAR1


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
    return body.nbytes - _LENGTH_AND_MAGIC - int.from_bytes(body[-8:-4], "little")


class SideFileWriter:
    """A side file in Parquet, gathered in memory, where it is compressed, and put at the end."""

    def __init__(self, name: str, schema: pa.Schema, *, dictionary_columns: list[str]) -> None:
        self._name = name
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, schema, **parquet_options(dictionary_columns))
        self._schema = schema
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Add a row group."""
        if len(table):
            self._writer.write_table(
                table.select(self._schema.names).cast(self._schema), row_group_size=len(table)
            )
            self._rows += len(table)

    def close(self, store: Store, prefix: str) -> File:
        """Put the file; return its entry in the manifest."""
        self._writer.close()
        body = memoryview(self._sink.getvalue())
        return put_file(store, prefix, self._name, body, rows=self._rows, footer_offset=footer_start(body))


def put_file(
    store: Store, prefix: str, name: str, body: memoryview, *, rows: int, footer_offset: int
) -> File:
    """Put a file; return its entry in the manifest."""
    store.put(prefix + name, body)
    return File(
        file=name,
        rows=rows,
        bytes=body.nbytes,
        sha256=hashlib.sha256(body).hexdigest(),
        footer_offset=footer_offset,
        footer_sha256=hashlib.sha256(body[footer_offset:]).hexdigest(),
    )
