"""Looks up many paths of an index in one pass: entries, totals of directories, and paths it cannot know.

A pass reads each row group that can contain a wanted path once, and from it only the needed columns, so that
a hundred thousand paths cost little more than one. Paths are escaped as in an Entry's `path`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.crawl.crawler import RESTORE_DIRECTORIES
from tidemark.errors import IndexDamaged
from tidemark.escape import unescape
from tidemark.exclusions import Exclusion
from tidemark.index.files.changes import UNREADABLE
from tidemark.index.files.dirs import DIRS, FIRST_SCHEMA
from tidemark.index.files.errors_file import unreadable_of
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.reading.scan import Place, in_order
from tidemark.index.rows.wide_sums import WIDE
from tidemark.index.storage.object_store import Store

_Result = TypeVar("_Result")
# Where dirs.parquet has the bytes of a subtree: the first that is not null. The subtree's are null where they
# equal the direct ones, and only a clamped sum has a wide one.
_BYTES = ("subtree_bytes_wide", "subtree_bytes", "bytes_wide", "bytes")


class Found(NamedTuple):
    """An entry of an index."""

    type: str  # one of f d l p s c b
    size: int  # apparent size in bytes


class Subtree(NamedTuple):
    """Totals of a directory. A hard-linked file counts once for each name."""

    children: int  # entries directly in it
    entries: int  # below it at any depth
    bytes: int  # of the regular files below it


def entries_of(store: Store, manifest: Manifest, paths: Iterable[str]) -> dict[str, Found]:
    """Return the entries of those paths that the index contains, by path. The root is not an entry.

    Raises IndexDamaged.
    """
    return _found_in_parts(store, manifest, paths, _found)


def whole_entries_of(store: Store, manifest: Manifest, paths: Iterable[str]) -> dict[str, Entry]:
    """Return the entries of `entries_of` with all of their fields."""
    return _found_in_parts(store, manifest, paths, _whole)


def last_known_of(store: Store, manifest: Manifest, paths: Iterable[str]) -> dict[str, Found]:
    """Return the last known entries of those paths that the index could not read, by path.

    Raises IndexDamaged.
    """
    wanted = _Wanted(paths)
    file = manifest.side_file(UNREADABLE)
    if file is None or not wanted.paths:
        return {}
    readers = iter([ParquetReader(store, manifest, file, paged=True)])
    return _collected(store, readers, wanted, _found)


def subtrees_of(store: Store, manifest: Manifest, directories: Iterable[str]) -> dict[str, Subtree]:
    """Return the totals of those paths that are directories of the index, by path; `/` is the root.

    Raises IndexDamaged, also if the index has no totals.
    """
    wanted = _Wanted("" if path == "/" else path for path in directories)
    if not wanted.paths:
        return {}
    if not manifest.parts:
        return {"/": Subtree(0, 0, 0)} if "" in wanted.paths else {}
    file = manifest.side_file(DIRS)
    if file is None:
        raise IndexDamaged(
            f"{store.url}/{manifest.key} contains no {DIRS}; choose another index from: tidemark index list "
            f"--file-system {manifest.identity.file_system_id} --repository {store.url}"
        )
    readers = iter([ParquetReader(store, manifest, file, FIRST_SCHEMA)])
    return {path or "/": totals for path, totals in _collected(store, readers, wanted, _subtree).items()}


def unread_among(store: Store, manifest: Manifest, missing: Collection[str]) -> set[str]:
    """Return those of `missing`, which the index does not contain, that exist or may exist: it could not
    read them. Raises IndexDamaged.
    """
    if not manifest.totals.unreadable or not missing:
        return set()
    unreadable = unreadable_of(store, manifest)
    if not unreadable:
        return set()
    # In a directory whose listing failed halfway, a name that the index contains was listed.
    listed_in_part = [
        path for path in _with_ancestors(missing) if unreadable.broke_off(f"{_parent_of(path)}/")
    ]
    for path in entries_of(store, manifest, listed_in_part):
        unreadable.note_seen(f"{path}/")
    ordered = sorted(missing)
    parents, names = zip(*(path.rpartition("/")[::2] for path in ordered), strict=True)
    rows = pa.table(
        {"parent": pa.array([f"{each}/" for each in parents], pa.string()), "name": pa.array(names)}
    )
    covered = unreadable.covers(rows).to_pylist()
    return {path for path, is_unread in zip(ordered, covered, strict=True) if is_unread}


def excluded_among(store: Store, manifest: Manifest, missing: Collection[str]) -> set[str]:
    """Return those of `missing`, which the index does not contain, that may exist in an excluded directory.

    The directories that AWS Backup creates when it restores are in no backup and do not count. Raises
    IndexDamaged.
    """
    patterns = excluded_by_request(manifest)
    if not patterns or not missing:
        return set()
    matches = re.compile("|".join(f"(?:{Exclusion.parse(each).regex()})" for each in patterns)).fullmatch
    covers = {
        path: matches(unescape(path.strip("/")).decode("utf-8", "surrogateescape")) is not None
        for path in _with_ancestors(missing)
    }
    outermost: dict[str, str] = {}  # by missing path
    for path in missing:
        chain = [*reversed([*ancestors(path)]), path]
        directory = next((each for each in chain if covers[each]), None)
        if directory is not None:
            outermost[path] = directory
    # An excluded directory was skipped only where its parent directory was listed.
    parents = {_parent_of(each) for each in outermost.values()}
    exist = {path for path, entry in entries_of(store, manifest, parents).items() if entry.type == "d"}
    return {path for path, each in outermost.items() if _parent_of(each) in exist | {""}}


def excluded_by_request(manifest: Manifest) -> list[str]:
    """Return the patterns that excluded directories of the file system from the index.

    Without those of AWS Backup's restore directories, and those that matched no directory.
    """
    always = {*map(str, RESTORE_DIRECTORIES), *manifest.unmatched}
    return [pattern for pattern in manifest.excluded if pattern not in always]


class _Wanted:
    """Paths to look up, by parent directory."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._names: dict[str, list[str]] = {}
        for path in sorted(self.paths):
            slash, name = path.rfind("/"), path[path.rfind("/") + 1 :]
            self._names.setdefault(path[: slash + 1], []).append(name)
        self._parents = sorted(self._names)

    def parents_between(self, first: str, last: str) -> list[str]:
        return self._parents[bisect_left(self._parents, first) : bisect_right(self._parents, last)]

    def parents_in(self, reader: ParquetReader, row_group: int) -> list[str]:
        """Return the parents of wanted paths that a row group can contain, by its statistics."""
        extent = reader.extent(row_group, "parent")
        if extent is None:
            return self._parents
        parents = self.parents_between(*extent)
        if extent[0] == extent[1] and parents:  # a part of one large directory
            names = self._names[parents[0]]
            between = reader.extent(row_group, "name")
            if between and bisect_left(names, between[0]) == bisect_right(names, between[1]):
                return []
        return parents

    def below(self, parents: Iterable[str]) -> pa.Array:
        return pa.array([parent + name for parent in parents for name in self._names[parent]], pa.string())


def _found_in_parts(
    store: Store,
    manifest: Manifest,
    paths: Iterable[str],
    read: Callable[[Place, pa.ChunkedArray], Iterable[tuple[str, _Result]]],
) -> dict[str, _Result]:
    wanted = _Wanted(paths)
    parts = (
        part
        for part in manifest.parts
        if wanted.parents_between(part.first.parent, part.last.parent)  # read from the manifest, not the part
    )
    readers = in_order(
        parts, lambda part: ParquetReader(store, manifest, part, paged=True), at_once=store.at_once
    )
    return _collected(store, readers, wanted, read)


def _collected(
    store: Store,
    readers: Iterator[ParquetReader],
    wanted: _Wanted,
    read: Callable[[Place, pa.ChunkedArray], Iterable[tuple[str, _Result]]],
) -> dict[str, _Result]:
    """Return what `read` yields of each place with wanted rows. It receives the place and, for each of its
    rows, the path if it is wanted, otherwise null.
    """

    def look(each: tuple[ParquetReader, int, list[str]]) -> Iterable[tuple[str, _Result]]:
        reader, row_group, parents = each
        place = Place(reader, row_group, range(reader.rows(row_group)))
        parent = place.read(["parent"], encoded=["parent"]).column("parent").combine_chunks()
        narrowed = _narrowed(place, pc.is_in(_text(parent), value_set=pa.array(parents, pa.string())))
        if narrowed is None:
            return ()
        place, first = narrowed
        name = place.read(["name"]).column("name").combine_chunks()
        path = pc.binary_join_element_wise(_text(parent.slice(first, len(name))), name, "")
        is_wanted = pc.is_in(path, value_set=wanted.below(parents))
        narrowed = _narrowed(place, is_wanted)
        if narrowed is None:
            return ()
        place, first = narrowed
        kept = pc.if_else(is_wanted, path, None).slice(first, len(place.rows))
        return list(read(place, kept))

    places = (
        (reader, row_group, parents)
        for reader in readers
        for row_group in range(reader.row_groups)
        if (parents := wanted.parents_in(reader, row_group))
    )
    return {path: result for found in in_order(places, look, at_once=store.at_once) for path, result in found}


def _narrowed(place: Place, mask: pa.Array) -> tuple[Place, int] | None:
    """Return the place from the first to the last true row, and the first row; None if none is true."""
    rows = pc.indices_nonzero(mask)
    if not len(rows):
        return None
    first = rows[0].as_py()
    return place.part(first, rows[-1].as_py()), first


def _found(place: Place, path: pa.Array) -> Iterator[tuple[str, Found]]:
    rows = place.read(["type", "size"], encoded=["type"])
    kind, size = _text(rows.column("type").combine_chunks()), rows.column("size").combine_chunks()
    kept = pc.is_valid(path)
    columns = (column.filter(kept).to_pylist() for column in (path, kind, size))
    for name, each, number in zip(*columns, strict=True):
        yield name, Found(each, number)


def _whole(place: Place, path: pa.Array) -> Iterator[tuple[str, Entry]]:
    rows = place.read(ENTRY_COLUMNS).filter(pc.is_valid(path))
    return ((entry.path, entry) for entry in entries(rows))


def _subtree(place: Place, path: pa.Array) -> Iterator[tuple[str, Subtree]]:
    names = [name for name in (*_BYTES, "entries", "subtree_entries") if place.reader.has(name)]
    kept = pc.is_valid(path)
    rows = place.read(names).filter(kept)
    columns = (
        path.filter(kept),
        rows.column("entries"),
        pc.coalesce(rows.column("subtree_entries"), rows.column("entries")),
        pc.coalesce(*(rows.column(name).cast(WIDE) for name in _BYTES if name in names)),
    )
    for name, children, below, size in zip(*(column.to_pylist() for column in columns), strict=True):
        yield name, Subtree(children, below, int(size))


def _text(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _with_ancestors(paths: Iterable[str]) -> set[str]:
    """Return the paths and all directories above them, except the root."""
    every: set[str] = set()
    for path in paths:
        every.add(path)
        for above in ancestors(path):
            if above in every:
                break
            every.add(above)
    return every


def ancestors(path: str) -> Iterator[str]:
    """Return the directories above a path, nearest first, except the root."""
    while path := _parent_of(path):
        yield path


def _parent_of(path: str) -> str:
    """Return the directory that contains a path; empty for the root."""
    return path[: path.rfind("/")]
