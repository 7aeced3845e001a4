"""Reads some rows of a row group without the rest of it.

Parquet's page index contains the offset and the first row of each page. pyarrow reads only whole column
chunks, so the wanted pages are assembled, with a footer, into a small file.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.index.reading.page_headers import check_pages
from tidemark.index.reading.thrift import BINARY, I32, I64, LIST, STRUCT, Struct, read_struct, write_struct

_MAGIC = b"PAR1"
_GAP = 128 * 1024  # unneeded bytes that are read to save a request

# Fields of Parquet's structs. Source: parquet.thrift.
_SCHEMA, _FILE_ROWS, _ROW_GROUPS = 2, 3, 4  # FileMetaData
_NAME, _CHILDREN = 4, 5  # SchemaElement
_COLUMNS, _BYTES, _ROWS = 1, 2, 3  # RowGroup
_FILE_OFFSET, _META, _INDEX_OFFSET, _INDEX_LENGTH = 2, 3, 4, 5  # ColumnChunk
_VALUES, _COMPRESSED, _DATA_OFFSET, _DICTIONARY_OFFSET = 5, 7, 9, 11  # ColumnMetaData
_ENCODINGS = 2
_KEPT = (1, 2, 3, 4, 6)  # type, encodings, path, codec, uncompressed bytes
_LOCATIONS = 1  # OffsetIndex
_PAGE_OFFSET, _PAGE_BYTES, _PAGE_FIRST_ROW = 1, 2, 3  # PageLocation


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """The pages of one column that contain the wanted rows."""

    element: Struct  # the column's SchemaElement
    meta: Struct
    dictionary: range  # bytes in the file; empty if there is no dictionary
    data: range
    first_row: int
    rows: int


def offset_indexes_at(footer: bytes, default: int) -> int:
    """Return where a file's contiguous offset indexes begin; `default` if it has none."""
    groups = read_struct(footer)[_ROW_GROUPS][1][1]
    chunks = [chunk for group in groups for chunk in group[_COLUMNS][1][1]]
    return min((chunk[_INDEX_OFFSET][1] for chunk in chunks if _INDEX_OFFSET in chunk), default=default)


class Pages:
    """The page locations of a file. Every method raises ValueError or LookupError if they are missing."""

    def __init__(self, footer: bytes, index: bytes, index_offset: int) -> None:
        self._index, self._index_offset = index, index_offset
        self._file = read_struct(footer)

    def read(
        self, row_group: int, rows: range, columns: Sequence[str], fetch: Callable[[list[range]], list[bytes]]
    ) -> pa.Table:
        """Return some columns of rows of a row group; `fetch` returns byte ranges of the file."""
        group: Struct = self._file[_ROW_GROUPS][1][1][row_group]
        wanted = [self._wanted(group, column, rows) for column in columns]
        pieces = _Pieces(fetch, [piece for each in wanted for piece in (each.dictionary, each.data)])
        found = {}
        for name, each in zip(columns, wanted, strict=True):
            dictionary, data = pieces[each.dictionary], pieces[each.data]
            check_pages(dictionary + data, each.rows, each.meta[_ENCODINGS][1][1])
            file = self._little_file(each, dictionary, data)
            opened = pq.ParquetFile(pa.BufferReader(file), page_checksum_verification=True)
            column = opened.read(use_threads=False)
            if len(column) != each.rows:
                raise ValueError("a page does not have the rows in the index")
            found[name] = column.column(0).slice(rows.start - each.first_row, len(rows))
        return pa.table(found)

    def _wanted(self, group: Struct, column: str, rows: range) -> _Wanted:
        elements = self._file[_SCHEMA][1][1]
        number = [each[_NAME][1] for each in elements].index(column.encode())
        chunk: Struct = group[_COLUMNS][1][1][number - 1]
        meta: Struct = chunk[_META][1]
        at = chunk[_INDEX_OFFSET][1] - self._index_offset
        if not 0 <= at < len(self._index):
            raise ValueError("its page index is elsewhere")
        pages = read_struct(self._index, at)[_LOCATIONS][1][1]
        firsts = [page[_PAGE_FIRST_ROW][1] for page in pages]
        begin = bisect_right(firsts, rows.start) - 1
        end = bisect_left(firsts, rows.stop)
        last = pages[end - 1]
        data = range(pages[begin][_PAGE_OFFSET][1], last[_PAGE_OFFSET][1] + last[_PAGE_BYTES][1])
        dictionary = range(0)
        if _DICTIONARY_OFFSET in meta:
            dictionary = range(meta[_DICTIONARY_OFFSET][1], pages[0][_PAGE_OFFSET][1])
        stop = firsts[end] if end < len(firsts) else group[_ROWS][1]
        return _Wanted(elements[number], meta, dictionary, data, firsts[begin], stop - firsts[begin])

    def _little_file(self, wanted: _Wanted, dictionary: bytes, data: bytes) -> bytes:
        size, rows = len(dictionary) + len(data), wanted.rows
        meta: Struct = {field: wanted.meta[field] for field in _KEPT}
        meta |= {_VALUES: (I64, rows), _COMPRESSED: (I64, size), _DATA_OFFSET: (I64, 4 + len(dictionary))}
        if dictionary:
            meta[_DICTIONARY_OFFSET] = (I64, 4)
        chunk: Struct = {_FILE_OFFSET: (I64, 0), _META: (STRUCT, dict(sorted(meta.items())))}
        group: Struct = {_COLUMNS: (LIST, (STRUCT, [chunk])), _BYTES: (I64, size), _ROWS: (I64, rows)}
        root: Struct = {_NAME: (BINARY, b"schema"), _CHILDREN: (I32, 1)}
        footer = write_struct(
            {
                1: self._file[1],
                _SCHEMA: (LIST, (STRUCT, [root, wanted.element])),
                _FILE_ROWS: (I64, rows),
                _ROW_GROUPS: (LIST, (STRUCT, [group])),
                6: self._file[6],
            }
        )
        return b"".join([_MAGIC, dictionary, data, footer, len(footer).to_bytes(4, "little"), _MAGIC])


class _Pieces:
    """Byte ranges of a file; adjacent ones are fetched together."""

    def __init__(self, fetch: Callable[[list[range]], list[bytes]], wanted: list[range]) -> None:
        self._spans = list(_joined(sorted(filter(None, wanted), key=lambda each: each.start)))
        self._bodies = fetch(self._spans)

    def __getitem__(self, piece: range) -> bytes:
        if not piece:
            return b""
        number = bisect_right(self._spans, piece.start, key=lambda span: span.start) - 1
        start = piece.start - self._spans[number].start
        return self._bodies[number][start : start + len(piece)]


def _joined(pieces: Sequence[range]) -> Iterator[range]:
    span = range(0)
    for piece in pieces:
        if span and piece.start - span.stop <= _GAP:
            span = range(span.start, piece.stop)
        else:
            if span:
                yield span
            span = piece
    if span:
        yield span
