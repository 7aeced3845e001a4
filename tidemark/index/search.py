"""Finding names in an index."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from tidemark.index.entry import Entry
from tidemark.index.manifest import Manifest
from tidemark.index.pattern import matches
from tidemark.index.reader import ENTRY_COLUMNS, PartReader, entries
from tidemark.index.store import Store


def search(store: Store, manifest: Manifest, pattern: str, *, ignore_case: bool = False) -> Iterator[Entry]:
    """Return the entries whose name matches, sorted by directory and name, as they are found.

    A pattern with `*`, `?` or `[` is a glob of the whole name, any other a substring of it. Reads the names
    of the whole index, and the rest only where there are hits. Raises IndexDamaged naming the file, possibly
    after some hits.
    """
    for part in manifest.parts:
        reader = PartReader(store, manifest, part)
        for row_group in range(reader.row_groups):
            hits = matches(reader.read(row_group, ["name"]).column("name"), pattern, ignore_case=ignore_case)
            if pc.any(hits).as_py():
                yield from entries(reader.read(row_group, ENTRY_COLUMNS).filter(hits))
