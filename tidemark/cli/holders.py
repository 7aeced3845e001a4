"""Which recovery points an index describes, as the sessions of its file system record it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tidemark.cli.connection import Connection
from tidemark.sessions.ledger import sessions_of
from tidemark.sessions.session import FileSystem, Point

if TYPE_CHECKING:
    from tidemark.index.manifest import IndexIdentity


class Holders:
    """The recovery points of each index; none are known without a deployment."""

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection
        self._known: dict[FileSystem, dict[str, list[Point]]] = {}

    def of(self, identity: IndexIdentity) -> list[Point]:
        """Return the points that an index describes, without copies, oldest first.

        Costs one query for each file system. Points that have been deleted since are among them.
        """
        if self._connection is None:
            return []
        whose = FileSystem(identity.account, identity.region, identity.file_system_id)
        if whose not in self._known:
            found: defaultdict[str, list[Point]] = defaultdict(list)
            for session in sessions_of(self._connection.records, whose):
                if session.index_id is not None:
                    found[session.index_id] += [point for point in session.points if point.kind == "backup"]
            self._known[whose] = {
                index_id: sorted(points, key=lambda point: point.completed_at)
                for index_id, points in found.items()
            }
        return self._known[whose].get(identity.index_id, [])
