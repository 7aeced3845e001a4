"""history.parquet and history-recent.parquet: versions of every path that changed in a span of indexes.

An index's changes are merged with those of earlier indexes, so that reading a path's history takes two small
reads instead of one per index. The layout is in docs/index-format.md; docs/decisions/0011-the-history-log.md
explains why there are two logs and why they are safe.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import IndexDamaged
from tidemark.index.files.changes import with_parent_dictionary
from tidemark.index.files.parquet_writer import SideFileWriter
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import File, Manifest, file_of
from tidemark.index.format.schema import DICTIONARY_COLUMNS, PART_SCHEMA
from tidemark.index.reading.part_reader import ROW_COLUMNS, ParquetReader, entries
from tidemark.index.rows.compare import BEFORE, DELETED, UNREAD
from tidemark.index.rows.external_sort import merge, sort_pieces
from tidemark.index.storage.attempt_folder import Folder
from tidemark.index.storage.object_store import Store
from tidemark.index.storage.verified_reads import damaged

RECENT = "history-recent.parquet"
EARLIER = "history.parquet"
HISTORY_SCHEMA = pa.schema(
    [
        pa.field("since", pa.int32(), nullable=False),
        pa.field("present", pa.bool_(), nullable=False),
        *(PART_SCHEMA.field(name) for name in ROW_COLUMNS),
        pa.field(UNREAD, pa.bool_()),  # true or null; missing in the first logs
    ]
)
_FIRST_SCHEMA = pa.schema([field for field in HISTORY_SCHEMA if field.name != UNREAD])
SPAN = 8  # indexes in a recent log before it is merged into the earlier one
_NOTE = "tidemark.history"
_ROW_GROUP_ROWS = 32_768
_MOST_CHANGES = 1 << 21  # of one index, in memory
_MOST_ROWS = 1 << 23  # of a log: about 200 MB in memory


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An index of a span."""

    index_id: str
    crawled_at: datetime | None  # when its crawl began; None for the index that contains the log


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of a path in an index."""

    entry: Entry | None = None  # None: it did not exist, or is unknown
    unreadable: bool = False  # the index could not read it, and `entry` is its last known state


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The location of the log that ends with the first index of a recent log."""

    index_id: str  # the index that contains the log
    file: File


class Log:
    """An open log: the indexes that it covers, and where the earlier log is. Raises IndexDamaged."""

    def __init__(self, store: Store, manifest: Manifest, file: File) -> None:
        self.reader = ParquetReader(store, manifest, file, _FIRST_SCHEMA)
        self.rows = file.rows
        try:
            note = json.loads(self.reader.note(_NOTE))
            self.indexes = tuple(map(_seen, note["indexes"]))
            self.earlier = None if note["earlier"] is None else _earlier(note["earlier"])
            self.indexes[1]
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise damaged(store, manifest, file, f"is damaged: {error}") from error

    @classmethod
    def of(cls, store: Store, manifest: Manifest) -> Self | None:
        """Return an index's recent log, if it has one."""
        file = manifest.side_file(RECENT)
        return None if file is None else cls(store, manifest, file)

    def before(self, store: Store, manifest: Manifest) -> Self | None:
        """Return the earlier log; `manifest` may be of any index of the same file system."""
        if self.earlier is None:
            return None
        identity = dataclasses.replace(manifest.identity, index_id=self.earlier.index_id)
        return type(self)(store, dataclasses.replace(manifest, identity=identity), self.earlier.file)

    def versions(self, path: str) -> list[tuple[int, State]]:
        """Return the versions of a path, each with the number of the first index that contains it.

        A path without versions did not change. A path whose first version is later did not exist before.
        """
        parent, _, name = path.rpartition("/")
        key = {"parent": f"{parent}/", "name": name}
        found: list[tuple[int, State]] = []
        for row_group in range(self.reader.row_groups):
            extents = {column: self.reader.extent(row_group, column) for column in key}
            if any(extent and not extent[0] <= key[each] <= extent[1] for each, extent in extents.items()):
                continue
            rows = self._read(row_group)
            for column, value in key.items():
                rows = rows.filter(pc.equal(rows.column(column), pa.scalar(value)))
            told = (rows.column(name).to_pylist() for name in ("since", "present", UNREAD))
            for since, there, unread, entry in zip(*told, entries(rows), strict=True):
                found.append((since, State(entry=entry, unreadable=bool(unread)) if there else State()))
        return found

    def tables(self) -> Iterator[pa.Table]:
        """Return all rows in order, no path in two tables."""
        for row_group in range(self.reader.row_groups):
            yield with_parent_dictionary(self._read(row_group))

    def _read(self, row_group: int) -> pa.Table:
        rows = self.reader.read(row_group, [name for name in HISTORY_SCHEMA.names if self.reader.has(name)])
        if UNREAD in rows.column_names:
            return rows
        return rows.append_column(UNREAD, pa.nulls(len(rows), pa.bool_()))


class HistoryBuilder:
    """Collects a stream of an index's changes and merges them into the history."""

    def __init__(self, store: Store, previous: Manifest) -> None:
        self._store, self._previous = store, previous
        self._changes: list[pa.Table] = []
        self._rows = 0

    def add(self, changes: pa.Table) -> None:
        """Add sorted changes, with UNREAD and the rows as they were before (`BEFORE`)."""
        op = changes.column("op")
        gone = pc.equal(op, DELETED)
        was = pc.or_(gone, pc.equal(op, BEFORE))
        pieces = [
            _versions(changes.filter(was), 0, pa.repeat(pa.scalar(True), pc.sum(was).as_py() or 0)),
            _versions(changes.filter(is_new := pc.not_equal(op, BEFORE)), 1, pc.invert(gone).filter(is_new)),
        ]
        self._rows += sum(map(len, pieces))
        if self._rows > _MOST_CHANGES:
            self._changes = []
        elif self._rows:
            self._changes.append(sort_pieces([piece for piece in pieces if len(piece)]))

    def close(self, index_id: str, folder: Folder) -> list[File]:
        """Put the logs; return their entries in the manifest."""
        if self._rows > _MOST_CHANGES:
            return []
        files: list[File] = []
        known, earlier = self._known()
        here = Seen(index_id=self._previous.index_id, crawled_at=self._previous.crawl_started_at)
        indexes: tuple[Seen, ...] = (here,)
        tables: Iterator[pa.Table] = iter(self._changes)
        pointer = known.earlier if known and earlier else None
        if known is not None:
            reaching = (*known.indexes[:-1], here)
            if len(reaching) > SPAN or known.rows + self._rows > _MOST_ROWS:
                files += self._put_earlier(folder, known, earlier, reaching)
                pointer = Earlier(index_id=index_id, file=files[0]) if files else None
            else:
                tables, indexes = join(known.tables(), tables, len(reaching) - 1), reaching
        seen = (*indexes, Seen(index_id=index_id, crawled_at=None))
        return [*files, _put(folder, RECENT, tables, seen, pointer)]

    def _known(self) -> tuple[Log | None, Log | None]:
        """Return the recent and the earlier log of the previous index; None for a damaged one."""
        try:
            recent = Log.of(self._store, self._previous)
        except IndexDamaged:
            return None, None
        try:
            return recent, recent.before(self._store, self._previous) if recent else None
        except IndexDamaged:  # or its index has been deleted
            return recent, None

    def _put_earlier(
        self, folder: Folder, recent: Log, earlier: Log | None, reaching: tuple[Seen, ...]
    ) -> list[File]:
        """Put the merged earlier logs, from the oldest existing index on."""
        tables, indexes = recent.tables(), reaching
        if earlier is not None and earlier.rows + recent.rows <= _MOST_ROWS:
            tables = join(earlier.tables(), tables, len(earlier.indexes) - 1)
            indexes = (*earlier.indexes[:-1], *reaching)
        beside = self._previous.identity.prefix.removesuffix(f"{self._previous.index_id}/")
        there = set(self._store.list_folders(beside))
        first = next(number for number, each in enumerate(indexes) if each.index_id in there)
        if first == len(indexes) - 1:
            return []
        return [_put(folder, EARLIER, fold(tables, first), indexes[first:], None)]


def join(first: Iterator[pa.Table], second: Iterator[pa.Table], shift: int) -> Iterator[pa.Table]:
    """Return the rows of two logs as one; the second begins with the first's last index, number `shift`."""
    for piece in merge([_told_apart(first, second=False), _told_apart(second, second=True)]):
        since, is_second = piece.column("since"), piece.column("second")
        base = pc.and_(is_second, pc.equal(since, 0))
        # If the first log has the path, it already contains the path's state at the beginning of the second.
        kept = pc.invert(pc.and_(base, _same_as_before(piece)))
        moved = pc.if_else(pc.and_not(is_second, base), pc.add(since, pa.scalar(shift, pa.int32())), since)
        yield _with_since(piece, moved).drop_columns(["second"]).filter(kept)


def fold(tables: Iterator[pa.Table], first: int) -> Iterator[pa.Table]:
    """Return the rows of a log as of one that begins with index number `first` of its span."""
    if not first:
        yield from tables
        return
    for table in tables:
        is_old = pc.less_equal(table.column("since"), first)
        rows = table.filter(pc.invert(pc.and_(pc.and_(is_old, _following(is_old)), _same_as_next(table))))
        since = pc.max_element_wise(pc.subtract(rows.column("since"), pa.scalar(first, pa.int32())), 0)
        rows = _with_since(rows, since.cast(pa.int32()))
        rows = rows.filter(pc.or_(pc.greater(rows.column("since"), 0), rows.column("present")))
        # A path without later changes needs no rows.
        rows = rows.filter(pc.or_(pc.greater(rows.column("since"), 0), _same_as_next(rows)))
        if len(rows):
            yield rows


def _versions(rows: pa.Table, since: int, present: pa.Array) -> pa.Table:
    whole = rows.append_column("since", pa.repeat(pa.scalar(since, pa.int32()), len(rows)))
    unread = pc.if_else(pc.and_(rows.column(UNREAD), present), True, pa.scalar(None, pa.bool_()))
    whole = whole.set_column(whole.column_names.index(UNREAD), UNREAD, unread)
    return whole.append_column("present", present).select(HISTORY_SCHEMA.names)


def _told_apart(tables: Iterable[pa.Table], *, second: bool) -> Iterator[pa.Table]:
    for table in filter(len, tables):
        yield table.append_column("second", pa.repeat(pa.scalar(second), len(table)))


def _with_since(rows: pa.Table, since: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index("since"), "since", since)


def _same_as_before(rows: pa.Table) -> pa.Array:
    """Return, for each row, whether the previous row has the same path."""
    parent, name = rows.column("parent").combine_chunks(), rows.column("name").combine_chunks()
    codes = parent.indices
    same = pc.and_(pc.equal(codes[1:], codes[:-1]), pc.equal(name[1:], name[:-1]))
    return pa.concat_arrays([pa.array([False]), same])[: len(rows)]


def _same_as_next(rows: pa.Table) -> pa.Array:
    return _following(_same_as_before(rows))


def _following(answers: Any) -> pa.Array:
    """Return the values shifted by one row: each row has the next row's value, and the last has false."""
    whole = answers.combine_chunks() if isinstance(answers, pa.ChunkedArray) else answers
    return pa.concat_arrays([whole[1:], pa.array([False])])[: len(whole)]


def _put(
    folder: Folder,
    name: str,
    tables: Iterator[pa.Table],
    indexes: tuple[Seen, ...],
    earlier: Earlier | None,
) -> File:
    writer = SideFileWriter(name, HISTORY_SCHEMA, dictionary_columns=DICTIONARY_COLUMNS)
    waiting: list[pa.Table] = []
    for table in tables:
        place = table.column_names.index("parent")
        plain = table.set_column(place, "parent", table.column("parent").cast(pa.string()))
        waiting.append(plain.select(HISTORY_SCHEMA.names))
        if (
            sum(map(len, waiting)) >= _ROW_GROUP_ROWS
        ):  # only whole tables, so that no path is in two row groups
            writer.write(pa.concat_tables(waiting).combine_chunks())
            waiting = []
    if waiting:
        writer.write(pa.concat_tables(waiting).combine_chunks())
    note = {
        "indexes": [
            {"index_id": each.index_id, "crawl_started_at": each.crawled_at and each.crawled_at.isoformat()}
            for each in indexes
        ],
        "earlier": None
        if earlier is None
        else {"index_id": earlier.index_id, **dataclasses.asdict(earlier.file)},
    }
    writer.note(_NOTE, json.dumps(note))
    return writer.close(folder)


def _seen(content: dict[str, Any]) -> Seen:
    time = content["crawl_started_at"]
    crawled_at = None if time is None else datetime.fromisoformat(time)
    if not isinstance(content["index_id"], str) or (crawled_at is not None and crawled_at.tzinfo is None):
        raise ValueError(f"{content!r} is not an index")
    return Seen(index_id=content["index_id"], crawled_at=crawled_at)


def _earlier(content: dict[str, Any]) -> Earlier:
    if not isinstance(content["index_id"], str) or "/" in content["index_id"]:
        raise ValueError(f"{content['index_id']!r} is not an index id")
    return Earlier(index_id=content["index_id"], file=file_of(content))
