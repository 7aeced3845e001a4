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

# Looks up points by their ARNs, in lists that may not contain points of the last minutes.
LookUp = Callable[[Collection[str]], Mapping[str, PointState]]


def read_facts(
    store: Store,
    file_system: FileSystem,
    *,
    stored: Mapping[str, Stored],
    exact: Mapping[str, Stored],
    look_up: LookUp,
    exists: Callable[[Point], bool],
) -> Facts:
    """Return the facts of one file system. `stored` and `exact` are as in `Facts`.

    `look_up` is called after the records were read: a point that is created later belongs to a session that
    is under way. `exists` is called for points that are not in the lists, with the vault that their session
    recorded.

    The indexes are read before the associations, as `removal.retire` requires; a single query would return
    the associations first.
    """
    records = {index.index_id: index for index in indexes_of(store, file_system)}
    associations = tuple(associations_in(store, file_system))
    tests = dict(_tests(store, exact))
    tested = [each.test.recovery_point_arn for each in tests.values() if each.test]
    facts = Facts(
        file_system=file_system,
        records=records,
        associations=associations,
        sessions={},
        points=look_up([*(each.recovery_point_arn for each in associations), *tested]),
        stored=stored,
        is_restoring=_is_restoring(store, file_system),
        exact=exact,
        tests=tests,
    )
    sessions = {each.session_id: each for each in _sessions(store, facts)}
    recorded = {point.recovery_point_arn: point for each in sessions.values() for point in each.points}
    points = {**facts.points, **look_up([arn for arn in recorded if arn not in facts.points])}
    for arn, point in recorded.items():
        if points[arn] is PointState.GONE and exists(point):
            points[arn] = PointState.LIVING
    return replace(facts, sessions=sessions, points=points)


def _sessions(store: Store, facts: Facts) -> Iterator[Session]:
    """Yield the sessions of indexes that may be removed, and of associations whose points may be gone."""
    living = {arn for arn, state in facts.points.items() if state is PointState.LIVING}
    wanted = {each.session_id for each in facts.associations if each.recovery_point_arn not in living}
    for index in facts.records.values():
        if index.status is IndexStatus.FAILED or (
            index.status is IndexStatus.COMPLETE
            and not any(arn in living for arn in references(facts, index.index_id))
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
