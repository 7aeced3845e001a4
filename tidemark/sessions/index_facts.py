"""Reads the facts of index_retention.py from the records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from tidemark.errors import RestoreNotFound, SessionNotFound
from tidemark.sessions.index_retention import Facts, PointState, Stored, references
from tidemark.sessions.indexing import IndexStatus
from tidemark.sessions.queries import associations_in, indexes_of
from tidemark.sessions.records import read_session
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import read_restore, running_restore_ids
from tidemark.sessions.session import FileSystem, Point, Session
from tidemark.sessions.transactions import Store

# Looks up points that were not in the lists of the vaults: their ARNs with the recorded point, if any.
LookUp = Callable[[Mapping[str, Point | None]], Mapping[str, PointState]]


def read_facts(
    store: Store,
    file_system: FileSystem,
    *,
    stored: Mapping[str, Stored],
    exact: Mapping[str, Stored],
    listed: Callable[[], Collection[str]],
    look_up: LookUp,
) -> Facts:
    """Return the facts of one file system. `stored` and `exact` are as in `Facts`.

    `listed` returns the ARNs of the points that the vaults hold. It is called after the records were read: a
    point that is created later belongs to a session that is under way. `look_up` is called for the others.

    The indexes are read before the associations, as `removal.retire` requires; a single query would return
    the associations first.
    """
    records = {index.index_id: index for index in indexes_of(store, file_system)}
    associations = tuple(associations_in(store, file_system))
    found = frozenset(listed())
    facts = Facts(
        file_system=file_system,
        records=records,
        associations=associations,
        sessions={},
        points=dict.fromkeys(found, PointState.LIVING),
        stored=stored,
        is_restoring=_is_restoring(store, file_system),
        exact=exact,
        tests=dict(_tests(store, exact)),
    )
    facts = replace(facts, sessions={each.session_id: each for each in _sessions(store, facts)})
    recorded = {point.recovery_point_arn: point for each in facts.sessions.values() for point in each.points}
    unlisted: dict[str, Point | None] = {}
    tested = (each.test.recovery_point_arn for each in facts.tests.values() if each.test)
    for arn in [*(each.recovery_point_arn for each in associations), *recorded, *tested]:
        if arn not in found:
            unlisted[arn] = recorded.get(arn)
    return replace(facts, points={**facts.points, **look_up(unlisted)})


def _sessions(store: Store, facts: Facts) -> Iterator[Session]:
    """Yield the sessions of indexes that may be removed, and of associations whose points are not listed."""
    wanted = {each.session_id for each in facts.associations if each.recovery_point_arn not in facts.points}
    for index in facts.records.values():
        if index.status is IndexStatus.FAILED or (
            index.status is IndexStatus.COMPLETE
            and not any(arn in facts.points for arn in references(facts, index.index_id))
        ):
            wanted |= index.sessions
    for session_id in sorted(wanted):
        with suppress(SessionNotFound):
            yield read_session(store, session_id)


def _tests(store: Store, exact: Collection[str]) -> Iterator[tuple[str, RestoreSession]]:
    for restore_id in exact:
        with suppress(RestoreNotFound):
            yield restore_id, read_restore(store, restore_id)


def _is_restoring(store: Store, file_system: FileSystem) -> bool:
    return any(
        read_restore(store, restore_id).file_system == file_system
        for restore_id in running_restore_ids(store)
    )
