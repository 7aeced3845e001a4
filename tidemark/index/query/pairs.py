"""The entries that differ between two indexes, each with its state in both."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from tidemark.index.files.changes import sorted_rows
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.reading.part_reader import entries
from tidemark.index.reading.scan import in_order
from tidemark.index.rows.compare import BEFORE, DELETED, compare, cut
from tidemark.index.storage.object_store import Store

# What a copy of a file system has in common with it: ctime and inode belong to one file system.
COPIED = ("type", "size", "mtime", "uid", "gid", "mode", "nlink", "target")
_COMPARED_AT_ONCE = 2  # pieces compared while the next ones are read


def differing_pairs(
    store: Store, first: Manifest, other_store: Store, second: Manifest
) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Yield the entries whose COPIED columns differ, as they are in `first` and in `second`.

    Sorted by directory and name, so that a directory comes before what it contains; None if the index has no
    such entry. What an index could not read is not in it. Reads both indexes, some row groups at a time.
    Raises IndexDamaged.
    """
    pieces = _pieces(sorted_rows(store, first), sorted_rows(other_store, second))
    compared = in_order(
        pieces, lambda piece: compare(*piece, before=True, names=COPIED), at_once=_COMPARED_AT_ONCE
    )
    for changes in compared:
        before: Entry | None = None
        for op, entry in zip(changes.column("op").to_pylist(), entries(changes), strict=True):
            if op == BEFORE:
                before = entry  # its later state follows
            elif op == DELETED:
                yield entry, None
            else:
                yield before, entry
                before = None


def _pieces(
    before: Iterator[pa.Table], after: Iterator[pa.Table]
) -> Iterator[tuple[pa.Table | None, pa.Table | None]]:
    """Yield the rows of both in pieces that can be compared independently."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        was, now, old, new = cut(old, new)
        yield was, now
        old = old if old is not None else next(before, None)
        new = new if new is not None else next(after, None)
