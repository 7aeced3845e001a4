"""What became of sorted rows between two indexes."""

from __future__ import annotations

from bisect import bisect_left

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.columns import where_linked
from tidemark.index.reader import ROW_COLUMNS
from tidemark.index.sort import sort_pieces, trimmed

ADDED, MODIFIED, DELETED = "A", "M", "D"
BEFORE = "B"  # only in memory: what a modified entry was before
# What a change is. A row that differs in nothing else is the same entry.
COMPARED = ("type", "size", "mtime", "ctime", "uid", "gid", "mode", "nlink", "inode", "target")

_STEP = 256  # rows that are compared at once, and twice as many each time that all are the same
_RUN = 24  # rows between two differences, on the average, below which rows are not compared in order


def compare(old: list[pa.Table], new: list[pa.Table], *, before: bool = False) -> pa.Table:
    """Return what changed between sorted runs of rows: `op`, and the row after it, of a deletion before.

    With `before`, each modified row follows what it was, with the op BEFORE. Every path is in one table of
    `old` and in one of `new` at most; not both may be empty. The result is sorted.
    """
    was, now = (_whole(tables) if tables else None for tables in (old, new))
    if was is None or now is None:
        return _tagged(now, ADDED) if now is not None else _tagged(was, DELETED)
    was_kept, now_kept = _common(was, now)
    was_at, now_at = pc.indices_nonzero(was_kept), pc.indices_nonzero(now_kept)
    differ = _differ(was.select(COMPARED).take(was_at), now.select(COMPARED).take(now_at))
    pieces = [
        *([_tagged(was.take(was_at.filter(differ)), BEFORE)] if before else []),
        _tagged(was.filter(pc.invert(was_kept)), DELETED),
        _tagged(now.take(now_at.filter(differ)), MODIFIED),
        _tagged(now.filter(pc.invert(now_kept)), ADDED),
    ]
    some = [piece for piece in pieces if len(piece)]
    # The sort is stable, so that what an entry was comes before what it is.
    return sort_pieces(some) if some else pieces[0]


def _whole(tables: list[pa.Table]) -> pa.Table:
    """Return rows as one table of one chunk, in the columns of changes."""
    rows = pa.concat_tables([table.select(ROW_COLUMNS) for table in tables]).combine_chunks()
    # One of the two indexes may have all inodes and the other not, which is no change.
    inode = where_linked(rows.column("inode"), rows.column("nlink"))
    return rows.set_column(rows.column_names.index("inode"), "inode", inode)


def _common(was: pa.Table, now: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Tell which rows of each are of a path that is in both."""
    parents = pa.chunked_array([*was.column("parent").chunks, *now.column("parent").chunks])
    code = parents.combine_chunks().indices
    was_code, now_code = code[: len(was)], code[len(was) :]
    was_name, now_name = was.column("name").chunk(0), now.column("name").chunk(0)
    was_kept, now_kept = bytearray(len(was)), bytearray(len(now))
    was_at, now_at, ahead, runs = 0, 0, _STEP, 0
    while was_at < len(was) and now_at < len(now):
        length = min(ahead, len(was) - was_at, len(now) - now_at)
        equal = _equal(was_name.slice(was_at, length), now_name.slice(now_at, length))
        codes = was_code.slice(was_at, equal), now_code.slice(now_at, equal)
        if not codes[0].equals(codes[1]):
            equal = _equal(*codes)
        ahead = 2 * ahead if equal == length else _STEP
        was_kept[was_at : was_at + equal] = now_kept[now_at : now_at + equal] = b"\1" * equal
        was_at, now_at = was_at + equal, now_at + equal
        if equal < length:
            runs += 1
            if runs * _RUN > len(was) + len(now):
                return _common_by_number(was_code, was_name, now_code, now_name)
            # One of the two has rows that the other has not: up to where the other one is.
            was_key, now_key = _key(was, was_at), _key(now, now_at)
            if was_key < now_key:
                was_at = _rows_before(was, now_key, was_at)
            else:
                now_at = _rows_before(now, was_key, now_at)
    return tuple(
        pa.Array.from_buffers(pa.uint8(), len(kept), [None, pa.py_buffer(kept)]).cast(pa.bool_())
        for kept in (was_kept, now_kept)
    )


def _equal(some: pa.Array, others: pa.Array) -> int:
    """Return how many values are equal before the first two that are not."""
    bits = int.from_bytes(pc.equal(some, others).buffers()[1], "little")
    return min(((bits + 1) & ~bits).bit_length() - 1, len(some))  # its lowest zero


def _common_by_number(
    was_code: pa.Array, was_name: pa.Array, now_code: pa.Array, now_name: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Tell the same where little is common: by a number for each path, whatever their order."""
    low = pa.concat_arrays([was_name, now_name]).dictionary_encode().indices.cast(pa.int64())
    high = pa.concat_arrays([was_code, now_code]).cast(pa.int64())
    key = pc.bit_wise_or(pc.shift_left(high, 32), low)
    was_key, now_key = key[: len(was_code)], key[len(was_code) :]
    return pc.is_in(was_key, value_set=now_key), pc.is_in(now_key, value_set=was_key)


def _key(rows: pa.Table, number: int) -> tuple[str, str]:
    return rows.column("parent")[number].as_py(), rows.column("name")[number].as_py()


def _rows_before(rows: pa.Table, key: tuple[str, str], start: int) -> int:
    """Return how many rows have a smaller key; the one at `start` has. A near end is found soonest."""
    if start + 1 == len(rows) or _key(rows, start + 1) >= key:
        return start + 1
    step = 2
    while start + step < len(rows) and _key(rows, start + step) < key:
        step *= 2
    return bisect_left(
        range(len(rows)),
        key,
        lo=start,
        hi=min(start + step, len(rows)),
        key=lambda number: _key(rows, number),
    )


def _differ(was: pa.Table, now: pa.Table) -> pa.ChunkedArray:
    """Tell of each entry whether it differs from what it was."""
    found = pa.chunked_array([pa.repeat(pa.scalar(False), len(now))])
    for name in COMPARED:
        here, there = now.column(name), was.column(name)
        if here.equals(there):
            continue
        unequal = pc.fill_null(pc.not_equal(here, there), False)
        found = pc.or_(found, pc.or_(unequal, pc.xor(pc.is_null(here), pc.is_null(there))))
    return found


def _tagged(rows: pa.Table, op: str) -> pa.Table:
    tagged = trimmed(rows).append_column("op", pa.repeat(pa.scalar(op), len(rows)))
    return tagged.select(["op", *ROW_COLUMNS])
