"""Runs backup and copy jobs, and completes or removes their recovery points."""

from __future__ import annotations

import threading

from localcloud.backup.air_gapped_vaults import check_copy_lifecycle
from localcloud.backup.arns import VaultArn, parse_file_system_arn
from localcloud.backup.copies_across_accounts import check_copy
from localcloud.backup.engine import JobFailed, Worker
from localcloud.backup.global_settings import GlobalSettings
from localcloud.backup.jobs import BackupJob, CopyJob
from localcloud.backup.lifecycle import DELETE, lifecycle_of_copy
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import PointStatus, RecoveryPoint
from localcloud.backup.tags import recovery_point_tags
from localcloud.backup.trees import copy_tree
from localcloud.backup.vaults import (
    check_retention,
    encryption_key,
    file_system_directory,
    file_system_tags,
    restore_metadata_of,
    vault_type,
)
from localcloud.core.cloud import Cloud


class BackupWork:
    """Copies a file system's directory into a new recovery point."""

    def __init__(self, cloud: Cloud, points: PointsStore) -> None:
        self.cloud, self.points = cloud, points

    def worker(self) -> Worker:
        """Return the functions that the engine calls."""
        states = ("FAILED", "EXPIRED", "ABORTED", "PARTIAL")
        return Worker(
            operation="BackupJob", fault_states=states, begin=self.begin, run=self.run, settle=self.settle
        )

    def begin(self, job: BackupJob) -> None:
        """Add the recovery point as CREATING; raise InvalidParameterValue if the vault's lock forbids it.

        Source: PutBackupVaultLockConfiguration; the request is accepted, and the job then fails.
        """
        check_retention(job.vault, job.lifecycle.get(DELETE))
        started_at = job.initiated_at or job.created_at
        self.points.save(
            RecoveryPoint(
                arn=job.point_arn,
                vault=job.vault,
                source_vault=None,
                resource_arn=job.resource_arn,
                role_arn=job.role_arn,
                status="CREATING",
                created_at=job.created_at,
                initiated_at=started_at,
                lifecycle=job.lifecycle,
                tags=job.tags,
                encryption_key_arn=encryption_key(job.vault),
                restore_metadata=restore_metadata_of(parse_file_system_arn(job.resource_arn)),
            )
        )

    def run(self, job: BackupJob, stop: threading.Event) -> int:
        """Copy the bytes, and read the file system's tags at this moment."""
        arn = parse_file_system_arn(job.resource_arn)
        directory = file_system_directory(self.cloud, arn)
        if directory is None:
            raise JobFailed(f"The specified EFS file system {arn.id} does not exist.")
        point = self.points.change(
            job.point_arn, tags=recovery_point_tags(job.tags, inherited=file_system_tags(arn))
        )
        return copy_tree(self.cloud, directory, self.points.tree(point), stop)

    def settle(self, job: BackupJob) -> None:
        """Complete the recovery point, or remove it."""
        settle_point(self.points, job)


class CopyWork:
    """Copies a recovery point's tree into another vault."""

    def __init__(self, cloud: Cloud, points: PointsStore, settings: GlobalSettings) -> None:
        self.cloud, self.points, self.settings = cloud, points, settings

    def worker(self) -> Worker:
        """Return the functions that the engine calls."""
        states = ("FAILED", "PARTIAL")
        return Worker(
            operation="CopyJob", fault_states=states, begin=self.begin, run=self.run, settle=self.settle
        )

    def begin(self, job: CopyJob) -> None:
        """Add the copy as CREATING, with its source's tags, creation date and, by default, expiration.

        Raises InvalidParameterValue if the lock of the destination vault forbids the retention, and AwsError
        if the vault is in another account that does not accept the copy.
        """
        source = self.points.find(job.source_point_arn)
        check_copy(self.cloud, self.settings, job, source)
        lifecycle = lifecycle_of_copy(job.lifecycle, source.lifecycle if source else {})
        check_retention(job.vault, lifecycle.get(DELETE))
        check_copy_lifecycle(job.vault, lifecycle)
        self.points.save(
            RecoveryPoint(
                arn=job.point_arn,
                vault=job.vault,
                vault_type=vault_type(job.vault),
                source_vault=job.source_vault,
                resource_arn=job.resource_arn,
                role_arn=job.role_arn,
                status="CREATING",
                created_at=source.created_at if source else job.created_at,
                initiated_at=job.initiated_at or job.created_at,
                lifecycle=lifecycle,
                tags=dict(source.tags) if source else {},
                encryption_key_arn=encryption_key(job.vault),
                restore_metadata=_metadata_of_copy(source, job.vault),
            )
        )

    def run(self, job: CopyJob, stop: threading.Event) -> int:
        """Create a second tree of the same files."""
        source, copy = self.points.find(job.source_point_arn), self.points.find(job.point_arn)
        if source is None or copy is None:
            raise JobFailed(f"The recovery point {job.source_point_arn} no longer exists.")
        copy_tree(self.cloud, self.points.tree(source), self.points.tree(copy), stop, link=True)
        return source.size

    def settle(self, job: CopyJob) -> None:
        """Complete the copy, or remove it."""
        settle_point(self.points, job)


def _metadata_of_copy(source: RecoveryPoint | None, vault: VaultArn) -> dict[str, str]:
    """Return the restore metadata of a copy: its source's, without a key that the Region does not have."""
    if source is None:
        return {}
    here = (source.vault.account, source.vault.region) == (vault.account, vault.region)
    return {name: value for name, value in source.restore_metadata.items() if here or name != "KmsKeyId"}


def settle_point(points: PointsStore, job: BackupJob | CopyJob) -> None:
    """Complete the point of an ended job, keep it as PARTIAL, or remove it."""
    point = points.find(job.point_arn)
    if point is None:
        return
    if job.state not in ("COMPLETED", "PARTIAL"):
        points.remove(point)
        return
    status: PointStatus = "COMPLETED" if job.state == "COMPLETED" else "PARTIAL"
    points.change(
        job.point_arn,
        status=status,
        size=job.size,
        completed_at=job.completed_at,
        status_message=job.status_message,
    )
