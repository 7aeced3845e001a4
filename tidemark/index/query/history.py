"""The history of a path, and searches, over all indexes of a file system."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from tidemark.errors import IndexDamaged
from tidemark.index.files.changes import standing_entry
from tidemark.index.files.history_log import Log, Seen, State
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.query.browse import find_entry
from tidemark.index.query.refused_paths import could_not_read
from tidemark.index.query.search import search
from tidemark.index.reading.filters import ANY, Filters
from tidemark.index.reading.pattern import Mode
from tidemark.index.storage.catalog import SkipIndex, manifest_or_none
from tidemark.index.storage.object_store import Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a path, and the consecutive indexes with that state."""

    entry: Entry | None  # None: the path did not exist
    indexes: tuple[Seen, ...]
    unreadable: bool = False  # the indexes could not read it, and `entry` is its last known state


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A path that a search found in at least one index."""

    entry: Entry  # from the newest of `indexes`
    indexes: tuple[Manifest, ...]  # those that contain it, oldest first


_States = dict[str, tuple[Seen, State]]  # by index id


def history(
    store: Store, indexes: Sequence[IndexIdentity], path: str, skip_index: SkipIndex | None = None
) -> list[Version]:
    """Return the versions of one path over a file system's indexes, which are given oldest first.

    `path` is escaped as in an Entry. Versions begin with its first appearance; a path that no index contains
    has none. If an index could not read it, the last known entry is a separate, unreadable version.
    The newest index's logs are used for the indexes that they cover; the others are read one by one. Indexes
    without a manifest are skipped; those with a damaged one are skipped if `skip_index` is given. Raises
    IndexDamaged.
    """

    def manifest(identity: IndexIdentity) -> Manifest | None:
        return manifest_or_none(store, identity, skip_index)

    newest = next((found for each in reversed(indexes) if (found := manifest(each))), None)
    if newest is None:
        return []
    states = _from_logs(store, newest, path)
    rest = [each for each in indexes if each.index_id not in states]

    def look(identity: IndexIdentity) -> tuple[Seen, State] | None:
        index = newest if identity == newest.identity else manifest(identity)
        if index is None:
            return None
        return _seen(index), state_of(store, index, path)

    with ThreadPoolExecutor(store.at_once) as pool:
        states |= {found[0].index_id: found for found in pool.map(look, rest) if found}
    versions: list[Version] = []
    there = _standing(states[each.index_id] for each in indexes if each.index_id in states)
    for state, group in groupby(there, key=lambda each: each[1]):
        if state.entry is not None or versions:
            seen = tuple(each for each, _ in group)
            versions.append(Version(entry=state.entry, unreadable=state.unreadable, indexes=seen))
    return versions


def state_of(store: Store, index: Manifest, path: str) -> State:
    """Return the state of a path in one index. Raises IndexDamaged."""
    entry = find_entry(store, index, path)
    is_whole = entry is not None and not _is_unread_link(entry)
    if is_whole or not index.totals.unreadable:
        return State(entry=entry)
    if standing := standing_entry(store, index, path):
        return State(entry=standing, unreadable=True)
    return State(entry=entry, unreadable=entry is not None or could_not_read(store, index, path))


def _standing(states: Iterable[tuple[Seen, State]]) -> Iterator[tuple[Seen, State]]:
    """Fill in the last known entry where an index could not read a path and has no entry for it.

    A link without a last known entry is a version, although its target is unknown.
    """
    last: Entry | None = None
    for seen, state in states:
        if state.unreadable and last is not None and state.entry in (None, _without_target(last)):
            state = State(entry=last, unreadable=True)
        elif state.entry is None or _is_unread_link(state.entry):
            state = State(entry=state.entry)
        last = state.entry
        yield seen, state


def _is_unread_link(entry: Entry) -> bool:
    return entry.type == "l" and entry.target is None


def _without_target(entry: Entry) -> Entry:
    return dataclasses.replace(entry, target=None)


def _seen(index: Manifest) -> Seen:
    return Seen(index_id=index.index_id, crawled_at=index.crawl_started_at)


def _from_logs(store: Store, newest: Manifest, path: str) -> _States:
    """Return the states of a path in all indexes that the logs cover; empty if the logs are damaged.

    The indexes contain the same data, so doing without the logs costs only time.
    """
    try:
        recent = Log.of(store, newest)
        if recent is None:
            return {}
        after = recent.versions(path)
    except IndexDamaged:
        return {}
    try:
        earlier = recent.before(store, newest)
        before = earlier.versions(path) if earlier else []
    except IndexDamaged:
        earlier, before = None, []
    shift = len(earlier.indexes) - 1 if earlier else 0
    indexes = [*(earlier.indexes[:-1] if earlier else ()), *recent.indexes[:-1], _seen(newest)]
    # The recent log's first index is the earlier log's last, which has its state if it has the path.
    versions = before + [(since + shift, state) for since, state in after if since or not before]
    if after and not before:
        versions = [(0 if since == shift else since, state) for since, state in versions]
    if not versions:
        versions = [(0, state_of(store, newest, path))]
    states: _States = {}
    state = State()
    changes = dict(versions)
    for number, seen in enumerate(indexes):
        state = changes.get(number, state)
        states[seen.index_id] = seen, state
    return states


def search_all(
    store: Store,
    indexes: Sequence[Manifest],
    pattern: str = "",
    *,
    ignore_case: bool = False,
    mode: Mode = "auto",
    filters: Filters = ANY,
) -> Iterator[Hit]:
    """Return the paths that match in any of the indexes (oldest first), sorted and without duplicates.

    A hit's `indexes` are those in which the entry matches, for example by size or time. Raises the errors of
    `search`.
    """

    def hits_of(number: int, index: Manifest) -> Iterator[tuple[tuple[str, str], int, Entry]]:
        found = search(store, index, pattern, ignore_case=ignore_case, mode=mode, filters=filters)
        return (((entry.parent, entry.name), number, entry) for entry in found)

    streams = [hits_of(number, index) for number, index in enumerate(indexes)]
    merged = heapq.merge(*streams, key=lambda hit: hit[:2])
    for _, group in groupby(merged, key=lambda hit: hit[0]):
        versions = list(group)
        yield Hit(entry=versions[-1][2], indexes=tuple(indexes[number] for _, number, _ in versions))
