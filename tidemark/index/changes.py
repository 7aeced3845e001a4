"""changes.parquet: what became of the file system's previous index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.index.columns import where_linked, with_raw_columns
from tidemark.index.files import SideFileWriter
from tidemark.index.manifest import Changes, File, Manifest
from tidemark.index.reader import ROW_COLUMNS, ParquetReader
from tidemark.index.schema import DICTIONARY_COLUMNS, PART_SCHEMA
from tidemark.index.sort import limit_of, rows_up_to, sort_pieces, trimmed
from tidemark.index.store import Store

CHANGES = "changes.parquet"
ADDED, MODIFIED, DELETED = "A", "M", "D"
BEFORE = "B"  # only in memory: what a modified entry was before
CHANGES_SCHEMA = pa.schema([pa.field("op", pa.string(), nullable=False), *PART_SCHEMA])
# What a change is. A row that differs in nothing else is the same entry.
COMPARED = ("type", "size", "mtime", "ctime", "uid", "gid", "mode", "nlink", "inode", "target")
_ROW_GROUP_ROWS = 65_536


def sorted_rows(store: Store, manifest: Manifest) -> Iterator[pa.Table]:
    """Return all rows of an index in order, a row group at a time, `trimmed`. Raises IndexDamaged."""
    for part in manifest.parts:
        reader = ParquetReader(store, manifest, part)
        for row_group in range(reader.row_groups):
            yield with_parent_dictionary(reader.read(row_group, ROW_COLUMNS))


def with_parent_dictionary(rows: pa.Table) -> pa.Table:
    """Return rows read from a part as they are while an index is built: `parent` is a sorted dictionary."""
    parent = rows.column("parent").combine_chunks().dictionary_encode()
    return pa.table({**{name: rows.column(name) for name in rows.column_names}, "parent": parent})


def compare(old: list[pa.Table], new: list[pa.Table], *, before: bool = False) -> pa.Table:
    """Return what changed between sorted runs of rows: `op`, and the row after it, of a deletion before.

    With `before`, each modified row follows what it was, with the op BEFORE.
    """
    tagged = [
        _tagged(table, MODIFIED if which else DELETED) for which in (0, 1) for table in (old, new)[which]
    ]
    # The sort is stable, so that of two rows with one key the old one comes first.
    rows = sort_pieces(tagged) if len(tagged) > 1 else tagged[0]
    parent, name = rows.column("parent").combine_chunks(), rows.column("name").combine_chunks()
    pair = pc.and_(pc.equal(parent.indices[1:], parent.indices[:-1]), pc.equal(name[1:], name[:-1]))
    no = pa.array([False])
    has_old = pa.concat_arrays([no, pair])  # a new row behind its old one
    has_new = pa.concat_arrays([pair, no])
    differs = _differs(rows)
    is_new = pc.equal(rows.column("op"), MODIFIED)
    added = pc.and_not(is_new, has_old)
    modified = pc.and_(pc.and_(is_new, has_old), pa.concat_arrays([no, differs]))
    deleted = pc.and_not(pc.invert(is_new), has_new)
    op = pc.if_else(added, ADDED, rows.column("op"))
    kept = pc.or_(pc.or_(added, modified), deleted)
    if before:
        was = pc.and_(pc.and_not(has_new, is_new), pa.concat_arrays([differs, no]))
        op, kept = pc.if_else(was, BEFORE, op), pc.or_(kept, was)
    return rows.set_column(rows.column_names.index("op"), "op", op).filter(kept)


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
        limit = limit_of(rows)
        old: list[pa.Table] = []
        while self._head is not None and (cut := rows_up_to(self._head, limit)):
            old.append(self._head.slice(0, cut))
            self._head = self._head.slice(cut) if cut < len(self._head) else next(self._old, None)
        self._keep(old, [rows.select(ROW_COLUMNS)])

    def close(self, store: Store, prefix: str) -> File:
        """Put the file."""
        while self._head is not None:
            self._keep([self._head], [])
            self._head = next(self._old, None)
        self._flush()
        return self._writer.close(store, prefix)

    def _keep(self, old: list[pa.Table], new: list[pa.Table]) -> None:
        changes = compare(old, new, before=self._watch is not None)
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


def _tagged(rows: pa.Table, op: str) -> pa.Table:
    tagged = trimmed(rows).append_column("op", pa.repeat(pa.scalar(op), len(rows)))
    # One of the two indexes may have all inodes and the other not, which is no change.
    inode = where_linked(tagged.column("inode"), tagged.column("nlink"))
    tagged = tagged.set_column(tagged.column_names.index("inode"), "inode", inode)
    return tagged.select(["op", *ROW_COLUMNS])


def _differs(rows: pa.Table) -> pa.Array:
    """Tell of each row but the first whether it differs from the one before."""
    found = pa.repeat(pa.scalar(False), max(len(rows) - 1, 0))
    for name in COMPARED:
        column = rows.column(name).combine_chunks()
        here, before = column[1:], column[:-1]
        unequal = pc.fill_null(pc.not_equal(here, before), False)
        found = pc.or_(found, pc.or_(unequal, pc.xor(pc.is_null(here), pc.is_null(before))))
    return found
