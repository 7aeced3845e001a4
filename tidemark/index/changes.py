"""changes.parquet: what became of the file system's previous index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.columns import with_raw_columns
from tidemark.index.compare import ADDED, BEFORE, DELETED, MODIFIED, READ_COLUMNS, compare, cut
from tidemark.index.files import SideFileWriter
from tidemark.index.filters import ANY, Filters
from tidemark.index.folder import Folder
from tidemark.index.manifest import Changes, File, Manifest
from tidemark.index.reader import ROW_COLUMNS
from tidemark.index.scan import Place, in_order, places_of
from tidemark.index.schema import DICTIONARY_COLUMNS, PART_SCHEMA
from tidemark.index.store import Store

CHANGES = "changes.parquet"
CHANGES_SCHEMA = pa.schema([pa.field("op", pa.string(), nullable=False), *PART_SCHEMA])
_ROW_GROUP_ROWS = 65_536
_READ_AHEAD = 2  # row groups of an index that are read while others are compared; 15 MB each


def sorted_rows(store: Store, manifest: Manifest, below: Filters = ANY) -> Iterator[pa.Table]:
    """Return the rows of an index in order, a row group at a time, with READ_COLUMNS.

    `below` may name a directory: only what is below it. Raises IndexDamaged.
    """

    def rows_of(place: Place) -> pa.Table:
        rows = place.read(READ_COLUMNS, encoded=["parent", "type"])
        return rows_below(with_parent_dictionary(rows), below)

    tables = in_order(places_of(store, manifest, below), rows_of, at_once=min(store.at_once, _READ_AHEAD))
    return filter(len, tables)


def rows_below(rows: pa.Table, below: Filters) -> pa.Table:
    """Return those sorted rows that are below the directory that `below` names: they lie together."""
    for answers in below.condition(rows):
        rows = rows.slice(max(pc.index(answers, True).as_py(), 0), pc.sum(answers).as_py() or 0)
    return rows


def with_parent_dictionary(rows: pa.Table) -> pa.Table:
    """Return rows read from a part as they are while an index is built: `parent` is a sorted dictionary."""
    parent = rows.column("parent").combine_chunks().dictionary_encode()
    return pa.table({**{name: rows.column(name) for name in rows.column_names}, "parent": parent})


class ChangesBuilder:
    """Compares sorted rows with those of the previous index while they stream by.

    `watch` sees the changes pass, with what modified entries were BEFORE.
    """

    def __init__(
        self, store: Store, previous: Manifest | None, watch: Callable[[pa.Table], None] | None = None
    ) -> None:
        self._watch = watch
        self._old = sorted_rows(store, previous) if previous else iter(())
        self._head: pa.Table | None = next(self._old, None)
        self._writer = SideFileWriter(CHANGES, CHANGES_SCHEMA, dictionary_columns=["op", *DICTIONARY_COLUMNS])
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Changes:
        """How many changes there are so far."""
        return Changes(
            added=self._counts[ADDED], modified=self._counts[MODIFIED], deleted=self._counts[DELETED]
        )

    def add(self, rows: pa.Table) -> None:
        """Add a row group, `trimmed`. Raises IndexDamaged where the previous index is."""
        left: pa.Table | None = rows
        while left is not None:
            was, now, was_left, left = cut(self._head, left)
            self._keep(was, now)
            self._head = was_left if was_left is not None else next(self._old, None)

    def close(self, folder: Folder) -> File:
        """Put the file."""
        while self._head is not None:
            self._keep(self._head, None)
            self._head = next(self._old, None)
        self._flush()
        return self._writer.close(folder)

    def _keep(self, was: pa.Table | None, now: pa.Table | None) -> None:
        changes = compare(was, now, before=self._watch is not None)
        if self._watch is not None and len(changes):
            self._watch(changes)
            changes = changes.filter(pc.not_equal(changes.column("op"), BEFORE))
        if len(changes):
            for each in pc.value_counts(changes.column("op").combine_chunks()).to_pylist():
                self._counts[each["values"]] += each["counts"]
            place = changes.column_names.index("parent")
            plain = changes.set_column(place, "parent", changes.column("parent").cast(pa.string()))
            self._waiting.append(plain.select(["op", *ROW_COLUMNS]))
            self._waiting_rows += len(changes)
        if self._waiting_rows >= _ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting).combine_chunks()
            raw = with_raw_columns(rows)
            self._writer.write(raw.append_column("op", rows.column("op")))
            self._waiting, self._waiting_rows = [], 0
