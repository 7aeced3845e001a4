"""Reading the row groups that can hold what is asked for, several at a time."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tidemark.index.filters import Filters
from tidemark.index.manifest import Manifest
from tidemark.index.reader import ParquetReader
from tidemark.index.store import Store

_AT_ONCE = 8  # requests in flight; on a local disk the system's cache makes more of them useless

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True, slots=True)
class RowGroup:
    """A place to read."""

    reader: ParquetReader
    number: int
    first_row: int  # of the whole index


def row_groups_of(
    store: Store, manifest: Manifest, filters: Filters, blocks: Sequence[int] | None, block_rows: int
) -> Iterator[RowGroup]:
    """Return the row groups that can hold such rows, in order; `blocks` come from `Trigrams.blocks_of`."""
    rows_seen = 0
    for part in manifest.parts:
        first, rows_seen = rows_seen, rows_seen + part.rows
        if not filters.may_be_in_part(part) or not _any_block(blocks, block_rows, first, rows_seen):
            continue
        reader = ParquetReader(store, manifest, part)
        at = first
        for number in range(reader.row_groups):
            start, at = at, at + reader.rows(number)
            if _any_block(blocks, block_rows, start, at) and filters.may_be_in_row_group(reader, number):
                yield RowGroup(reader, number, start)


def in_order(places: Iterator[RowGroup], work: Callable[[RowGroup], _Result]) -> Iterator[_Result]:
    """Return the result of each place, in order, while the next ones are being worked on."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="scan") as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for place in places:
                waiting.append(pool.submit(work, place))
                if len(waiting) >= 2 * _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _any_block(blocks: Sequence[int] | None, block_rows: int, start: int, end: int) -> bool:
    if blocks is None:
        return True
    first, last = start // block_rows, (end - 1) // block_rows
    return any(first <= block <= last for block in blocks)
