"""Converts a crawler's batch to Arrow columns, with names as text.

Numbers are wrapped without copying. Names are validated as UTF-8 in one pass; an invalid name, or one with a
literal `\\x`, and the few around it are handled individually, which is slower.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.crawl.batch import Batch, BytesColumn
from tidemark.escape import escape, is_utf8, unescape
from tidemark.index.format.schema import NO_FLAGS, PART_SCHEMA, TIME, Flags

_TYPE_OF_FORMAT = {0x8: "f", 0x4: "d", 0xA: "l", 0x1: "p", 0xC: "s", 0x2: "c", 0x6: "b"}
_TYPES = pa.array([_TYPE_OF_FORMAT.get(number, "f") for number in range(16)])
_FEW = 32  # this many names are faster to check individually than by halving


def directories(batch: Batch) -> pa.Array:
    """Return the paths of the batch's directories, as strings."""
    return _text(_binary(batch.directories))


def columns(batch: Batch, flags: Flags = NO_FLAGS) -> pa.RecordBatch:
    """Return the batch's rows with the parts' columns, except that `parent` is the directory's index."""
    rows = batch.rows
    name = _text(_binary(batch.names))
    mode = _numbers(pa.int32(), rows, batch.mode)
    kind = pc.take(
        _TYPES,
        pc.shift_right(pc.bit_wise_and(mode, pa.scalar(0xF000, pa.int32())), pa.scalar(12, pa.int32())),
    )
    if memoryview(batch.targets.data).nbytes:
        target = _text(_binary(batch.targets))
        is_link = pc.not_equal(pc.binary_length(target), 0)
        target = pc.if_else(is_link, target, pa.scalar(None, pa.string()))
    else:
        target = pa.nulls(rows, pa.string())
    nlink = _numbers(pa.int32(), rows, batch.nlink)
    inode = _numbers(pa.int64(), rows, batch.inode)
    mtime = _numbers(TIME, rows, batch.mtime_us)
    ctime = _numbers(TIME, rows, batch.ctime_us)
    found = pa.RecordBatch.from_pydict(
        {
            "parent": _numbers(pa.int32(), rows, batch.directory),
            "name": name,
            "ext": extension(name, kind),
            "type": kind,
            "size": _numbers(pa.int64(), rows, batch.size),
            "mtime": mtime,
            "ctime": pc.if_else(pc.equal(mtime, ctime), pa.scalar(None, TIME), ctime),
            "uid": _numbers(pa.int64(), rows, batch.uid),
            "gid": _numbers(pa.int64(), rows, batch.gid),
            "mode": pc.bit_wise_and(mode, pa.scalar(0o7777, pa.int32())),
            "nlink": nlink,
            # A random 64-bit number costs 8 bytes per row, so it is kept only where it is useful: to find the
            # names of one file, and (a directory has two links) renamed directories.
            "inode": inode if flags.full_inodes else where_linked(inode, nlink),
            "target": target,
        }
    )
    if flags.nanoseconds:
        for column, numbers in (("mtime_ns", batch.mtime_ns), ("ctime_ns", batch.ctime_ns)):
            found = found.append_column(column, _numbers(pa.int16(), rows, numbers))
    return found


def where_linked(inode: pa.Array, nlink: pa.Array) -> pa.Array:
    """Return inodes, null where there is only one link."""
    return pc.if_else(pc.greater(nlink, 1), inode, pa.scalar(None, pa.int64()))


def _numbers(kind: pa.DataType, rows: int, buffer: object) -> pa.Array:
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(buffer)])


def _binary(column: BytesColumn) -> pa.Array:
    offsets = memoryview(column.offsets)
    return pa.Array.from_buffers(
        pa.binary(), offsets.nbytes // 4 - 1, [None, pa.py_buffer(column.offsets), pa.py_buffer(column.data)]
    )


def _text(raw: pa.Array) -> pa.Array:
    if len(raw) <= _FEW:
        return pa.array([escape(value) for value in raw.to_pylist()], pa.string())
    try:
        text = raw.cast(pa.string())
        if next(_odd(text), None) is None:
            return text
    except pa.ArrowInvalid:
        pass
    half = len(raw) // 2
    return pa.concat_arrays([_text(raw[:half]), _text(raw[half:])])


def _odd(text: pa.Array) -> Iterator[int]:
    """Return the positions of strings that may contain `\\x`, by one search if they are contiguous."""
    _, offsets, letters = text.buffers()
    if text.null_count == len(text) or letters is None:
        return
    ends = memoryview(offsets).cast("i")[text.offset : text.offset + len(text) + 1]
    together = letters[ends[0] : ends[-1]].to_pybytes()
    at = together.find(b"\\")  # searching one byte is much faster than searching two
    while at >= 0:
        if together[at + 1 : at + 2] == b"x":
            row = bisect_right(ends, ends[0] + at) - 1
            yield row
            at = ends[row + 1] - ends[0] - 1
        at = together.find(b"\\", at + 1)


def raw_column(text: pa.Array) -> pa.Array:
    """Return the original bytes of strings that represent invalid UTF-8, null elsewhere."""
    raw: dict[int, bytes] = {}
    for row in _odd(text):
        value = unescape(text[row].as_py())
        if not is_utf8(value):
            raw[row] = value
    if not raw:
        return pa.nulls(len(text), pa.binary())
    places = pc.inverse_permutation(pa.array(raw, pa.int32()), max_index=len(text) - 1)
    return pa.array(raw.values(), pa.binary()).take(places)


def with_raw_columns(rows: pa.Table, schema: pa.Schema = PART_SCHEMA) -> pa.Table:
    """Return rows with the columns that only parts have: the original bytes of names with invalid UTF-8.

    `schema` lists the columns to keep.
    """
    parent = rows.column("parent").combine_chunks()
    if isinstance(parent, pa.DictionaryArray):
        raw = raw_column(parent.dictionary)
        parent_raw = (
            pa.nulls(len(parent), pa.binary()) if raw.null_count == len(raw) else raw.take(parent.indices)
        )
    else:
        parent_raw = raw_column(parent)
    return pa.table(
        {
            **{column: rows.column(column) for column in rows.column_names},
            "parent_raw": parent_raw,
            "name_raw": raw_column(rows.column("name").combine_chunks()),
            "target_raw": raw_column(rows.column("target").combine_chunks()),
        }
    ).select(schema.names)


def extension(name: pa.Array, kind: pa.Array) -> pa.Array:
    """Return what follows the last dot, lower case: 1 to 16 characters, and something before the dot.

    A regular expression would be shorter, but takes three times as long.
    """
    pieces = pc.split_pattern(name, ".", max_splits=1, reverse=True)
    last = pc.take(pieces.values, pc.subtract(pieces.offsets[1:], 1))
    before = pc.subtract(pc.binary_length(name), pc.binary_length(last))  # 0 without a dot, 1 if it is first
    length = pc.utf8_length(last)
    there = pc.and_(
        pc.and_(pc.greater(before, 1), pc.not_equal(kind, "d")),
        pc.and_(pc.greater(length, 0), pc.less_equal(length, 16)),
    )
    return pc.if_else(there, pc.utf8_lower(last), pa.scalar(None, pa.string()))
