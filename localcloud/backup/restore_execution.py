"""Runs restore jobs.

A job writes to one new directory in the root of its target, for whole and item restores, and for existing and
new file systems. Its name contains the time in UTC, which AWS wrote with milliseconds
(aws-backup-restore_2019-01-07T21-06-22-108Z) and, since 2025, with nanoseconds
(aws-backup-restore_2026-05-14T17-27-00-417720408Z); this module writes nanoseconds. The time does not appear
in any response. A job that fails after it has begun to write leaves aws-backup-failed-restore_TIME.

Sources: AWS Backup Developer Guide, "Restore an Amazon EFS file system"; Amazon EFS User Guide of 2019 to
2021, "Restore a recovery point", for the names of the directories; github.com/aws/aws-cli/issues/6468 for new
file systems. Assumed, because it is not documented: the job fails for an item that the recovery point does
not contain; a new file system is deleted if its job fails, and appears as CreatedResourceArn when its job has
completed.

Faults of the service `backup`, in addition to `RestoreJob` (engine.py), which ends the job before it writes:
    operation="RestoreBytes", action="fail": the job has written everything, and then fails with `message`
    operation="RestoreFragment", action="fail": `message` is a path, relative to the root, of an entry that
        the job puts into aws-backup-lost+found in the root of the target instead of its directory, as AWS
        Backup does with data that changed during the backup
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException
from moto.kms.models import kms_backends

from localcloud.backup.arns import FileSystemArn, parse_file_system_arn
from localcloud.backup.engine import JobEngine, JobFailed, Worker
from localcloud.backup.jobs import RestoreJob
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.restore_metadata import NewFileSystem
from localcloud.backup.restore_permissions import CREATE, RESTORE, TAG, check_permissions
from localcloud.backup.trees import copy_tree
from localcloud.backup.vaults import file_system_exists
from localcloud.core.cloud import Cloud
from localcloud.core.faults import InjectedFault
from localcloud.core.role_clients import Clients
from localcloud.core.trees import NotCopied
from localcloud.services.file_system_directories import writable_directory

RESTORED, FAILED, FRAGMENTS = "aws-backup-restore", "aws-backup-failed-restore", "aws-backup-lost+found"
TEST_TAG = "awsbackup-restore-test"  # of file systems that restore testing plans create
WRONG_KEY = (
    "The specified AWS KMS key ARN does not exist, is not enabled or you do not have permissions to "
    "access it."
)


class RestoreWork:
    """Copies a recovery point, or items of it, into a file system."""

    def __init__(self, cloud: Cloud, engine: JobEngine, points: PointsStore) -> None:
        self.cloud, self.engine, self.points = cloud, engine, points
        self._clients = Clients(cloud)

    def worker(self) -> Worker:
        """Return the functions that the engine calls."""
        return Worker(
            operation="RestoreJob",
            fault_states=("FAILED", "ABORTED"),
            begin=lambda _: None,
            run=self.run,
            settle=lambda _: None,
        )

    def run(self, job: RestoreJob, stop: threading.Event) -> int:
        """Create the file system if it is to be new, and write the directory; raises JobFailed."""
        point = self.points.find(job.point_arn)
        if point is None:
            raise JobFailed(f"The recovery point {job.point_arn} no longer exists.")
        if job.new is None:
            target = parse_file_system_arn(job.resource_arn)
            if not file_system_exists(target):
                raise JobFailed(f"The specified EFS file system {target.id} does not exist.")
            return self._write(job, point, target, stop)
        target = self._create(job, job.new, point)
        self.engine.change(job, resource_arn=str(target))
        try:
            return self._write(job, point, target, stop)
        except JobFailed:
            with suppress(ClientError):
                efs = self._clients.of_account(target.account, "efs", target.region)
                efs.delete_file_system(FileSystemId=target.id)
            raise

    def _write(
        self, job: RestoreJob, point: RecoveryPoint, target: FileSystemArn, stop: threading.Event
    ) -> int:
        check_permissions(job.role_arn, target, RESTORE)
        try:
            root = writable_directory(self.cloud, target.id)
        except NotCopied as error:
            raise JobFailed(str(error)) from None
        moment = _moment(time.time_ns())
        directory = root / f"{RESTORED}_{moment}"
        try:
            size = copy_tree(self.cloud, self.points.tree(point), directory, stop, items=job.items)
            self._check_fault("RestoreBytes", job)
        except (JobFailed, InjectedFault) as error:
            if directory.exists():
                directory.rename(root / f"{FAILED}_{moment}")
            raise JobFailed(error.message if isinstance(error, InjectedFault) else str(error)) from None
        try:
            self._check_fault("RestoreFragment", job)
        except InjectedFault as fault:
            _set_aside(directory / fault.message, root / FRAGMENTS)
        return size

    def _create(self, job: RestoreJob, new: NewFileSystem, point: RecoveryPoint) -> FileSystemArn:
        tags = dict(point.tags) if job.copies_tags else {}
        if job.plan_arn:
            tags[TEST_TAG] = job.plan_arn.rpartition(":")[2]
        unborn = FileSystemArn(job.region, job.account, "*")
        check_permissions(job.role_arn, unborn, (*CREATE, *(TAG if tags else ())))
        if new.creation_token is None:
            raise JobFailed("CreationToken is required to create a file system.")
        if new.availability_zone and new.availability_zone[:-1] != job.region:
            raise JobFailed(f"{new.availability_zone} is not an Availability Zone of {job.region}.")
        request = {
            "CreationToken": new.creation_token,
            "PerformanceMode": new.performance_mode,
            "Encrypted": new.encrypted,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
        if new.kms_key_id:
            _check_key(job, new.kms_key_id)
            request["KmsKeyId"] = new.kms_key_id
        if new.availability_zone:
            request["AvailabilityZoneName"] = new.availability_zone
        try:
            efs = self._clients.of_account(job.account, "efs", job.region)
            made = efs.create_file_system(**request)
        except ClientError as error:
            raise JobFailed(error.response["Error"]["Message"]) from None
        return FileSystemArn(job.region, job.account, made["FileSystemId"])

    def _check_fault(self, operation: str, job: RestoreJob) -> None:
        text = f"{job.resource_arn} {job.vault} {job.id}"
        self.cloud.faults.check("backup", operation, job.region, text, job.role_arn)


def _check_key(job: RestoreJob, key: str) -> None:
    """Raise JobFailed unless the key exists. Aliases of AWS's own keys always do."""
    if key.rpartition("alias/")[2].startswith("aws/"):
        return
    elsewhere = key.startswith("arn:") and key.split(":")[3:5] != [job.region, job.account]
    with suppress(ServiceException, KeyError):
        if not elsewhere and kms_backends[job.account][job.region].describe_key(key).enabled:
            return
    raise JobFailed(WRONG_KEY)


def _set_aside(entry: Path, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    entry.rename(directory / entry.name)


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}-{rest:09d}Z"
