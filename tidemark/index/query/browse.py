"""Lists a directory, or returns an entry, of an index."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.errors import PathNotFound
from tidemark.escape import escape
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Key, Manifest
from tidemark.index.reading.part_reader import ENTRY_COLUMNS, ParquetReader, entries
from tidemark.index.reading.scan import Place
from tidemark.index.storage.object_store import Store
from tidemark.index.storage.verified_reads import damaged


def list_directory(store: Store, manifest: Manifest, path: str) -> Iterator[Entry]:
    """Return the entries of one directory, sorted by name.

    `path` is from the file-system root, escaped as in an Entry's `path`, with or without a trailing slash.
    Raises PathNotFound (before the first entry) if the index has no such directory, and IndexDamaged.
    """
    directory = f"/{path.strip('/')}/".replace("//", "/")
    listing = _rows(store, manifest, directory)
    first = next(listing, None)
    if first is None and directory != "/":
        itself = find_entry(store, manifest, directory)
        if itself is None or itself.type != "d":
            what = "is not a directory" if itself else "does not exist"
            raise PathNotFound(
                f"{path} {what} in index {manifest.index_id}; look for it with: "
                f"tidemark search NAME --repository {store.url}"
            )
    return _chain(first, listing)


def find_entry(store: Store, manifest: Manifest, path: str) -> Entry | None:
    """Return the entry of one path, or None if the index has none. Raises IndexDamaged."""
    parent, _, name = path.rstrip("/").rpartition("/")
    return next(_rows(store, manifest, f"/{parent.strip('/')}/".replace("//", "/"), name), None)


def as_shown(path: str) -> str:
    """Return a path from a command line in the escaped form of an index."""
    return escape(path.encode("utf-8", "surrogateescape"))


def _chain(first: Entry | None, rest: Iterator[Entry]) -> Iterator[Entry]:
    if first is not None:
        yield first
        yield from rest


def _rows(store: Store, manifest: Manifest, parent: str, name: str | None = None) -> Iterator[Entry]:
    key = {"parent": parent} if name is None else {"parent": parent, "name": name}
    for part in manifest.parts:
        if not part.first.parent <= parent <= part.last.parent:
            continue
        if name is not None and not part.first <= Key(parent=parent, name=name) <= part.last:
            continue
        reader = ParquetReader(store, manifest, part, paged=True)
        for row_group in range(reader.row_groups):
            extents = {column: reader.extent(row_group, column) for column in key}
            if any(extent and not extent[0] <= key[each] <= extent[1] for each, extent in extents.items()):
                continue
            place: Place | None = Place(reader, row_group, range(reader.rows(row_group)))
            try:
                for column, value in key.items():
                    place = place and _among(place, column, value)
            except ValueError as error:
                raise damaged(store, manifest, part, f"is damaged: {error}") from error
            if place is not None:
                rows = place.read([column for column in ENTRY_COLUMNS if column not in key])
                for column, value in key.items():
                    rows = rows.append_column(column, pa.repeat(pa.scalar(value), len(rows)))
                yield from entries(rows)


def _among(place: Place, column: str, value: str) -> Place | None:
    """Return the contiguous rows where a sorted column has a value; None if there are none."""
    found = pc.indices_nonzero(pc.equal(place.read([column]).column(column), pa.scalar(value)))
    if not len(found):
        return None
    first, last = found[0].as_py(), found[-1].as_py()
    if last - first + 1 != len(found):
        raise ValueError("its rows are not sorted")
    return place.part(first, last)
