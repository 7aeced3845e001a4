"""The entries of a directory of an index, with the totals of its subdirectories."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import dropwhile
from typing import TYPE_CHECKING

from tidemark.answers.text import quoted, visible
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.format.entry import Entry
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.query.usage import DirectoryTotals


class Sort(StrEnum):
    """The sort key of a listing."""

    NAME = "name"
    SIZE = "size"
    MTIME = "mtime"


Totals = dict[str, "DirectoryTotals"]  # of the subdirectories of one directory, by name


def listing_of(store: Store, manifest: Manifest, directory: str) -> tuple[Iterator[Entry], Totals]:
    """Return the entries of a directory and the totals of its subdirectories; of a file, its own entry.

    `directory` begins with a slash and is escaped. Raises PathNotFound.
    """
    from tidemark.index.query.browse import find_entry, list_directory
    from tidemark.index.query.usage import totals_of_subdirectories

    try:
        listing = list_directory(store, manifest, directory)
        return listing, {each.name: each for each in totals_of_subdirectories(store, manifest, directory)}
    except PathNotFound as error:
        itself = find_entry(store, manifest, directory)
        if itself is None:
            raise PathNotFound(visible(str(error))) from error  # the path may hold line ends
        return iter([itself]), {}


def in_order_of(sort: Sort, listing: Iterator[Entry], totals: Totals) -> Iterator[Entry]:
    """Return the entries by name, by size (largest first) or by time (newest first)."""
    if sort is Sort.NAME:
        return listing  # the order of the index: streams, whatever the size of the directory
    if sort is Sort.SIZE:
        return iter(sorted(listing, key=lambda entry: (-size_of(entry, totals), entry.name)))
    return iter(sorted(listing, key=lambda entry: (-entry.mtime_us, entry.name)))


def after_name(entries: Iterator[Entry], sort: Sort, name: str) -> Iterator[Entry]:
    """Return the entries after `name`.

    Raises PathNotFound if the entry is missing; sorted by name, it may be missing.
    """
    if sort is Sort.NAME:
        return dropwhile(lambda entry: entry.name <= name, entries)
    for entry in entries:
        if entry.name == name:
            return entries
    raise PathNotFound(f"{quoted(name)} is not in the directory; omit --after to start with the first entry")


def size_of(entry: Entry, totals: Totals) -> int:
    """Return the size of an entry in bytes; that of a directory is the sum of all files below it."""
    below = totals.get(entry.name) if entry.type == "d" else None
    return entry.size if below is None else below.subtree_bytes
