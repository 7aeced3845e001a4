"""One path, or one search, over all indexes of a file system."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from tidemark.index.browse import find_entry
from tidemark.index.entry import Entry
from tidemark.index.filters import ANY, Filters
from tidemark.index.manifest import Manifest
from tidemark.index.pattern import Mode
from tidemark.index.search import search
from tidemark.index.store import Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a path, and the indexes that saw it, one after the other."""

    entry: Entry | None  # None: the path was not there
    index_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A path that a search found in at least one index."""

    entry: Entry  # as the newest of them has it
    indexes: tuple[Manifest, ...]  # that hold it, oldest first


def history(store: Store, indexes: Sequence[Manifest], path: str) -> list[Version]:
    """Return the versions of one path over indexes, which are given oldest first.

    What comes before the path's first appearance is left out; a path that no index has gives nothing.
    Raises IndexDamaged.
    """
    with ThreadPoolExecutor(store.at_once) as pool:
        found = list(pool.map(lambda index: find_entry(store, index, path), indexes))
    versions: list[Version] = []
    pairs = zip(found, (index.index_id for index in indexes), strict=True)
    for entry, group in groupby(pairs, key=lambda pair: pair[0]):
        if entry is not None or versions:
            versions.append(Version(entry=entry, index_ids=tuple(index_id for _, index_id in group)))
    return versions


def search_all(
    store: Store,
    indexes: Sequence[Manifest],
    pattern: str = "",
    *,
    ignore_case: bool = False,
    mode: Mode = "auto",
    filters: Filters = ANY,
) -> Iterator[Hit]:
    """Return the paths that match in any of the indexes (given oldest first), sorted, each once.

    An entry that matches in one index and not in another (by size or time) is held only by the first. Raises
    as `search` does.
    """

    def hits_of(number: int, index: Manifest) -> Iterator[tuple[tuple[str, str], int, Entry]]:
        found = search(store, index, pattern, ignore_case=ignore_case, mode=mode, filters=filters)
        return (((entry.parent, entry.name), number, entry) for entry in found)

    streams = [hits_of(number, index) for number, index in enumerate(indexes)]
    merged = heapq.merge(*streams, key=lambda hit: hit[:2])
    for _, group in groupby(merged, key=lambda hit: hit[0]):
        versions = list(group)
        yield Hit(entry=versions[-1][2], indexes=tuple(indexes[number] for _, number, _ in versions))
