"""Looking for a text in a column chunk as it lies in the file, page by page.

A plain page holds each text behind its length in four bytes. To look for a text, nothing has to be made of
that: names hold no NUL, and of a length below 65,536 the last two bytes are NUL, so that two NULs side by
side end a length, and nothing else does. Where few names hold the text, that takes half of the time that it
takes to make columns of all of them (docs/decisions/0010-who-reads-an-index.md).
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
_ENDS = b"\0\0"  # of a length
_FEW = 4  # of so many rows one may hold the text, before columns are the quicker way;
_FEW_AT_FIRST = 1024  # but so many may in any case


@dataclasses.dataclass(frozen=True, slots=True)
class Needle:
    """A text to look for: its bytes, which are folded and ASCII if case does not matter."""

    text: bytes
    ignore_case: bool = False
    at_start: bool = False  # only where a name begins with it
    at_end: bool = False

    @property
    def foreign(self) -> list[bytes]:
        """The letters beyond ASCII that are, regardless of case, letters of the text."""
        return foreign(self.text)


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    first_row: int  # of the row group
    rows: int
    body: bytes
    ends: list[int]  # of the texts that hold the needle, once it was looked for


class Holding:
    """The texts of a column chunk that hold a needle."""

    def __init__(self, pages: Sequence[_Page]) -> None:
        self._pages = pages

    def __len__(self) -> int:
        return sum(len(page.ends) for page in self._pages)

    def rows(self) -> Iterator[int]:
        """Return the row of each, counted in the row group."""
        for page in self._pages:
            row, counted = page.first_row - 1, 0
            for end in page.ends:
                row += page.body.count(_ENDS, counted, end)
                counted = end
                yield row

    def texts(self) -> Iterator[bytes]:
        """Return each of them."""
        for page in self._pages:
            for end in page.ends:
                yield page.body[page.body.rfind(_ENDS, 0, end) + len(_ENDS) : end]


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """A column chunk: zstd pages of plain texts without NUL, none of them null."""

    body: bytes
    unpacked_bytes: int  # of all pages, with their headers
    rows: int


def look_for(needle: Needle, chunk: Chunk, spans: Sequence[range]) -> Holding | None:
    """Return what holds a text in a column chunk, of the rows that are in `spans`, which are ascending.

    None where that takes columns: because many do, or because case is not that of ASCII. Raises ValueError
    (or what reading damaged bytes raises) where the chunk is not one.
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
    """Return the pages that have rows in the spans; the others' headers are read, too, to know all rows."""
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
                raise ValueError("a page is not what its checksum says")
            yield _Page(row, rows, _ZSTD.decompress(packed, header[_BYTES][1], asbytes=True), [])
        row += rows
        while number < len(spans) and spans[number].stop <= row:
            number += 1
    if row != chunk.rows:
        raise ValueError("its pages have not as many rows as it has")


def _look(page: _Page, needle: Needle) -> bool:
    """Find what holds the needle in a page; tell whether that could be told."""
    body, text = page.body, needle.text
    if needle.ignore_case:
        # One byte is found far sooner than two.
        if not body.isascii() and any(each[:1] in body and each in body for each in needle.foreign):
            return False
        body = _lower(body)  # lengths, too, of which only the NULs matter
    find, length, at = body.find, len(text), body.find(text)
    while at >= 0:
        stop = find(_ENDS, at)
        if stop < 0:
            end = stop = len(body)
        else:  # a length is there: of one byte that is not NUL before three NULs, or of two before two
            end = stop - 1 if body[stop + 2 : stop + 3] == b"\0" else stop - 2
        # If the text reaches beyond the name, a length took part.
        if (
            at + length <= end
            and not (needle.at_start and not body.startswith(_ENDS, at - len(_ENDS)))
            and not (needle.at_end and not body.startswith(text, end - length))
        ):
            page.ends.append(end)
        at = find(text, stop)
    return True


def _lower(body: bytes) -> bytes:
    """Return bytes with the letters of ASCII in lower case, in half of the time that `bytes.lower` takes."""
    ends = array("i", (0, len(body)))
    text = pa.StringArray.from_buffers(1, pa.py_buffer(ends), pa.py_buffer(body))
    return bytes(pc.ascii_lower(text).buffers()[2].to_pybytes())
