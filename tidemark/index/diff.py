"""What is different between two indexes."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa

from tidemark.index.changes import CHANGES, CHANGES_SCHEMA, rows_below, sorted_rows
from tidemark.index.compare import ADDED, DELETED, compare, cut
from tidemark.index.entry import Entry
from tidemark.index.filters import Filters
from tidemark.index.manifest import Manifest
from tidemark.index.reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.scan import in_order
from tidemark.index.store import Store

Kind = Literal["added", "changed", "removed", "renamed"]
_KINDS: dict[str, Kind] = {ADDED: "added", DELETED: "removed"}
_COMPARED_AT_ONCE = 2  # pieces, while the next ones are read


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    kind: Kind
    entry: Entry  # as it is in the second index; of what was removed, as it was in the first
    before: str | None = None  # the path in the first index, of what has another one now
    entries: int | None = None  # that went along with a renamed directory, at any depth, otherwise unchanged


def diff(store: Store, first: Manifest, second: Manifest, *, under: str = "/") -> Iterator[Change]:
    """Return what is different in `second`, sorted by directory and name: added, changed, removed.

    Reads only changes.parquet where `second` was written against `first`, else both indexes, some row groups
    of each at a time; of any only what can be below `under`. Raises IndexDamaged.
    """
    below = Filters(under=under)
    for changes in _changes(store, first, second, below):
        for op, entry in zip(changes.column("op").to_pylist(), entries(changes), strict=True):
            yield Change(kind=_KINDS.get(op, "changed"), entry=entry)


@dataclasses.dataclass(slots=True, kw_only=True)
class DirectoryChanges:
    """How many changes there are directly in one directory, and what they weigh."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    renamed: int = 0
    bytes_added: int = 0  # of added files
    bytes_removed: int = 0


def by_directory(changes: Iterable[Change]) -> dict[str, DirectoryChanges]:
    """Return the changes summed up by the directory that they are in."""
    sums: defaultdict[str, DirectoryChanges] = defaultdict(DirectoryChanges)
    for change in changes:
        directory = sums[change.entry.parent]
        setattr(directory, change.kind, getattr(directory, change.kind) + 1)
        if change.entry.type == "f" and change.kind == "added":
            directory.bytes_added += change.entry.size
        if change.entry.type == "f" and change.kind == "removed":
            directory.bytes_removed += change.entry.size
    return dict(sums)


def _changes(store: Store, first: Manifest, second: Manifest, below: Filters) -> Iterator[pa.Table]:
    file = second.side_file(CHANGES)
    if file is not None and second.previous_index_id == first.index_id:
        reader = ParquetReader(store, second, file, CHANGES_SCHEMA)
        for row_group in range(reader.row_groups):
            if below.may_be_in_row_group(reader, row_group):
                yield rows_below(reader.read(row_group, ["op", *ENTRY_COLUMNS]), below)
        return
    pieces = _pieces(sorted_rows(store, first, below), sorted_rows(store, second, below))
    yield from in_order(pieces, lambda piece: compare(*piece), at_once=_COMPARED_AT_ONCE)


def _pieces(
    first: Iterator[pa.Table], second: Iterator[pa.Table]
) -> Iterator[tuple[pa.Table | None, pa.Table | None]]:
    """Return the rows of both in pieces that can be compared, each without the others."""
    old, new = next(first, None), next(second, None)
    while old is not None or new is not None:
        was, now, old, new = cut(old, new)
        yield was, now
        old = old if old is not None else next(first, None)
        new = new if new is not None else next(second, None)
