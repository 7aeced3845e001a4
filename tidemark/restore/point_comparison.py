"""Compares the index of a restored recovery point with the index that describes the point.

Memory does not grow with the number of entries: differences are looked up and classified in batches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Literal

from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.lookup import ancestors, unread_among, whole_entries_of
from tidemark.index.query.pairs import differing_pairs
from tidemark.index.storage.catalog import manifest_or_none
from tidemark.index.storage.object_store import Store
from tidemark.restore.verdict import Finding, Observed, Times, classify

_BATCH = 20_000  # differences whose evidence is looked up at once
_MOST_MOVED = 10_000  # directories that are followed to their earlier place; the others count as missing

_Pair = tuple[Entry | None, Entry | None]


# `missing`, `extra`, `unreadable` and `different` are losses.
PathKind = Literal["missing", "extra", "unreadable", "different", "changed_since_backup", "not_compared"]


@dataclasses.dataclass(frozen=True, slots=True)
class PathFindings:
    """What differs at one path; none if the index could not read it, so that it is not compared."""

    path: str  # escaped, as in an Entry's `path`
    findings: tuple[Finding, ...]

    @property
    def kind(self) -> PathKind:
        """What became of the path: a loss, even if only one of its differences is one, or a change."""
        if not self.findings:
            return "not_compared"
        lost = next((finding.field for finding in self.findings if finding.kind == "loss"), None)
        if lost is None:
            return "changed_since_backup"
        return lost if lost in ("missing", "extra", "unreadable") else "different"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """The indexes of one file system around a recovery point, in one store."""

    store: Store
    indexed: Manifest  # the index that describes the point
    previous: Manifest | None = None  # the newest whose crawl ended before the backup started
    next: Manifest | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoredIndex:
    """The index of the restored file system."""

    store: Store
    manifest: Manifest


def indexes_around(store: Store, indexed: Manifest, *, backup_started_at: datetime) -> Indexes:
    """Return the indexes around a point. Costs one listing and a GET for each index in between.

    An index that cannot be read is skipped: without it, fewer differences are proved to be changes.
    """
    identity = indexed.identity
    ids = sorted(store.list_folders(identity.prefix.removesuffix(f"{identity.index_id}/")))

    def read(index_ids: Iterable[str]) -> Iterator[Manifest]:
        for index_id in index_ids:
            found = manifest_or_none(store, dataclasses.replace(identity, index_id=index_id), _skip)
            if found is not None:
                yield found

    earlier = read(index_id for index_id in reversed(ids) if index_id < identity.index_id)
    return Indexes(
        store=store,
        indexed=indexed,
        previous=next((index for index in earlier if index.crawl_ended_at <= backup_started_at), None),
        next=next(read(index_id for index_id in ids if index_id > identity.index_id), None),
    )


def _skip(_: Exception) -> None:
    return


def compare_point(
    indexes: Indexes,
    restored: RestoredIndex,
    *,
    backup_started_at: datetime,
    backup_ended_at: datetime,
    may_continue: Callable[[], None] = lambda: None,
) -> Iterator[PathFindings]:
    """Yield what differs between a restored point and its index, by path, sorted by directory and name.

    `may_continue` is called for each batch and refuses by raising. Raises IndexDamaged.
    """
    indexed = indexes.indexed
    times = Times(
        backup_started_at=backup_started_at,
        backup_ended_at=backup_ended_at,
        crawl_started_at=indexed.crawl_started_at,
        crawl_ended_at=indexed.crawl_ended_at,
    )

    def pairs() -> Iterator[_Pair]:
        return differing_pairs(indexes.store, indexed, restored.store, restored.manifest)

    moved = _moved_directories(indexes, pairs(), may_continue)
    waiting = pairs()
    while batch := list(islice(waiting, _BATCH)):
        may_continue()
        yield from _Batch(indexes, restored, times, moved, batch).findings()


class _Batch:
    """Some differences, with what the neighbouring indexes contain at their paths."""

    def __init__(
        self,
        indexes: Indexes,
        restored: RestoredIndex,
        times: Times,
        moved: Mapping[str, str],
        pairs: Sequence[_Pair],
    ) -> None:
        self._times, self._moved, self._pairs = times, moved, pairs
        paths = [_path_of(pair) for pair in pairs]
        missing = [indexed.path for indexed, found in pairs if indexed is not None and found is None]
        extra = [found.path for indexed, found in pairs if indexed is None and found is not None]
        # Only a path that is in one of the two needs the directories above it.
        above = {directory for path in (*missing, *extra) for directory in ancestors(path)}
        store, following = indexes.store, indexes.next
        self._previous = whole_entries_of(store, indexes.previous, paths) if indexes.previous else {}
        self._next = whole_entries_of(store, following, {*paths, *above}) if following else {}
        self._above = whole_entries_of(store, indexes.indexed, above)
        self._unread = unread_among(store, indexes.indexed, extra)
        self._unread_restored = unread_among(restored.store, restored.manifest, missing)
        earlier = {path: place for path in missing if (place := _earlier_place(path, moved)) is not None}
        found = whole_entries_of(restored.store, restored.manifest, set(earlier.values()))
        self._earlier = {path: found[place] for path, place in earlier.items() if place in found}

    def findings(self) -> Iterator[PathFindings]:
        """Yield the findings of the paths that have any, and the paths that are not compared."""
        for pair in self._pairs:
            path = _path_of(pair)
            if path in self._unread:
                yield PathFindings(path, ())
            elif found := self._classified(path, *pair):
                yield PathFindings(path, tuple(found))

    def _classified(self, path: str, indexed: Entry | None, found: Entry | None) -> list[Finding]:
        if indexed is not None and path in self._unread_restored:
            return [
                Finding("unreadable", indexed.type, "", "loss", "the restored file system could not be read")
            ]
        directory = next((each for each in ancestors(path) if each in self._moved), None)
        return classify(
            Observed(
                indexed=indexed,
                restored=found,
                previous=self._previous.get(path),
                next=self._next.get(path),
                above=nearest(path, self._above),
                above_next=nearest(path, self._next),
                moved_directory=self._above.get(directory) if directory else None,
                moved_from=self._earlier.get(path),
            ),
            self._times,
        )


def _moved_directories(
    indexes: Indexes, pairs: Iterator[_Pair], may_continue: Callable[[], None]
) -> dict[str, str]:
    """Return the earlier places of directories that are at another place in the restored file system.

    A directory is the same one if the previous index has its inode at a place that only the restored file
    system has.
    """
    if indexes.previous is None:
        return {}
    missing: dict[str, Entry] = {}  # the topmost ones: all of them come before what is below them
    extra: dict[str, Entry] = {}
    for number, (indexed, found) in enumerate(pairs):
        if number % _BATCH == 0:
            may_continue()
        for entry, topmost in ((indexed, missing), (found, extra)):
            is_alone = (indexed is None) != (found is None)
            if entry is None or not is_alone or entry.type != "d" or len(topmost) >= _MOST_MOVED:
                continue
            if not any(above in topmost for above in ancestors(entry.path)):
                topmost[entry.path] = entry
    before = whole_entries_of(indexes.store, indexes.previous, extra)
    places = {
        entry.inode: path for path, entry in before.items() if entry.type == "d" and entry.inode is not None
    }
    return {path: places[entry.inode] for path, entry in missing.items() if entry.inode in places}


def _path_of(pair: _Pair) -> str:
    entry = pair[0] or pair[1]
    assert entry is not None  # noqa: S101 - a pair has at least one
    return entry.path


def _earlier_place(path: str, moved: Mapping[str, str]) -> str | None:
    for above in ancestors(path):
        if above in moved:
            return moved[above] + path.removeprefix(above)
    return None


def nearest(path: str, entries: Mapping[str, Entry]) -> Entry | None:
    """Return the entry of the nearest directory above a path that is in `entries`."""
    return next((entries[above] for above in ancestors(path) if above in entries), None)
