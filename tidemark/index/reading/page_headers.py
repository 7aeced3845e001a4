"""Validates the page headers of a column chunk, which no checksum covers.

Arrow does not compare them with the footer: an altered byte can skip a page, or decode it with another
encoding, and the result is fewer rows or other values without an error.
"""

from __future__ import annotations

from collections.abc import Collection

from tidemark.index.reading.thrift import Struct, read_header

# Source: parquet.thrift, Encoding.
ENCODINGS = {"PLAIN": 0, "PLAIN_DICTIONARY": 2, "RLE": 3, "RLE_DICTIONARY": 8}
_DATA_PAGE, _DICTIONARY_PAGE, _RLE = 0, 2, ENCODINGS["RLE"]
# Fields of PageHeader, DataPageHeader and DictionaryPageHeader. Source: parquet.thrift.
_TYPE, _COMPRESSED, _CRC, _DATA, _DICTIONARY = 1, 3, 4, 5, 7
_VALUES, _ENCODING, _DEFINITION, _REPETITION = 1, 2, 3, 4


def check_pages(body: bytes, values: int, encodings: Collection[int]) -> None:
    """Raise ValueError unless these are whole pages with this number of values.

    They must have checksums, and encodings from the footer, or RLE for levels. The first page may be a
    dictionary.
    """
    at = found = 0
    while at < len(body):
        header, start = read_header(body, at)
        first = at == 0 and header[_TYPE][1] == _DICTIONARY_PAGE
        kind, field = (_DICTIONARY_PAGE, _DICTIONARY) if first else (_DATA_PAGE, _DATA)
        page: Struct = header[field][1]
        if header[_TYPE][1] != kind or _CRC not in header or header[_COMPRESSED][1] < 0:
            raise ValueError("the header of a page is damaged")
        if page[_ENCODING][1] not in encodings:
            raise ValueError("a page has another encoding than its column")
        if kind == _DATA_PAGE:
            if page[_DEFINITION][1] != _RLE or page[_REPETITION][1] != _RLE:
                raise ValueError("the header of a page is damaged")
            found += page[_VALUES][1]
        at = start + header[_COMPRESSED][1]
    if at != len(body) or found != values:
        raise ValueError("its pages do not have its number of rows")
