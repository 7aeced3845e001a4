"""Find the recovery points that an index describes, in the records of its file system's sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.answers.connection import Connection
    from tidemark.aws.recovery_points import Kept
    from tidemark.index.format.manifest import IndexIdentity
    from tidemark.sessions.session import FileSystem, Point


class RecoveryPointsOfIndex:
    """The recovery points and copies of each index; without a deployment, none."""

    def __init__(self, connection: Connection | None, note: Callable[[str], object]) -> None:
        """`note` is called with a sentence for each vault that could not be listed."""
        self.possible = connection is not None  # whether recovery points can be found
        self._connection, self._note = connection, note
        self._known: dict[FileSystem, dict[str, list[Point]]] = {}

    def of(self, identity: IndexIdentity) -> list[Point]:
        """Return the points that an index describes, oldest first, each backup before its copies.

        Omits points that are known to be deleted. Makes, once per file system, one query and one listing of
        each vault of the deployment.
        """
        if self._connection is None:
            return []
        from tidemark.sessions.session import FileSystem

        whose = FileSystem(identity.account, identity.region, identity.file_system_id)
        if whose not in self._known:
            self._known[whose] = self._points(self._connection, whose)
        return self._known[whose].get(identity.index_id, [])

    def _points(self, connection: Connection, whose: FileSystem) -> dict[str, list[Point]]:
        from tidemark.sessions.queries import sessions_of

        found: defaultdict[str, list[Point]] = defaultdict(list)
        for session in sessions_of(connection.records, whose):
            if session.index_id is not None:
                found[session.index_id] += session.points
        kept = self._kept(connection, whose) if found else None
        vaults = connection.resources.vaults
        # Points in another account's vault, or in a vault that could not be listed, count as not deleted.
        listed = set(vaults) - {each.region for each in kept.unlisted} if kept else set()

        def is_deleted(point: Point) -> bool:
            return (
                kept is not None
                and point.region in listed
                and vaults[point.region] == point.vault
                and point.recovery_point_arn not in kept.arns
            )

        return {
            index_id: sorted(
                (point for point in points if not is_deleted(point)),
                key=lambda point: (point.completed_at, point.kind),
            )
            for index_id, points in found.items()
        }

    def _kept(self, connection: Connection, whose: FileSystem) -> Kept:
        """Return the points that exist; note each vault that could not be listed."""
        from tidemark.aws.errors import translated
        from tidemark.aws.recovery_points import arns_of

        with translated():
            kept = arns_of(connection.clients, whose, connection.resources.vaults)
        for each in kept.unlisted:
            self._note(f"Deleted recovery points may be listed: {each.error}")
        return kept
