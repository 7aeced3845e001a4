"""Compares the sorted rows of two indexes.

Nearly all rows are equal in both, so copying rows or comparing them one by one would dominate the cost.
Whole columns of the common paths are compared, and only changed rows are copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.reading.part_reader import ROW_COLUMNS
from tidemark.index.rows.arrow_batch import extension, where_linked
from tidemark.index.rows.external_sort import limit_of, rows_up_to, sort_pieces, trimmed
from tidemark.index.rows.merge_join import common_rows, in_one_dictionary

ADDED, MODIFIED, DELETED = "A", "M", "D"
BEFORE = "B"  # only in memory: the earlier state of a modified entry
# Only in memory: whether an index could not read the path, so that the row is the last known one.
UNREAD = "unreadable"
# The columns that define a change. Rows that differ only in others are equal.
COMPARED = ("type", "size", "mtime", "ctime", "uid", "gid", "mode", "nlink", "inode", "target")
# The columns read for a comparison. `ext` is derived from name and type, which is cheaper for few rows.
READ_COLUMNS = [name for name in ROW_COLUMNS if name != "ext"]

_Answers: TypeAlias = pa.BooleanArray | None  # of rows; None: the same of all


def cut(
    was: pa.Table | None, now: pa.Table | None
) -> tuple[pa.Table | None, pa.Table | None, pa.Table | None, pa.Table | None]:
    """Return the comparable part of two sorted tables, at least one of which is given, and the rest of each.

    The comparable part ends at the smaller of the two last keys, up to which both tables are complete.
    """
    if was is None or now is None:
        return was, now, None, None
    limit = min(limit_of(was), limit_of(now))
    (old, old_left), (new, new_left) = (_cut_at(rows, rows_up_to(rows, limit)) for rows in (was, now))
    return old, new, old_left, new_left


def compare(
    was: pa.Table | None,
    now: pa.Table | None,
    *,
    before: bool = False,
    names: Iterable[str] = (*COMPARED, UNREAD),
) -> pa.Table:
    """Return the changes between sorted rows: `op` with the later row, or for a deletion the earlier row.

    The tables have READ_COLUMNS, `parent` as a dictionary, and either all or none have UNREAD. None means
    no rows; at least one table must be given. `names` are the columns that define a change. With `before`,
    each modified row follows its earlier row, with the op BEFORE. The result has ROW_COLUMNS, and UNREAD if
    the tables have it, and is sorted, as is its dictionary of parents.
    """
    if was is None or now is None:
        only: Any = now if was is None else was
        return finished(_tagged(only, ADDED if was is None else DELETED), "op")
    was, now = trimmed(was), trimmed(now)
    was_kept, now_kept = common_rows(was, now)
    unequal = differ(was, was_kept, now, now_kept, names)
    changed = (
        (BEFORE, was, _places(was_kept, unequal) if before else None),
        (DELETED, was, _others(was_kept)),
        (MODIFIED, now, _places(now_kept, unequal)),
        (ADDED, now, _others(now_kept)),
    )
    pieces = [
        _tagged(rows.take(places), op) for op, rows, places in changed if places is not None and len(places)
    ]
    # The sort is stable, so that an entry's earlier row comes before its later row.
    return finished(sort_pieces(pieces) if pieces else _tagged(now.slice(0, 0), MODIFIED), "op")


def _cut_at(rows: pa.Table, count: int) -> tuple[pa.Table | None, pa.Table | None]:
    return rows.slice(0, count) if count else None, rows.slice(count) if count < len(rows) else None


def differ(
    was: pa.Table,
    was_kept: _Answers,
    now: pa.Table,
    now_kept: _Answers,
    names: Iterable[str] = (*COMPARED, UNREAD),
) -> _Answers:
    """Return, for each common path, whether its row differs; None: none differs.

    `was_kept` and `now_kept` are masks of the common rows, None: all; `names` are the columns to compare.
    """

    def columns(name: str) -> tuple[pa.Array, pa.Array]:
        pair = was.column(name).chunk(0), now.column(name).chunk(0)
        if any(pa.types.is_dictionary(each.type) for each in pair):
            pair = tuple(each.indices for each in in_one_dictionary(*pair))
        return tuple(
            each if kept is None else each.filter(kept)
            for each, kept in zip(pair, (was_kept, now_kept), strict=True)
        )

    found = None
    for name in names:
        if name not in was.column_names:  # UNREAD
            continue
        before, after = columns(name)
        if before.equals(after):
            continue
        unequal = pc.not_equal(before, after)
        if unequal.null_count:
            one_is_null = pc.xor(pc.is_null(before), pc.is_null(after))
            unequal = pc.or_(pc.fill_null(unequal, False), one_is_null)
        if name == "inode":
            # One of the indexes may have all inodes and the other not, which is not a change.
            unequal = pc.and_(unequal, pc.greater(columns("nlink")[1], 1))
        found = unequal if found is None else pc.or_(found, unequal)
    return found if found is not None and found.true_count else None


def _places(kept: _Answers, differ: _Answers) -> pa.Array | None:
    """Return the numbers of the rows that differ; `differ` is a mask of the kept rows."""
    if differ is None:
        return None
    places = pc.indices_nonzero(differ)
    return places if kept is None else pc.indices_nonzero(kept).take(places)


def _others(kept: _Answers) -> pa.Array | None:
    return None if kept is None else pc.indices_nonzero(pc.invert(kept))


def _tagged(rows: pa.Table, op: str) -> pa.Table:
    """Return rows with their op, and with a dictionary of only their parents."""
    columns = {name: rows.column(name) for name in [*READ_COLUMNS, UNREAD] if name in rows.column_names}
    columns |= {name: columns[name].combine_chunks().cast(pa.string()) for name in ("parent", "type")}
    columns["parent"] = columns["parent"].dictionary_encode()
    return pa.table({"op": pa.repeat(pa.scalar(op), len(rows)), **columns})


def finished(changes: pa.Table, *first: str) -> pa.Table:
    """Return rows with derived columns: `ext`, and no inodes of entries with only one name."""
    columns = {name: changes.column(name) for name in changes.column_names}
    columns["inode"] = where_linked(columns["inode"], columns["nlink"])
    columns["ext"] = extension(columns["name"].combine_chunks(), columns["type"].combine_chunks())
    last = [UNREAD] if UNREAD in columns else []
    return pa.table(columns).select([*first, *ROW_COLUMNS, *last])
