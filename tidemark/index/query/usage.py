"""Disk usage by directory, extension, owner and age."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import IndexDamaged, PathNotFound
from tidemark.index.files.dirs import DIRS, DIRS_SCHEMA, FIRST_SCHEMA, SUMS, WIDE_COLUMNS
from tidemark.index.files.dirs import split as split_directory
from tidemark.index.files.top import TOP
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.reading.filters import ANY, Filters
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.reading.scan import Place, in_order, places_of
from tidemark.index.rows.wide_sums import WIDE, summable
from tidemark.index.storage.object_store import Store

_DAY = 86_400_000_000  # microseconds
AGES = (
    (1, "1 day"),
    (7, "1 week"),
    (30, "1 month"),
    (365, "1 year"),
    (3 * 365, "3 years"),
)  # upper bounds of the ages, in days
OLDER = "older"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryTotals:
    """Totals in and below one directory. A hard-linked file counts once for each name."""

    parent: str
    name: str
    entries: int
    files: int
    bytes: int
    subtree_entries: int
    subtree_files: int
    subtree_bytes: int
    subtree_mtime_us: int | None  # the newest; None if the subtree is empty

    @property
    def path(self) -> str:
        """The directory's path, without a trailing slash except for the root."""
        return self.parent + self.name or "/"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Files of one extension, owner or age."""

    key: str
    files: int
    bytes: int


def directory_totals(store: Store, manifest: Manifest, path: str) -> DirectoryTotals:
    """Return one directory's totals. Raises PathNotFound, IndexDamaged."""
    parent, name = split_directory(f"/{path.strip('/')}/" if path.strip("/") else "/")
    found = next(_directories(store, manifest, parent, name), None)
    if found is None:
        raise PathNotFound(
            f"{path} is not a directory in index {manifest.index_id}; list the directories with: "
            f"tidemark ls {manifest.index_id}:/ --repository {store.url}"
        )
    return found


def totals_of_subdirectories(store: Store, manifest: Manifest, path: str) -> Iterator[DirectoryTotals]:
    """Return the totals of the directories directly in a directory, sorted by name. Raises IndexDamaged.

    Reads only the row groups of dirs.parquet that contain them, usually one.
    """
    return _directories(store, manifest, f"/{path.strip('/')}/" if path.strip("/") else "/", None)


def largest_directories(
    store: Store, manifest: Manifest, *, under: str = "/", limit: int = 100
) -> list[DirectoryTotals]:
    """Return `under` and the directories below it by the bytes directly in them, largest first.

    Reads dirs.parquet. Raises IndexDamaged.
    """
    if not manifest.parts:
        return []
    reader = _open(store, manifest, DIRS, FIRST_SCHEMA)
    itself = f"/{under.strip('/')}"
    prefix = itself if itself == "/" else f"{itself}/"
    by = ("bytes", "bytes_wide")  # where the first is clamped, the second has the value

    def largest(row_group: int) -> pa.Table:
        rows = _read_directories(reader, row_group)
        path = pc.binary_join_element_wise(rows.column("parent"), rows.column("name"), "")
        below = pc.or_(pc.starts_with(rows.column("parent"), prefix), pc.equal(path, itself.rstrip("/")))
        return _largest(rows.filter(pc.or_(below, prefix == "/")), limit, *by)

    found = list(in_order(iter(range(reader.row_groups)), largest, at_once=store.at_once))
    return [_totals(row) for row in _rows(_largest(pa.concat_tables(found), limit, *by))]


def largest_files(store: Store, manifest: Manifest, *, under: str = "/", limit: int = 100) -> list[Entry]:
    """Return the largest files at any depth below a directory, largest first. Raises IndexDamaged.

    Reads the file of the thousand largest; if too few of them are below `under`, the sizes of all files
    there.
    """
    filters = Filters(under=under, types=("f",))
    reader = _open(store, manifest, TOP, PART_SCHEMA)
    kept = [reader.read(row_group, ENTRY_COLUMNS) for row_group in range(reader.row_groups)]
    top = [rows.filter(_all(filters.condition(rows))) for rows in kept]
    if sum(map(len, top)) >= limit or sum(map(len, kept)) == manifest.totals.files:
        return [entry for rows in top for entry in entries(rows)][:limit]

    def largest(place: Place) -> pa.Table:
        rows = place.read(ENTRY_COLUMNS)
        return _largest(rows.filter(_all(filters.condition(rows))), limit, "size")

    places = places_of(store, manifest, filters)
    found = list(in_order(places, largest, at_once=store.at_once))
    return list(entries(_largest(pa.concat_tables(found), limit, "size"))) if found else []


def _largest(rows: pa.Table, limit: int, *columns: str) -> pa.Table:
    descending = [(column, "descending") for column in columns]
    keys = [*descending, ("parent", "ascending"), ("name", "ascending")]
    return rows.take(pc.sort_indices(rows, sort_keys=keys)[:limit])


def _all(answers: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    return reduce(pc.and_, answers)


def usage_by(
    store: Store,
    manifest: Manifest,
    by: Literal["ext", "owner", "age"],
    *,
    now: datetime,
    filters: Filters = ANY,
) -> list[Usage]:
    """Return files and bytes by extension, owner or age, most bytes first, ages youngest first.

    Ages are relative to `now`, in UTC. Reads two or three columns of the whole index. Raises IndexDamaged.
    """
    column = {"ext": "ext", "owner": "uid", "age": "mtime"}[by]
    filters = dataclasses.replace(filters, types=("f",))
    wanted = sorted({column, "size", *filters.columns})

    def sums(place: Place) -> pa.Table:
        rows = place.read(wanted, encoded=("parent", "type"))
        rows = rows.filter(_all(filters.condition(rows)))
        key = _ages(rows.column("mtime"), now) if by == "age" else rows.column(column).cast(pa.string())
        keyed = pa.table({"key": pc.fill_null(key, ""), "size": summable(rows.column("size"))})
        summed = keyed.group_by("key").aggregate([("size", "count"), ("size", "sum")])
        wide = summed.column("size_sum").cast(WIDE)
        return summed.set_column(summed.column_names.index("size_sum"), "size_sum", wide)

    found = list(in_order(places_of(store, manifest, filters), sums, at_once=store.at_once))
    if not found:
        return []
    total = pa.concat_tables(found).group_by("key").aggregate([("size_count", "sum"), ("size_sum", "sum")])
    result = [
        Usage(key=row["key"], files=row["size_count_sum"], bytes=int(row["size_sum_sum"]))
        for row in total.to_pylist()
    ]
    if by == "age":
        order = [name for _, name in AGES] + [OLDER]
        return sorted(result, key=lambda each: order.index(each.key))
    return sorted(result, key=lambda each: (-each.bytes, each.key))


def _ages(mtime: pa.ChunkedArray, now: datetime) -> pa.ChunkedArray:
    moment = int(pa.scalar(now, pa.timestamp("us", tz="UTC")).value)
    times = mtime.cast(pa.int64())
    younger = [pc.greater(times, moment - days * _DAY) for days, _ in AGES]
    key = pa.chunked_array([pa.repeat(pa.scalar(OLDER), len(times))])
    for is_younger, (_, name) in reversed(list(zip(younger, AGES, strict=True))):
        key = pc.if_else(is_younger, name, key)
    return key


def _directories(
    store: Store, manifest: Manifest, parent: str, name: str | None
) -> Iterator[DirectoryTotals]:
    if not manifest.parts:
        return
    reader = _open(store, manifest, DIRS, FIRST_SCHEMA)
    for row_group in range(reader.row_groups):
        extent = reader.extent(row_group, "parent")
        if extent is not None and not extent[0] <= parent <= extent[1]:
            continue
        rows = _read_directories(reader, row_group)
        rows = rows.filter(pc.equal(rows.column("parent"), parent))
        if name is not None:
            rows = rows.filter(pc.equal(rows.column("name"), name))
        yield from (_totals(row) for row in _rows(rows))


def _open(store: Store, manifest: Manifest, name: str, schema: pa.Schema) -> ParquetReader:
    file = manifest.side_file(name)
    if file is None:
        raise IndexDamaged(
            f"{store.url}/{manifest.key} contains no {name}; choose another index from: tidemark index list "
            f"--file-system {manifest.identity.file_system_id} --repository {store.url}"
        )
    return ParquetReader(store, manifest, file, schema)


def _read_directories(reader: ParquetReader, row_group: int) -> pa.Table:
    rows = reader.read(row_group, [name for name in DIRS_SCHEMA.names if reader.has(name)])
    for name in WIDE_COLUMNS:
        if not reader.has(name):
            rows = rows.append_column(name, pa.nulls(len(rows), WIDE))
    return rows


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    wide = {name.removesuffix("_wide"): table.column(name).to_pylist() for name in WIDE_COLUMNS}
    table = table.drop_columns(list(WIDE_COLUMNS))
    for name in SUMS:
        below = pc.coalesce(table.column(f"subtree_{name}"), table.column(name))
        table = table.set_column(table.column_names.index(f"subtree_{name}"), f"subtree_{name}", below)
    place = table.column_names.index("subtree_mtime")
    times = table.column("subtree_mtime").cast(pa.int64())
    rows = table.set_column(place, "subtree_mtime_us", times).to_pylist()
    for name, sums in wide.items():
        for row, exact in zip(rows, sums, strict=True):
            row[name] = row[name] if exact is None else int(exact)
    return list(rows)


def _totals(row: dict[str, Any]) -> DirectoryTotals:
    return DirectoryTotals(**row)
