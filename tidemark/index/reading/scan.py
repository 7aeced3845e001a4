"""Reads the row groups that can contain matching rows, several concurrently."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from typing import TypeVar

import pyarrow as pa

from tidemark.errors import TidemarkError
from tidemark.index.format.manifest import Manifest, Part
from tidemark.index.reading.filters import ANY, Filters
from tidemark.index.reading.page_search import Holding, Needle
from tidemark.index.reading.part_reader import FEW, ParquetReader
from tidemark.index.storage.object_store import Store

_NEAR = 1  # blocks between two wanted ones that are also read: about 50 kB of names, to save a request

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Rows of one row group, to read."""

    reader: ParquetReader
    row_group: int
    rows: range  # within the row group
    spans: tuple[range, ...] = ()  # the only relevant ones of `rows`; if empty, all are

    def read(self, columns: Sequence[str], *, encoded: Sequence[str] = ()) -> pa.Table:
        """Return some columns, those in `encoded` possibly as dictionaries. Raises IndexDamaged."""
        return self.reader.read_rows(self.row_group, self.rows, columns, encoded=encoded)

    def holding(self, column: str, needle: Needle) -> Holding | None:
        """Return the texts of a column that contain the needle; None if the column must be read instead.

        Raises IndexDamaged.
        """
        return self.reader.holding(self.row_group, self.spans or (self.rows,), column, needle)

    def part(self, first: int, last: int) -> Place:
        """Return the rows from `first` to `last` of these, inclusive."""
        return dataclasses.replace(self, rows=self.rows[first : last + 1], spans=())


def places_of(
    store: Store,
    manifest: Manifest,
    filters: Filters = ANY,
    blocks: Sequence[int] | None = None,
    block_rows: int = 1,
    *,
    paged: bool = False,
) -> Iterator[Place]:
    """Return the places that can contain matching rows, in order; only in `blocks` (of Trigrams), if given.

    Use `paged` to read few rows of each row group.
    """
    firsts = accumulate((part.rows for part in manifest.parts), initial=0)
    parts = (
        (part, first)
        for part, first in zip(manifest.parts, firsts, strict=False)
        if filters.may_be_in_part(part) and (blocks is None or _within(blocks, block_rows, first, part.rows))
    )

    def opened(each: tuple[Part, int]) -> tuple[ParquetReader, int]:
        return ParquetReader(store, manifest, each[0], paged=paged), each[1]

    for reader, first in in_order(parts, opened, at_once=store.at_once):
        at = first
        for number in range(reader.row_groups):
            rows = reader.rows(number)
            if filters.may_be_in_row_group(reader, number):
                spans = [range(rows)] if blocks is None else _within(blocks, block_rows, at, rows)
                if sum(map(len, spans)) * FEW > rows:  # then the whole row group is read
                    yield Place(reader, number, range(spans[0].start, spans[-1].stop), tuple(spans))
                else:
                    yield from (Place(reader, number, span) for span in spans)
            at += rows


def _within(blocks: Sequence[int], block_rows: int, first: int, rows: int) -> list[range]:
    """Return the rows in `blocks`, of `rows` rows from `first` on; near blocks are one range."""
    spans: list[range] = []
    last = (first + rows - 1) // block_rows
    for block in blocks[bisect_left(blocks, first // block_rows) : bisect_right(blocks, last)]:
        start = max(block * block_rows - first, 0)
        stop = min((block + 1) * block_rows - first, rows)
        if spans and start - spans[-1].stop <= _NEAR * block_rows:
            spans[-1] = range(spans[-1].start, stop)
        else:
            spans.append(range(start, stop))
    return spans


def in_order(items: Iterator[_Item], work: Callable[[_Item], _Result], *, at_once: int) -> Iterator[_Result]:
    """Return the result of each item, in order, with up to `at_once` items in progress.

    Starts with one item and doubles the lookahead after each result, so that reading few results costs little
    more than these. An error, including one of `items`, is raised after all results before it.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="scan") as pool:
        waiting: deque[Future[_Result]] = deque()
        ahead = 1
        more, broken = True, None
        try:
            while more or waiting:
                while more and len(waiting) < ahead:
                    try:
                        waiting.append(pool.submit(work, next(items)))
                    except StopIteration:
                        more = False
                    except TidemarkError as error:
                        more, broken = False, error
                if waiting:
                    yield waiting.popleft().result()
                    ahead = min(2 * ahead, 2 * at_once)
            if broken is not None:
                raise broken
        finally:
            for future in waiting:
                future.cancel()
