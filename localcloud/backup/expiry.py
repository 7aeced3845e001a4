"""Deletes recovery points whose retention has ended, as AWS Backup does.

AWS Backup deletes a point at a random time within some hours after the end of its retention; here it is
gone for the first request after that. A point that a job reads is deleted after the job, and one under a
legal hold after the hold. Time is the machine's; `POST /_localcloud/expire-recovery-points` with
{"at": "2026-12-24T00:00:00+00:00"} deletes what AWS Backup would have deleted by then.
Source: AWS Backup Developer Guide, "Deleting backups".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localcloud.backup.engine import JobEngine
from localcloud.backup.jobs import CopyJob, RestoreJob
from localcloud.backup.legal_holds import LegalHolds
from localcloud.backup.lifecycle import calculated_lifecycle
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint


class Expiry:
    """The lifecycle of all recovery points."""

    def __init__(self, engine: JobEngine, points: PointsStore, holds: LegalHolds) -> None:
        self._engine, self._points, self._holds = engine, points, holds

    def delete_expired(self) -> None:
        """Delete the points whose retention has ended."""
        self._delete_by(self._engine.cloud.clock.now())

    def delete_by(self, value: dict[str, Any]) -> int:
        """Delete the points whose retention ends by a time, and return their number."""
        at = datetime.fromisoformat(value["at"])
        if at.tzinfo is None:
            raise ValueError(f"{value['at']} has no time zone")
        return self._delete_by(at)

    def _delete_by(self, at: datetime) -> int:
        due = self._points.where(lambda point: _is_due(point, at))
        if due:
            read = {job.source_point_arn for job in self._engine.all(CopyJob) if job.unfinished}
            read |= {job.point_arn for job in self._engine.all(RestoreJob) if job.unfinished}
            due = [point for point in due if point.arn not in read and not self._holds.is_held(point)]
        for point in due:
            self._points.remove(point)
        return len(due)


def _is_due(point: RecoveryPoint, at: datetime) -> bool:
    delete_at = calculated_lifecycle(point.created_at, point.lifecycle).get("DeleteAt")
    return point.finished and delete_at is not None and delete_at <= at
