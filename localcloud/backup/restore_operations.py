"""Starts, describes and lists restore jobs.

Source: AWS Backup's API reference. A restore job cannot be stopped.
"""

from __future__ import annotations

import uuid
from typing import Any

from localcloud.backup.arns import (
    FileSystemArn,
    check_recovery_point_arn,
    parse_file_system_arn,
)
from localcloud.backup.engine import JobEngine
from localcloud.backup.errors import (
    InvalidParameterValue,
    InvalidRequest,
    MissingParameterValue,
    ResourceNotFound,
)
from localcloud.backup.jobs import RestoreJob
from localcloud.backup.listing import page
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.restore_metadata import ItemLimit, read_metadata
from localcloud.backup.vaults import check_role, file_system_exists
from localcloud.core.cloud import ApiCall, Cloud

Answer = dict[str, Any]


class RestoreOperations:
    """StartRestoreJob and the operations that describe and list its jobs."""

    def __init__(self, cloud: Cloud, engine: JobEngine, points: PointsStore) -> None:
        self.cloud, self.engine, self.points = cloud, engine, points
        self.limit = ItemLimit()

    def start_restore_job(self, call: ApiCall) -> Answer:
        """Start restoring a recovery point of this Region."""
        params = call.params
        check_recovery_point_arn(params["RecoveryPointArn"])
        point = self.points.find(params["RecoveryPointArn"])
        if point is None or (point.vault.account, point.vault.region) != (call.account_id, call.region):
            raise ResourceNotFound(f"Recovery point {params['RecoveryPointArn']} cannot be found")
        if not point.finished:
            raise InvalidRequest(f"The recovery point is {point.status} and cannot be restored")
        if params.get("ResourceType", "EFS") != "EFS":
            raise InvalidParameterValue("The recovery point is of resource type EFS")
        if not params.get("IamRoleArn"):
            raise MissingParameterValue("IamRoleArn: a required parameter is missing")
        check_role(params["IamRoleArn"])
        job = self.start(point, params, region=call.region)
        return {"RestoreJobId": job.id}

    def start(
        self, point: RecoveryPoint, params: dict[str, Any], *, region: str, plan_arn: str | None = None
    ) -> RestoreJob:
        """Start a job for StartRestoreJob's `params`; raises InvalidParameterValue for their metadata.

        `plan_arn` names the restore testing plan that starts the job.
        """
        target = read_metadata(params["Metadata"], self.limit)
        if target.file_system_id is not None:
            resource = FileSystemArn(region, point.vault.account, target.file_system_id)
            parse_file_system_arn(str(resource))
            if not file_system_exists(resource):
                raise InvalidParameterValue(f"The file system {resource.id} does not exist in {region}")
        return self.engine.submit(
            RestoreJob(
                id=str(uuid.uuid4()).upper(),
                account=point.vault.account,
                region=region,
                # a new file system has no ARN yet
                resource_arn=point.resource_arn if target.file_system_id is None else str(resource),
                role_arn=params["IamRoleArn"],
                created_at=self.cloud.clock.now(),
                state="PENDING",
                token=params.get("IdempotencyToken"),
                request=params,
                source_resource_arn=point.resource_arn,
                point_arn=point.arn,
                point_created_at=point.created_at,
                vault=point.vault,
                items=target.items,
                new=target.new,
                copies_tags=bool(params.get("CopySourceTagsToRestoredResource")),
                expected_minutes=max(1, round(self.engine.durations.restore / 60)),
                plan_arn=plan_arn,
            )
        )

    def describe_restore_job(self, call: ApiCall) -> Answer:
        """Return the current state of the job."""
        return self.job(call).in_list(self.cloud.clock.now())

    def restore_job_metadata(self, call: ApiCall) -> Answer:
        """Return the metadata with which a job was started."""
        job = self.job(call)
        return {"RestoreJobId": job.id, "Metadata": job.request["Metadata"]}

    def list_restore_jobs(self, call: ApiCall) -> Answer:
        """Return the jobs of the account and Region, newest first."""
        return page(self._listed(call), call.params, "RestoreJobs")

    def list_by_protected_resource(self, call: ApiCall) -> Answer:
        """Return the jobs that restored recovery points of a file system, newest first."""
        params = dict(call.params)
        arn = params.pop("ResourceArn")
        parse_file_system_arn(arn)
        jobs = [job for job in self._listed(call) if job["SourceResourceArn"] == arn]
        return page(jobs, params, "RestoreJobs")

    def job(self, call: ApiCall) -> RestoreJob:
        """Return the job that a call names; raises ResourceNotFound."""
        job = self.engine.find(RestoreJob, call.params["RestoreJobId"])
        if job is None or (job.account, job.region) != (call.account_id, call.region):
            raise ResourceNotFound(f"Cannot find restore job with ID {call.params['RestoreJobId']}")
        return job

    def _listed(self, call: ApiCall) -> list[Answer]:
        here, now = (call.account_id, call.region), self.cloud.clock.now()
        jobs = self.engine.all(RestoreJob)
        return [job.in_list(now) for job in jobs if (job.account, job.region) == here]
