"""Reading the row groups that can hold what is asked for, several at a time."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from typing import TypeVar

from tidemark.errors import TidemarkError
from tidemark.index.filters import Filters
from tidemark.index.manifest import Manifest, Part
from tidemark.index.reader import ParquetReader
from tidemark.index.store import Store

_Item = TypeVar("_Item")
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
    firsts = accumulate((part.rows for part in manifest.parts), initial=0)
    parts = (
        (part, first)
        for part, first in zip(manifest.parts, firsts, strict=False)
        if filters.may_be_in_part(part) and _any_block(blocks, block_rows, first, first + part.rows)
    )

    def opened(each: tuple[Part, int]) -> tuple[ParquetReader, int]:
        return ParquetReader(store, manifest, each[0]), each[1]

    for reader, first in in_order(parts, opened, at_once=store.at_once):
        at = first
        for number in range(reader.row_groups):
            start, at = at, at + reader.rows(number)
            if _any_block(blocks, block_rows, start, at) and filters.may_be_in_row_group(reader, number):
                yield RowGroup(reader, number, start)


def in_order(items: Iterator[_Item], work: Callable[[_Item], _Result], *, at_once: int) -> Iterator[_Result]:
    """Return the result of each item, in order, while the next ones are being worked on, so many at once.

    Begins with one and looks twice as far ahead after each result, so that whoever wants few results costs
    little more than these. An error, also one of `items`, is raised when everything before it is out.
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


def _any_block(blocks: Sequence[int] | None, block_rows: int, start: int, end: int) -> bool:
    if blocks is None:
        return True
    at = bisect_left(blocks, start // block_rows)
    return at < len(blocks) and blocks[at] <= (end - 1) // block_rows
