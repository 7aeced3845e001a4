"""The events of restore jobs.

Source: AWS Backup Developer Guide, "Monitoring AWS Backup events using EventBridge" and "Restore testing
validation". AWS delivers them on a best-effort basis every five minutes; here they follow the change.
"""

from __future__ import annotations

from typing import Any

from localcloud.backup.jobs import RestoreJob
from localcloud.core.cloud import Cloud
from localcloud.services.event_bridge import EventBus


class RestoreEvents:
    """Emits an event for each new state of a restore job."""

    def __init__(self, cloud: Cloud, bus: EventBus) -> None:
        self.cloud, self._bus = cloud, bus
        self._states: dict[str, str] = {}  # by job id

    def saved(self, job: RestoreJob) -> None:
        """Emit an event if the state of the job differs from the last one."""
        if self._states.get(job.id) == job.state:
            return
        self._states[job.id] = job.state
        self._bus.emit(
            "aws.backup",
            "Restore Job State Change",
            account=job.account,
            region=job.region,
            resources=[job.point_arn],
            details=[self._detail(job)],
        )

    def _detail(self, job: RestoreJob) -> dict[str, Any]:
        described = job.in_list(self.cloud.clock.now())
        detail = {
            "restoreJobId": job.id,
            "backupSizeInBytes": str(job.size),
            "creationDate": job.created_at,
            "iamRoleArn": job.role_arn,
            "percentDone": float(described["PercentDone"].rstrip("%")),
            "resourceType": "EFS",
            "status": job.state,
            "statusMessage": job.status_message,
            "sourceResourceArn": job.source_resource_arn,
            "createdResourceArn": described["CreatedResourceArn"],
            "completionDate": job.completed_at,
            "restoreTestingPlanArn": job.plan_arn,
        }
        return {name: value for name, value in detail.items() if value is not None}
