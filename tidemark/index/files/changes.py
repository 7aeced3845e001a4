"""changes.parquet: changes since the previous index; unreadable.parquet: entries with unknown changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.files.parquet_writer import SideFileWriter
from tidemark.index.files.unreadable_file import Unreadable, plain, with_unread
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Changes, File, Manifest
from tidemark.index.format.schema import DICTIONARY_COLUMNS, PART_SCHEMA
from tidemark.index.reading.filters import ANY, Filters
from tidemark.index.reading.part_reader import ROW_COLUMNS, ParquetReader, entries
from tidemark.index.reading.scan import Place, in_order, places_of
from tidemark.index.rows.arrow_batch import with_raw_columns
from tidemark.index.rows.compare import (
    ADDED,
    BEFORE,
    COMPARED,
    DELETED,
    MODIFIED,
    READ_COLUMNS,
    UNREAD,
    compare,
    cut,
    differ,
    finished,
)
from tidemark.index.rows.external_sort import merge, without_repetitions
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store

CHANGES = "changes.parquet"
UNREADABLE = "unreadable.parquet"
CHANGES_SCHEMA = pa.schema([pa.field("op", pa.string(), nullable=False), *PART_SCHEMA])
_ROW_GROUP_ROWS = 65_536
_READ_AHEAD = 2  # row groups read while others are compared; 15 MB each


def sorted_rows(store: Store, manifest: Manifest, below: Filters = ANY) -> Iterator[pa.Table]:
    """Return the rows of an index in order, a row group at a time, with READ_COLUMNS.

    `below` may limit them to a directory. Raises IndexDamaged.
    """

    def rows_of(place: Place) -> pa.Table:
        rows = place.read(READ_COLUMNS, encoded=["parent", "type"])
        return rows_below(with_parent_dictionary(rows), below)

    tables = in_order(places_of(store, manifest, below), rows_of, at_once=min(store.at_once, _READ_AHEAD))
    return filter(len, tables)


def standing_rows(store: Store, manifest: Manifest, below: Filters = ANY) -> Iterator[pa.Table]:
    """Return the last known rows of entries that an index could not read, in order, with ROW_COLUMNS.

    Only links whose target could not be read also have a row in the index. Raises IndexDamaged.
    """
    file = manifest.side_file(UNREADABLE)
    if file is not None:
        reader = ParquetReader(store, manifest, file)
        for row_group in range(reader.row_groups):
            if below.may_be_in_row_group(reader, row_group):
                yield rows_below(reader.read(row_group, ROW_COLUMNS), below)


def standing_entry(store: Store, manifest: Manifest, path: str) -> Entry | None:
    """Return the last known entry of a path that an index could not read; None if unknown or readable.

    Raises IndexDamaged.
    """
    parent, _, name = path.rpartition("/")
    for table in standing_rows(store, manifest, Filters(under=parent)):
        is_it = pc.and_(pc.equal(table.column("parent"), f"{parent}/"), pc.equal(table.column("name"), name))
        if found := next(entries(table.filter(is_it)), None):
            return found
    return None


def known_rows(
    store: Store, manifest: Manifest, below: Filters = ANY, *, mark: bool = True
) -> Iterator[pa.Table]:
    """Return the rows of an index, and the last known rows of unreadable entries, in order.

    They have READ_COLUMNS and UNREAD, which is false for all if `mark` is not set. Raises IndexDamaged.
    """
    rows = (with_unread(table) for table in sorted_rows(store, manifest, below))
    if manifest.side_file(UNREADABLE) is None:
        return rows
    standing = (
        plain(with_unread(with_parent_dictionary(table), unread=mark))
        for table in standing_rows(store, manifest, below)
        if len(table)
    )
    # For an unreadable link, the last known row comes first and replaces the other.
    return without_repetitions(merge([standing, map(plain, rows)]))


def rows_below(rows: pa.Table, below: Filters) -> pa.Table:
    """Return the sorted rows below the directory in `below`, which are contiguous."""
    for answers in below.condition(rows):
        rows = rows.slice(max(pc.index(answers, True).as_py(), 0), pc.sum(answers).as_py() or 0)
    return rows


def with_parent_dictionary(rows: pa.Table) -> pa.Table:
    """Return rows of a part in the form used by builds: `parent` is a sorted dictionary."""
    parent = rows.column("parent").combine_chunks().dictionary_encode()
    return pa.table({**{name: rows.column(name) for name in rows.column_names}, "parent": parent})


class _Gathering:
    """Collects small tables for a side file."""

    def __init__(self, name: str, schema: pa.Schema, *more: str) -> None:
        self._writer = SideFileWriter(name, schema, dictionary_columns=[*more, *DICTIONARY_COLUMNS])
        self._more = more  # columns besides the parts'
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        place = rows.column_names.index("parent")
        plain = rows.set_column(place, "parent", rows.column("parent").cast(pa.string()))
        self._waiting.append(plain.select([*self._more, *ROW_COLUMNS]))
        self._waiting_rows += len(rows)
        self.rows += len(rows)
        if self._waiting_rows >= _ROW_GROUP_ROWS:
            self._flush()

    def close(self, folder: Folder) -> File:
        self._flush()
        return self._writer.close(folder)

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting).combine_chunks()
            raw = with_raw_columns(rows)
            for name in self._more:
                raw = raw.append_column(name, rows.column(name))
            self._writer.write(raw)
            self._waiting, self._waiting_rows = [], 0


class ChangesBuilder:
    """Compares a stream of sorted rows with the known rows of the previous index.

    Rows that `unreadable` covers keep their last known state. `watch` receives the changes, with UNREAD and
    with modified entries as they were BEFORE, including those that became unreadable or readable.
    """

    def __init__(
        self,
        store: Store,
        previous: Manifest,
        unreadable: Unreadable,
        watch: Callable[[pa.Table], None],
    ) -> None:
        self._watch, self._unreadable = watch, unreadable
        self._old = known_rows(store, previous)
        self._head: pa.Table | None = next(self._old, None)
        self._changes = _Gathering(CHANGES, CHANGES_SCHEMA, "op")
        self._standing = _Gathering(UNREADABLE, PART_SCHEMA)
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Changes:
        """The number of changes so far."""
        return Changes(
            added=self._counts[ADDED],
            modified=self._counts[MODIFIED],
            deleted=self._counts[DELETED],
            unreadable=self._standing.rows,
        )

    def add(self, rows: pa.Table) -> None:
        """Add a row group, `trimmed`. Raises IndexDamaged if the previous index is damaged."""
        left: pa.Table | None = with_unread(rows)
        while left is not None:
            was, now, was_left, left = cut(self._head, left)
            self._keep(was, now)
            self._head = was_left if was_left is not None else next(self._old, None)

    def close(self, folder: Folder) -> list[File]:
        """Put the files; unreadable.parquet only if it has rows."""
        while self._head is not None:
            self._keep(self._head, None)
            self._head = next(self._old, None)
        files = [self._changes.close(folder)]
        return [*files, self._standing.close(folder)] if self._standing.rows else files

    def _keep(self, was: pa.Table | None, now: pa.Table | None) -> None:
        if self._unreadable:
            now, standing = self._unreadable.stand_in(was, now)
            if standing is not None:
                self._standing.add(finished(standing))
        changes = compare(was, now, before=True)
        if not len(changes):
            return
        self._watch(changes)
        changes = _to_be_told(changes)
        if len(changes):
            for each in pc.value_counts(changes.column("op").combine_chunks()).to_pylist():
                self._counts[each["values"]] += each["counts"]
            self._changes.add(changes)


def _to_be_told(changes: pa.Table) -> pa.Table:
    """Return the changes for the file, which are those of readable entries, sorted and with BEFORE rows."""
    op = changes.column("op").combine_chunks()
    unread = changes.column(UNREAD).combine_chunks()
    stands = pc.and_(unread, pc.not_equal(op, DELETED))  # a deleted row is what it was before
    kept = pc.and_not(pc.not_equal(op, BEFORE), stands)
    # An entry that became readable directly follows its last known row.
    before = pc.indices_nonzero(pc.and_(pc.equal(op, BEFORE), unread))
    if len(before):
        after = pc.add(before, 1)
        unequal = differ(changes.take(before), None, changes.take(after), None, COMPARED)
        same = after if unequal is None else after.filter(pc.invert(unequal))
        kept = pc.and_not(kept, pc.is_in(pa.array(range(len(changes)), same.type), value_set=same))
    return changes.filter(kept)
