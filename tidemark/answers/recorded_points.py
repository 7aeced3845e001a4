"""The recovery points in vaults of other accounts, as the deployment's records contain them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tidemark.answers.connection import Connection
from tidemark.aws.recovery_points import RecoveryPoint
from tidemark.sessions.queries import sessions_of
from tidemark.sessions.session import UNKNOWN_DAYS, FileSystem, Point, Session
from tidemark.tags import OpenedTags, PointMetadata


def recorded_elsewhere(
    connection: Connection, file_system: FileSystem, now: datetime
) -> Iterator[RecoveryPoint]:
    """Yield the recorded points of a file system in other accounts than the deployment's, newest first.

    Without those whose retention is over. A user of the deployment's account cannot list these vaults, so a
    point that was deleted by hand is included.
    """
    if not connection.resources.sites:
        return
    for session in sessions_of(connection.records, file_system):
        for point in session.points:
            if point.account != connection.resources.account:
                found = _point(session, point)
                if found.delete_at is None or found.delete_at > now:
                    yield found


def _point(session: Session, point: Point) -> RecoveryPoint:
    keep_days = session.keep_days_of(point.job_id)
    cold_days = session.cold_after_days_of(point.job_id)
    created_at = session.opened_at  # AWS Backup counts from the job's creation, seconds later
    known = keep_days not in (None, UNKNOWN_DAYS)
    return RecoveryPoint(
        recovery_point_arn=point.recovery_point_arn,
        region=point.region,
        vault=point.vault,
        status="COMPLETED",
        created_at=created_at,
        completed_at=point.completed_at,
        delete_at=created_at + timedelta(days=keep_days or 0) if known else None,
        cold_at=None if cold_days is None else created_at + timedelta(days=cold_days),
        size_bytes=point.size_bytes,
        is_copy=point.kind == "copy",
        tags=OpenedTags(
            metadata=PointMetadata(
                session=session.session_id,
                policy=session.policy,
                file_system=session.file_system.file_system_id,
                account=session.file_system.account,
                region=session.file_system.region,
                created=session.opened_at,
                retention_days=keep_days if known else None,
                index=session.index_id,
            ),
            key_version=None,
            problems=(),
        ),
        recorded_in=point.account,
    )
