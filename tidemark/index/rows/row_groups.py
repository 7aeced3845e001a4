"""Converts sorted tables of any size to row groups of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from tidemark.index.rows.external_sort import trimmed


def row_groups(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Return the same rows in tables of `rows` rows (the last may be smaller), each one chunk, `trimmed`."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        start = 0
        while count + len(table) - start >= rows:
            end = start + rows - count
            waiting.append(trimmed(table.slice(start, end - start)))
            yield _one(waiting)
            waiting, count, start = [], 0, end
        if start < len(table):
            waiting.append(trimmed(table.slice(start)))
            count += len(table) - start
    if waiting:
        yield _one(waiting)


def _one(tables: list[pa.Table]) -> pa.Table:
    return trimmed(tables[0] if len(tables) == 1 else pa.concat_tables(tables))
