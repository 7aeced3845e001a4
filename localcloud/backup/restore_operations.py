"""Restores EFS recovery points, whole or single items, into a directory of a file system.

Source: AWS Backup developer guide, "Restore an Amazon EFS file system". Assumed, because it is not
documented: the job fails for an item that the recovery point does not contain.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.backup.arns import (
    FileSystemArn,
    check_recovery_point_arn,
    parse_file_system_arn,
)
from localcloud.backup.engine import JobEngine, JobFailed, Worker
from localcloud.backup.errors import (
    InvalidParameterValue,
    InvalidRequest,
    MissingParameterValue,
    ResourceNotFound,
)
from localcloud.backup.jobs import RestoreJob
from localcloud.backup.listing import page
from localcloud.backup.points_store import PointsStore
from localcloud.backup.trees import copy_tree
from localcloud.backup.vaults import check_role, file_system_directory
from localcloud.core.cloud import ApiCall, Cloud
from localcloud.core.role_clients import Clients

MOST_ITEMS = 5
RESTORED, FAILED = "aws-backup-restore", "aws-backup-failed-restore"
Answer = dict[str, Any]


class RestoreOperations:
    """StartRestoreJob and the operations that describe and list its jobs."""

    def __init__(self, cloud: Cloud, engine: JobEngine, points: PointsStore) -> None:
        self.cloud, self.engine, self.points = cloud, engine, points
        self._clients = Clients(cloud)

    def start_restore_job(self, call: ApiCall) -> Answer:
        """Start restoring a recovery point of this Region."""
        params, metadata = call.params, call.params["Metadata"]
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
        items = read_items(metadata)
        job = self.engine.submit(
            RestoreJob(
                id=str(uuid.uuid4()).upper(),
                account=call.account_id,
                region=call.region,
                resource_arn=str(self._target(call, metadata)),
                role_arn=params["IamRoleArn"],
                created_at=self.cloud.clock.now(),
                state="PENDING",
                token=params.get("IdempotencyToken"),
                request=params,
                source_resource_arn=point.resource_arn,
                point_arn=point.arn,
                point_created_at=point.created_at,
                vault=point.vault,
                items=items,
            )
        )
        return {"RestoreJobId": job.id}

    def describe_restore_job(self, call: ApiCall) -> Answer:
        """Return the current state of the job."""
        return self._job(call).in_list(self.cloud.clock.now())

    def restore_job_metadata(self, call: ApiCall) -> Answer:
        """Return the metadata with which a job was started."""
        job = self._job(call)
        return {"RestoreJobId": job.id, "Metadata": job.request["Metadata"]}

    def list_restore_jobs(self, call: ApiCall) -> Answer:
        """Return the jobs of the account and Region, newest first."""
        here = (call.account_id, call.region)
        jobs = [job for job in self.engine.all(RestoreJob) if (job.account, job.region) == here]
        return page([job.in_list(self.cloud.clock.now()) for job in jobs], call.params, "RestoreJobs")

    def worker(self) -> Worker:
        """Return the functions that the engine calls."""
        return Worker(
            operation="RestoreJob",
            fault_states=("FAILED", "ABORTED"),
            begin=lambda _: None,
            run=self._run,
            settle=lambda _: None,
        )

    def _run(self, job: RestoreJob, stop: threading.Event) -> int:
        point = self.points.find(job.point_arn)
        directory = file_system_directory(self.cloud, parse_file_system_arn(job.resource_arn))
        if point is None or directory is None:
            raise JobFailed("The recovery point or the file system no longer exists.")
        moment = self.cloud.clock.now().strftime("%Y-%m-%dT%H-%M-%S-%f")[:-3] + "Z"
        target = directory / f"{RESTORED}_{moment}"
        try:
            return copy_tree(self.cloud, self.points.tree(point), target, stop, items=job.items)
        except JobFailed:
            if target.exists():
                target.rename(directory / f"{FAILED}_{moment}")
            raise

    def _target(self, call: ApiCall, metadata: Mapping[str, str]) -> FileSystemArn:
        """Return the file system to restore into; creates it if the metadata requests a new one."""
        if metadata.get("newFileSystem", "false").lower() == "true":
            missing = [n for n in ("CreationToken", "PerformanceMode", "Encrypted") if n not in metadata]
            if missing:
                raise InvalidParameterValue(f"Metadata for a new file system lacks {', '.join(missing)}")
            made = self._clients.get("efs", call.region).create_file_system(
                CreationToken=metadata["CreationToken"],
                PerformanceMode=metadata["PerformanceMode"],
                Encrypted=metadata["Encrypted"].lower() == "true",
            )
            return FileSystemArn(call.region, call.account_id, made["FileSystemId"])
        if "file-system-id" not in metadata:
            raise InvalidParameterValue("Metadata lacks file-system-id")
        target = FileSystemArn(call.region, call.account_id, metadata["file-system-id"])
        parse_file_system_arn(str(target))
        if file_system_directory(self.cloud, target) is None:
            raise InvalidParameterValue(f"The file system {target.id} does not exist in {call.region}")
        return target

    def _job(self, call: ApiCall) -> RestoreJob:
        job = self.engine.find(RestoreJob, call.params["RestoreJobId"])
        if job is None or (job.account, job.region) != (call.account_id, call.region):
            raise ResourceNotFound(f"Cannot find restore job with ID {call.params['RestoreJobId']}")
        return job


def read_items(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of ItemsToRestore, relative to the file system's root; empty means everything.

    Raises InvalidParameterValue unless it is a JSON array of at most 5 paths that stay below the root.
    """
    if "ItemsToRestore" not in metadata:
        return ()
    try:
        items = json.loads(metadata["ItemsToRestore"])
    except ValueError:
        items = None
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        raise InvalidParameterValue("ItemsToRestore must be a string that contains a JSON array of paths")
    if len(items) > MOST_ITEMS:
        raise InvalidParameterValue(f"ItemsToRestore can have at most {MOST_ITEMS} items, not {len(items)}")
    for item in items:
        parts = Path(item).parts[1:] if item.startswith("/") else Path(item).parts
        if not parts or ".." in parts:
            raise InvalidParameterValue(
                f"ItemsToRestore contains {item!r}, which is not a path below the root"
            )
    return tuple(item.strip("/") for item in items)
