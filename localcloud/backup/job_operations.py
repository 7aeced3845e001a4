"""Operations on backup and copy jobs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from localcloud.backup.air_gapped_vaults import check_backup
from localcloud.backup.arns import (
    check_recovery_point_arn,
    new_recovery_point_arn,
    parse_file_system_arn,
    parse_vault_arn,
)
from localcloud.backup.engine import JobEngine
from localcloud.backup.errors import (
    InvalidParameterValue,
    InvalidRequest,
    InvalidResourceState,
    ResourceNotFound,
)
from localcloud.backup.jobs import BackupJob, CopyJob
from localcloud.backup.lifecycle import check_lifecycle
from localcloud.backup.listing import page
from localcloud.backup.points_store import PointsStore
from localcloud.backup.region_settings import RegionSettings
from localcloud.backup.tags import check_job_tags
from localcloud.backup.vaults import USUAL, check_role, moto_vault, vault_named, vault_type
from localcloud.core.cloud import ApiCall, Cloud

START_WINDOW_MINUTES = 480
COMPLETE_WINDOW_MINUTES = 7 * 24 * 60
SHORTEST_START_WINDOW = 60
Answer = dict[str, Any]


class JobOperations:
    """StartBackupJob, StartCopyJob and the operations that describe, list and stop their jobs."""

    def __init__(
        self, cloud: Cloud, engine: JobEngine, points: PointsStore, settings: RegionSettings
    ) -> None:
        self.cloud, self.engine, self.points, self.settings = cloud, engine, points, settings

    def start_backup_job(self, call: ApiCall) -> Answer:
        """Start a backup of a file system in the account and Region of the vault."""
        params = call.params
        vault = vault_named(call.account_id, call.region, params["BackupVaultName"])
        check_backup(call, vault)
        resource = parse_file_system_arn(params["ResourceArn"])
        if (resource.region, resource.account) != (call.region, call.account_id):
            raise InvalidParameterValue(f"{resource} is not in {call.region} of account {call.account_id}")
        self.settings.check(call.account_id, call.region, "EFS")
        check_role(params["IamRoleArn"])
        lifecycle, tags = params.get("Lifecycle") or {}, params.get("RecoveryPointTags") or {}
        check_lifecycle(lifecycle)
        check_job_tags(tags)
        if params.get("BackupOptions"):
            raise InvalidParameterValue("BackupOptions apply to Windows VSS backups only")
        if params.get("Index") == "ENABLED":
            raise InvalidParameterValue("EFS recovery points cannot be indexed by AWS Backup")
        start, complete = _windows(params)
        now = self.cloud.clock.now()
        job = self.engine.submit(
            BackupJob(
                id=str(uuid.uuid4()).upper(),
                account=call.account_id,
                region=call.region,
                resource_arn=str(resource),
                role_arn=params["IamRoleArn"],
                created_at=now,
                token=params.get("IdempotencyToken"),
                request=params,
                vault=vault,
                point_arn=new_recovery_point_arn(call.region, call.account_id),
                start_by=now + timedelta(seconds=self.cloud.clock.seconds(60 * start)),
                complete_by=now + timedelta(seconds=self.cloud.clock.seconds(60 * complete)),
                lifecycle=lifecycle,
                tags=tags,
            )
        )
        return {
            "BackupJobId": job.id,
            "RecoveryPointArn": job.point_arn,
            "CreationDate": job.created_at,
            "IsParent": False,
        }

    def start_copy_job(self, call: ApiCall) -> Answer:
        """Start a copy of a recovery point in this Region to a vault in any Region or account.

        A vault of another account, which may not exist, is checked when the job starts to run.
        """
        params = call.params
        source = vault_named(call.account_id, call.region, params["SourceBackupVaultName"])
        destination = parse_vault_arn(params["DestinationBackupVaultArn"])
        check_recovery_point_arn(params["RecoveryPointArn"])
        known = destination.account == call.account_id
        if known:
            moto_vault(destination)
        check_role(params["IamRoleArn"])
        point = self.points.find(params["RecoveryPointArn"])
        if point is None or point.vault != source:
            raise ResourceNotFound(
                f"Recovery point {params['RecoveryPointArn']} is not in vault {source.name}"
            )
        if not point.finished:
            raise InvalidResourceState(f"The recovery point is {point.status}; a copy needs a COMPLETED one")
        if destination == source:
            raise InvalidParameterValue("Source and destination vault are the same")
        lifecycle = params.get("Lifecycle") or {}
        check_lifecycle(lifecycle)
        job = self.engine.submit(
            CopyJob(
                id=str(uuid.uuid4()).upper(),
                account=call.account_id,
                region=call.region,
                resource_arn=point.resource_arn,
                role_arn=params["IamRoleArn"],
                created_at=self.cloud.clock.now(),
                token=params.get("IdempotencyToken"),
                request=params,
                source_vault=source,
                source_point_arn=point.arn,
                vault=destination,
                vault_type=vault_type(destination) if known else USUAL,
                point_arn=new_recovery_point_arn(destination.region, destination.account),
                lifecycle=lifecycle,
            )
        )
        return {"CopyJobId": job.id, "CreationDate": job.created_at, "IsParent": False}

    def describe_backup_job(self, call: ApiCall) -> Answer:
        """Return the current state of the job."""
        return self._backup_job(call).in_list(self.cloud.clock.now())

    def describe_copy_job(self, call: ApiCall) -> Answer:
        """Return the current state of the job."""
        job = self.engine.find(CopyJob, call.params["CopyJobId"])
        if job is None or (job.account, job.region) != (call.account_id, call.region):
            raise ResourceNotFound(f"Cannot find copy job with ID {call.params['CopyJobId']}")
        return {"CopyJob": job.in_list(self.cloud.clock.now())}

    def stop_backup_job(self, call: ApiCall) -> None:
        """Abort a job that has not ended."""
        job = self._backup_job(call)
        if not job.unfinished:
            raise InvalidRequest(f"Backup job {job.id} is {job.state} and cannot be stopped")
        self.engine.stop(job)

    def list_backup_jobs(self, call: ApiCall) -> Answer:
        """Return the jobs of the account and Region, newest first."""
        jobs = [job for job in self.engine.all(BackupJob) if _here(job, call)]
        return page([job.in_list(self.cloud.clock.now()) for job in jobs], call.params, "BackupJobs")

    def list_copy_jobs(self, call: ApiCall) -> Answer:
        """Return the copy jobs requested from this account and Region, newest first."""
        jobs = [job for job in self.engine.all(CopyJob) if _here(job, call)]
        return page([job.in_list(self.cloud.clock.now()) for job in jobs], call.params, "CopyJobs")

    def _backup_job(self, call: ApiCall) -> BackupJob:
        job = self.engine.find(BackupJob, call.params["BackupJobId"])
        if job is None or not _here(job, call):
            raise ResourceNotFound(f"Cannot find backup job with ID {call.params['BackupJobId']}")
        return job


def _here(job: BackupJob | CopyJob, call: ApiCall) -> bool:
    return (job.account, job.region) == (call.account_id, call.region)


def _windows(params: dict[str, Any]) -> tuple[int, int]:
    """Return the minutes within which the job must start and complete."""
    start = params.get("StartWindowMinutes") or START_WINDOW_MINUTES
    complete = params.get("CompleteWindowMinutes") or max(COMPLETE_WINDOW_MINUTES, start)
    if start < SHORTEST_START_WINDOW:
        raise InvalidParameterValue(f"StartWindowMinutes must be at least {SHORTEST_START_WINDOW}")
    if complete < start:
        raise InvalidParameterValue("CompleteWindowMinutes must not be less than StartWindowMinutes")
    return start, complete
