"""Looking through a column of names at the speed of memory.

Arrow's own kernels compare byte by byte; `bytes.find` takes a quarter of the time, and ASCII is lowered in a
twentieth of what Unicode takes. Measured in docs/decisions/0010-who-reads-an-index.md.
"""

from __future__ import annotations

from bisect import bisect_right

import pyarrow as pa
import pyarrow.compute as pc

_FEW = 16  # of so many names one may hold the text, before Arrow's way is the quicker one


def contains(names: pa.ChunkedArray, text: str) -> pa.ChunkedArray:
    """Tell which names hold a text."""
    return pa.chunked_array([_contains(chunk, text) for chunk in names.chunks], pa.bool_())


def lower(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names in lower case, as Unicode's simple mapping has it."""
    return pa.chunked_array(
        [
            pc.ascii_lower(chunk) if _bytes(chunk).isascii() else pc.utf8_lower(chunk)
            for chunk in names.chunks
        ],
        pa.string(),
    )


def _contains(names: pa.StringArray, text: str) -> pa.BooleanArray:
    needle, everything = text.encode(), _bytes(names)
    ends = memoryview(names.buffers()[1]).cast("i")[names.offset : names.offset + len(names) + 1]
    found = bytearray(len(names))
    at, hits, row = everything.find(needle, ends[0], ends[-1]), 0, 0
    while at >= 0:
        row = bisect_right(ends, at, lo=row) - 1
        if at + len(needle) <= ends[row + 1]:
            found[row], hits = 1, hits + 1
            if hits * _FEW > len(names):
                return pc.match_substring(names, text)
            at = everything.find(needle, ends[row + 1], ends[-1])
        else:  # the text lies across two names
            at = everything.find(needle, at + 1, ends[-1])
    return pa.Array.from_buffers(pa.uint8(), len(names), [None, pa.py_buffer(found)]).cast(pa.bool_())


def _bytes(names: pa.StringArray) -> bytes:
    """Return the memory that names are in, and perhaps others beside them."""
    memory = names.buffers()[2]
    return b"" if memory is None else memory.to_pybytes()
