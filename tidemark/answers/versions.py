"""The versions of a path over all indexes of a repository."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from tidemark.answers.indexes import no_index_yet
from tidemark.answers.recovery_points_of_index import RecoveryPointsOfIndex
from tidemark.answers.text import visible
from tidemark.errors import PathNotFound
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from tidemark.index.query.history import Version
    from tidemark.index.storage.catalog import SkipIndex
    from tidemark.sessions.session import Point

What = Literal["appeared", "changed", "vanished", "unreadable", "readable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A version of a path, what happened to the path, and the recovery points that hold the version."""

    file_system: tuple[str, str, str]  # account, Region and id
    what: What
    version: Version
    points: tuple[Point, ...]


def events_of(
    store: Store,
    file_system_id: str | None,
    path: str,
    index_points: RecoveryPointsOfIndex,
    skip_index: SkipIndex,
) -> list[Event]:
    """Return what happened to a path, oldest first, one file system after the other.

    `path` is from the root and escaped. Raises IndexNotFound, and PathNotFound if no index has the path.
    """
    from tidemark.index.query.history import history
    from tidemark.index.storage.catalog import identities, newest_index

    indexes = sorted(identities(store, file_system_id), key=lambda each: each.file_system)
    if not indexes:
        raise no_index_yet(store)
    events: list[Event] = []
    for whose, group in groupby(indexes, key=lambda each: each.file_system):
        by_id = {identity.index_id: identity for identity in group}
        before: Version | None = None
        for version in history(store, list(by_id.values()), path, skip_index):
            points = tuple(
                point for index in version.indexes for point in index_points.of(by_id[index.index_id])
            )
            events.append(
                Event(file_system=whose, what=_what(before, version), version=version, points=points)
            )
            before = version
    if not events:
        if file_system_id is not None:
            newest_index(store, file_system_id, skip_index)  # raises IndexNotFound if there is none
        raise PathNotFound(
            f"no index has {visible(path)}; look for it with: "
            f"tidemark search NAME --all --repository {store.url}"
        )
    return events


def _what(before: Version | None, version: Version) -> What:
    if version.entry is None:
        return "vanished"
    if version.unreadable:
        return "unreadable"
    if before is None or before.entry is None:
        return "appeared"
    return "readable" if before.entry == version.entry else "changed"
