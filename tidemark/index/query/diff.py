"""The differences between two indexes."""

from __future__ import annotations

import dataclasses
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

import pyarrow as pa

from tidemark.index.files.changes import CHANGES, CHANGES_SCHEMA, known_rows, rows_below, standing_rows
from tidemark.index.files.errors_file import unreadable_of
from tidemark.index.files.unreadable_file import Unreadable
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.browse import find_entry
from tidemark.index.reading.filters import Filters
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.reading.scan import in_order
from tidemark.index.rows.compare import ADDED, DELETED, UNREAD, compare, cut
from tidemark.index.storage.object_store import Store

Kind = Literal["added", "changed", "removed", "renamed", "unreadable"]
_KINDS: dict[str, Kind] = {ADDED: "added", DELETED: "removed"}
_COMPARED_AT_ONCE = 2  # pieces compared while the next ones are read


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    kind: Kind
    # The entry in the second index; if removed, the entry in the first; if unreadable in the second, the last
    # known entry.
    entry: Entry
    before: str | None = None  # the path in the first index, if it has changed
    entries: int | None = None  # otherwise unchanged entries below a renamed directory, at any depth


def diff(store: Store, first: Manifest, second: Manifest, *, under: str = "/") -> Iterator[Change]:
    """Return the differences of `second` from `first`, sorted by directory and name.

    An entry was added, changed or removed, or is unreadable: `second` could not read it, so its state is
    unknown. Entries that `first` could not read are compared by their last known state.

    Reads only changes.parquet and unreadable.parquet if `second` was written against `first`, otherwise both
    indexes, some row groups at a time; in either case only what can be below `under`. Raises IndexDamaged.
    """
    below = Filters(under=under)
    if second.side_file(CHANGES) is not None and second.previous_index_id == first.index_id:
        standing = (_of(rows, "unreadable") for rows in standing_rows(store, second, below))
        streams = (chain.from_iterable(each) for each in (_recorded(store, second, below), standing))
        yield from heapq.merge(*streams, key=lambda change: (change.entry.parent, change.entry.name))
        return
    pieces = _pieces(store, first, second, below)
    for changes in in_order(pieces, lambda piece: compare(*piece), at_once=_COMPARED_AT_ONCE):
        for op, unread, entry in zip(
            *(changes.column(name).to_pylist() for name in ("op", UNREAD)), entries(changes), strict=True
        ):
            yield Change(kind="unreadable" if unread else _KINDS.get(op, "changed"), entry=entry)


@dataclasses.dataclass(slots=True, kw_only=True)
class DirectoryChanges:
    """The number and size of the changes directly in one directory, or in a tree."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    renamed: int = 0
    unreadable: int = 0
    bytes_added: int = 0  # of added files
    bytes_removed: int = 0

    def add(self, change: Change) -> None:
        """Count one more change."""
        setattr(self, change.kind, getattr(self, change.kind) + 1)
        if change.entry.type == "f" and change.kind == "added":
            self.bytes_added += change.entry.size
        if change.entry.type == "f" and change.kind == "removed":
            self.bytes_removed += change.entry.size


def by_directory(changes: Iterable[Change]) -> dict[str, DirectoryChanges]:
    """Return the changes summed by directory."""
    sums: defaultdict[str, DirectoryChanges] = defaultdict(DirectoryChanges)
    for change in changes:
        sums[change.entry.parent].add(change)
    return dict(sums)


def _recorded(store: Store, index: Manifest, below: Filters) -> Iterator[Iterator[Change]]:
    file = index.side_file(CHANGES)
    assert file is not None  # noqa: S101 - checked by the only caller
    reader = ParquetReader(store, index, file, CHANGES_SCHEMA)
    for row_group in range(reader.row_groups):
        if below.may_be_in_row_group(reader, row_group):
            rows = rows_below(reader.read(row_group, ["op", *ENTRY_COLUMNS]), below)
            kinds = (_KINDS.get(op, "changed") for op in rows.column("op").to_pylist())
            yield (Change(kind=kind, entry=entry) for kind, entry in zip(kinds, entries(rows), strict=True))


def _of(rows: pa.Table, kind: Kind) -> Iterator[Change]:
    return (Change(kind=kind, entry=entry) for entry in entries(rows))


def _pieces(
    store: Store, first: Manifest, second: Manifest, below: Filters
) -> Iterator[tuple[pa.Table | None, pa.Table | None]]:
    """Return the rows of both in pieces that can be compared independently."""
    unreadable = unreadable_of(store, second, under=below.under or "/")
    if unreadable:
        _note_above(store, second, unreadable, below)
    before, after = known_rows(store, first, below, mark=False), known_rows(store, second, below)
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        was, now, old, new = cut(old, new)
        if unreadable:
            now, _ = unreadable.stand_in(was, now)
        if was is not None or now is not None:
            yield was, now
        old = old if old is not None else next(before, None)
        new = new if new is not None else next(after, None)


def _note_above(store: Store, index: Manifest, unreadable: Unreadable, below: Filters) -> None:
    """Note the states of `below` and its parent directories, whose rows are not read otherwise."""
    whole = f"/{(below.under or '').strip('/')}/"
    for end in (at for at, letter in enumerate(whole) if letter == "/" and at):
        path = whole[:end]
        if unreadable.broke_off(f"{path.rpartition('/')[0]}/") and find_entry(store, index, path):
            unreadable.note_seen(f"{path}/")
