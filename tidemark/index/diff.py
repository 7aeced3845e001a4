"""What is different between two indexes."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.changes import CHANGES, CHANGES_SCHEMA, sorted_rows
from tidemark.index.compare import ADDED, DELETED, compare
from tidemark.index.entry import Entry
from tidemark.index.manifest import Manifest
from tidemark.index.reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.sort import limit_of, rows_up_to
from tidemark.index.store import Store

Kind = Literal["added", "changed", "removed", "renamed"]
_KINDS: dict[str, Kind] = {ADDED: "added", DELETED: "removed"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    kind: Kind
    entry: Entry  # as it is in the second index; of what was removed, as it was in the first
    before: str | None = None  # the path in the first index, of what has another one now
    entries: int | None = None  # that went along with a renamed directory, at any depth, otherwise unchanged


def diff(store: Store, first: Manifest, second: Manifest, *, under: str = "/") -> Iterator[Change]:
    """Return what is different in `second`, sorted by directory and name: added, changed, removed.

    Reads only changes.parquet where `second` was written against `first`, else both indexes, a row group of
    each at a time. Raises IndexDamaged.
    """
    prefix = f"/{under.strip('/')}/" if under.strip("/") else "/"
    for changes in _changes(store, first, second):
        below = changes.filter(pc.starts_with(changes.column("parent").cast(pa.string()), prefix))
        for op, entry in zip(
            below.column("op").to_pylist(), entries(below.select(ENTRY_COLUMNS)), strict=True
        ):
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


def _changes(store: Store, first: Manifest, second: Manifest) -> Iterator[pa.Table]:
    file = second.side_file(CHANGES)
    if file is not None and second.previous_index_id == first.index_id:
        reader = ParquetReader(store, second, file, CHANGES_SCHEMA)
        for row_group in range(reader.row_groups):
            yield reader.read(row_group, ["op", *ENTRY_COLUMNS])
        return
    yield from _compared(sorted_rows(store, first), sorted_rows(store, second))


def _compared(first: Iterator[pa.Table], second: Iterator[pa.Table]) -> Iterator[pa.Table]:
    old, new = next(first, None), next(second, None)
    while old is not None and new is not None:
        limit = min(limit_of(old), limit_of(new))
        old_cut, new_cut = rows_up_to(old, limit), rows_up_to(new, limit)
        yield compare([old.slice(0, old_cut)] if old_cut else [], [new.slice(0, new_cut)] if new_cut else [])
        old = old.slice(old_cut) if old_cut < len(old) else next(first, None)
        new = new.slice(new_cut) if new_cut < len(new) else next(second, None)
    while old is not None:
        yield compare([old], [])
        old = next(first, None)
    while new is not None:
        yield compare([], [new])
        new = next(second, None)
