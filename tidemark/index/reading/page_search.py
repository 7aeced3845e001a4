"""Searches a text in the raw pages of a column chunk.

A plain page stores each text after its length in four bytes. The search needs no decoding: names contain no
NUL, and the last two bytes of a length below 65,536 are NUL, so two adjacent NULs always end a length. If
few names contain the text, this takes half the time of decoding all of them into columns
(docs/decisions/0010-pyarrow-reads-indexes.md).
"""

from __future__ import annotations

import dataclasses
import zlib
from array import array
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.reading.folding import foreign
from tidemark.index.reading.thrift import Struct, read_header

_DATA_PAGE, _PLAIN = 0, 0  # PageType, Encoding
# Fields of PageHeader and DataPageHeader. Source: parquet.thrift.
_TYPE, _BYTES, _COMPRESSED, _CRC, _DATA = 1, 2, 3, 4, 5
_VALUES, _ENCODING = 1, 2

_ZSTD = pa.Codec("zstd")
_ENDS = b"\0\0"  # the end of a length
_FEW = 4  # if more than one row in this many contains the text, columns are faster;
_FEW_AT_FIRST = 1024  # but this many rows may always contain it


@dataclasses.dataclass(frozen=True, slots=True)
class Needle:
    """A text to search: its bytes, which are folded and ASCII for a case-insensitive search."""

    text: bytes
    ignore_case: bool = False
    at_start: bool = False  # only at the beginning of a name
    at_end: bool = False

    @property
    def foreign(self) -> list[bytes]:
        """The non-ASCII letters that match letters of the text case-insensitively."""
        return foreign(self.text)


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    first_row: int  # within the row group
    rows: int
    body: bytes
    ends: list[int]  # the ends of the texts that contain the needle, after the search

    def texts(self) -> Iterator[bytes]:
        for end in self.ends:
            yield self.body[self.body.rfind(_ENDS, 0, end) + len(_ENDS) : end]


class Holding:
    """The texts of a column chunk that contain a needle."""

    def __init__(self, pages: Sequence[_Page]) -> None:
        self._pages = pages

    def __len__(self) -> int:
        return sum(len(page.ends) for page in self._pages)

    def with_text(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        """Return the texts that also contain another text, with their numbers in the order of `texts`."""
        number = 0
        for page in self._pages:
            # Searching one byte is much faster than searching two.
            if text[:1] in page.body and text in page.body:
                yield from ((at, found) for at, found in enumerate(page.texts(), number) if text in found)
            number += len(page.ends)

    def rows(self) -> Iterator[int]:
        """Return the row of each text within the row group."""
        for page in self._pages:
            row, counted = page.first_row - 1, 0
            for end in page.ends:
                row += page.body.count(_ENDS, counted, end)
                counted = end
                yield row

    def texts(self) -> Iterator[bytes]:
        """Return each text."""
        for page in self._pages:
            yield from page.texts()


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk: zstd pages of plain texts without NUL, none of them null."""

    body: bytes
    unpacked_bytes: int  # size of all pages with their headers
    rows: int


def look_for(needle: Needle, chunk: Chunk, spans: Sequence[range]) -> Holding | None:
    """Return the texts that contain the needle, of the rows in `spans`, which are ascending.

    None if columns are needed, because many texts contain it, or because of non-ASCII case. Raises ValueError
    (or errors of decoding damaged bytes) if the chunk is invalid.
    """
    found: list[_Page] = []
    most = _FEW_AT_FIRST
    for page in _pages(chunk, spans):
        if not _look(page, needle):
            return None
        most += page.rows // _FEW - len(page.ends)
        if most < 0:
            return None
        if page.ends:
            found.append(page)
    return Holding(found)


def _pages(chunk: Chunk, spans: Sequence[range]) -> Iterator[_Page]:
    """Return the pages with rows in the spans; reads the headers of all pages to count their rows."""
    at = row = number = 0
    while at < len(chunk.body):
        header, start = read_header(chunk.body, at)
        data: Struct = header[_DATA][1]
        rows, at = data[_VALUES][1], start + header[_COMPRESSED][1]
        if header[_TYPE][1] != _DATA_PAGE or data[_ENCODING][1] != _PLAIN:
            raise ValueError("a page is not of plain texts")
        if rows < 1 or at <= start or not 0 < header[_BYTES][1] <= chunk.unpacked_bytes:
            raise ValueError("the header of a page is damaged")
        if number < len(spans) and spans[number].start < row + rows:
            packed = memoryview(chunk.body)[start:at]
            if zlib.crc32(packed) != header[_CRC][1] & 0xFFFFFFFF:
                raise ValueError("a page does not match its checksum")
            yield _Page(row, rows, _ZSTD.decompress(packed, header[_BYTES][1], asbytes=True), [])
        row += rows
        while number < len(spans) and spans[number].stop <= row:
            number += 1
    if row != chunk.rows:
        raise ValueError("its pages do not have its number of rows")


def _look(page: _Page, needle: Needle) -> bool:
    """Find the texts of a page that contain the needle; return whether that was possible."""
    body, text = page.body, needle.text
    if needle.ignore_case:
        # Searching one byte is much faster than searching two.
        if not body.isascii() and any(each[:1] in body and each in body for each in needle.foreign):
            return False
        body = _lower(body)  # also changes lengths, in which only the NULs matter
    find, length, at = body.find, len(text), body.find(text)
    while at >= 0:
        stop = find(_ENDS, at)
        if stop < 0:
            end = stop = len(body)
        else:  # a length: one byte that is not NUL before three NULs, or two before two
            end = stop - 1 if body[stop + 2 : stop + 3] == b"\0" else stop - 2
        # If the match extends beyond the name, it includes a length.
        if (
            at + length <= end
            and not (needle.at_start and not body.startswith(_ENDS, at - len(_ENDS)))
            and not (needle.at_end and not body.startswith(text, end - length))
        ):
            page.ends.append(end)
        at = find(text, stop)
    return True


def _lower(body: bytes) -> bytes:
    """Return bytes with ASCII letters in lower case, in half the time of `bytes.lower`."""
    ends = array("i", (0, len(body)))
    text = pa.StringArray.from_buffers(1, pa.py_buffer(ends), pa.py_buffer(body))
    return bytes(pc.ascii_lower(text).buffers()[2].to_pybytes())
