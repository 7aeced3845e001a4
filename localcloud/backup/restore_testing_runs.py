"""Runs restore testing plans: starts jobs when they are due, and removes what the jobs created.

A test restores one recovery point of each selected file system, always completely and into a new file system,
which has the tag awsbackup-restore-test. After the job has completed, the file system stays for the hours of
the validation window, or until PutRestoreValidationResult has given a verdict, and is then deleted. It is not
deleted if its tag has been removed, or while it has mount targets. Hours and days are scaled.

Sources: AWS Backup Developer Guide, "Restore testing", "Restore testing inferred metadata", "Restore testing
validation". Assumed: the tag's value; that jobs start at the beginning of the start window; that only jobs of
plans accept a verdict, after they have completed and before the deletion.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from localcloud.backup.arns import VaultArn, parse_file_system_arn
from localcloud.backup.engine import JobEngine
from localcloud.backup.errors import BackupError, InvalidRequest
from localcloud.backup.jobs import RestoreJob
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.restore_execution import TEST_TAG
from localcloud.backup.restore_operations import RestoreOperations
from localcloud.backup.restore_testing_plans import OVERRIDABLE, TestingPlan, TestingPlans, TestingSelection
from localcloud.backup.vaults import check_role
from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import ApiCall, Cloud
from localcloud.core.role_clients import Clients
from localcloud.core.schedule_expressions import next_time
from localcloud.iam.permissions import matches

POLL_SECONDS = 0.2  # real seconds
# in the spelling of the documentation
INFERRED = {
    "encrypted": "true",
    "kmsKeyId": "alias/aws/elasticfilesystem",
    "newFileSystem": "true",
    "performanceMode": "generalPurpose",
}
HOUR = 3600.0


class TestingRuns:
    """The runs of all plans."""

    def __init__(
        self,
        cloud: Cloud,
        engine: JobEngine,
        points: PointsStore,
        restores: RestoreOperations,
        plans: TestingPlans,
    ) -> None:
        self.cloud, self.engine, self.points = cloud, engine, points
        self.restores, self.plans = restores, plans
        self._clients = Clients(cloud)
        self._due: dict[str, tuple[Mapping[str, Any], datetime | None]] = {}  # by the plan's ARN
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._deciding = threading.Lock()  # a verdict and the end of its window exclude each other
        plans.created = self.start

    def start(self) -> None:
        """Poll the plans from now on, in a separate thread."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="restore-testing", daemon=True)
                self._thread.start()

    def put_validation_result(self, call: ApiCall) -> None:
        """Record the verdict about a restored file system; it cannot be changed."""
        status, message = call.params["ValidationStatus"], call.params.get("ValidationStatusMessage")
        with self._deciding:
            job = self.restores.job(call)
            if job.plan_arn is None or job.state != "COMPLETED" or job.deletion_status is not None:
                raise InvalidRequest("The restore job has no validation window at present")
            if job.validation_status not in (None, "VALIDATING"):
                raise InvalidRequest(f"The validation status is already {job.validation_status}")
            self.engine.change(job, validation_status=status, validation_message=message)

    def inferred_metadata(self, call: ApiCall) -> dict[str, Any]:
        """Return the metadata with which a test would restore a recovery point."""
        point = self.points.find(call.params["RecoveryPointArn"])
        vault = VaultArn(call.region, call.account_id, call.params["BackupVaultName"])
        if point is None or point.vault != vault:
            raise InvalidRequest(f"Recovery point is not in vault {vault.name}")
        return {"InferredMetadata": _inferred(point)}

    def _run(self) -> None:
        with suppress(ShuttingDown):
            while True:
                self.look(self.cloud.clock.calendar())
                self.cloud.clock.sleep_real(POLL_SECONDS)

    def look(self, now: datetime) -> None:
        """Start the jobs of plans that are due, and end the validation windows that have passed."""
        for plan in self.plans.all():
            schedule = plan.members
            known = self._due.get(plan.arn)
            if known is None or known[0] is not schedule:
                self._due[plan.arn] = (schedule, self._next(plan, now))
            elif known[1] is not None and known[1] <= now:
                self._due[plan.arn] = (schedule, self._next(plan, now))
                self.plans.ran(plan, self.cloud.clock.now())
                for selection in plan.selections.values():
                    self._test(plan, selection)
        for job in self.engine.all(RestoreJob):
            if job.plan_arn and job.state == "COMPLETED" and job.deletion_status is None:
                self._validate(job.id)

    def _next(self, plan: TestingPlan, now: datetime) -> datetime | None:
        zone = plan.members["ScheduleExpressionTimezone"]
        return next_time(plan.members["ScheduleExpression"], zone, now, now)

    def _test(self, plan: TestingPlan, selection: TestingSelection) -> None:
        for point in self._chosen(plan, selection):
            overrides = selection.members.get("RestoreMetadataOverrides") or {}
            metadata = {
                "file-system-id": parse_file_system_arn(point.resource_arn).id,
                "newFileSystem": "true",
                "Encrypted": "true",
                "KmsKeyId": INFERRED["kmsKeyId"],
                "PerformanceMode": "generalPurpose",
                "CreationToken": f"{TEST_TAG}-{uuid.uuid4()}",
                **{OVERRIDABLE[key.lower()]: value for key, value in overrides.items()},
            }
            role = selection.members["IamRoleArn"]
            params = {"RecoveryPointArn": point.arn, "IamRoleArn": role, "Metadata": metadata}
            with suppress(BackupError):  # a role that cannot be assumed, or a wrong override: there is no job
                check_role(role)
                self.restores.start(
                    point,
                    params,
                    region=plan.region,
                    plan_arn=plan.arn,
                    validation_hours=selection.members.get("ValidationWindowHours") or 0,
                )

    def _chosen(self, plan: TestingPlan, selection: TestingSelection) -> list[RecoveryPoint]:
        """Return one eligible point of each selected resource."""
        rules = plan.members["RecoveryPointSelection"]
        if "SNAPSHOT" not in rules["RecoveryPointTypes"]:
            return []  # EFS has no continuous backups
        window = timedelta(seconds=self.cloud.clock.seconds(24 * HOUR * rules["SelectionWindowDays"]))
        earliest = self.cloud.clock.now() - window
        here = (plan.account, plan.region)
        found: dict[str, list[RecoveryPoint]] = {}
        for point in self.points.where(
            lambda point: (
                (point.vault.account, point.vault.region) == here
                and point.finished
                and _any_matches(str(point.vault), rules["IncludeVaults"])
                and not _any_matches(str(point.vault), rules.get("ExcludeVaults") or ())
            )
        ):
            found.setdefault(point.resource_arn, []).append(point)
        chosen = []
        for arn, points in found.items():  # newest first
            eligible = [point for point in points if point.created_at >= earliest]
            if eligible and _selects(selection.members, arn, points[0].tags):
                latest = rules["Algorithm"] == "LATEST_WITHIN_WINDOW"
                chosen.append(eligible[0] if latest else random.choice(eligible))  # noqa: S311  # no secret
        return chosen

    def _validate(self, job_id: str) -> None:
        """Begin the validation of a completed job, or delete its file system when that has ended."""
        with self._deciding:
            job = self.engine.find(RestoreJob, job_id)
            if job is None or self._waits(job):
                return
            timed_out = {"validation_status": "TIMED_OUT"} if job.validation_status == "VALIDATING" else {}
            self.engine.change(job, deletion_status="DELETING", **timed_out)
        problem = self._delete(job)
        self.engine.change(
            job, deletion_status="FAILED" if problem else "SUCCESSFUL", deletion_message=problem
        )

    def _waits(self, job: RestoreJob) -> bool:
        """Return whether a job still waits for a verdict; records that it begins to wait."""
        completed_at = job.completed_at or job.created_at
        until = completed_at + timedelta(seconds=self.cloud.clock.seconds(HOUR * job.validation_hours))
        if job.validation_status not in (None, "VALIDATING") or self.cloud.clock.now() >= until:
            return False
        if job.validation_status is None:
            self.engine.change(job, validation_status="VALIDATING")
        return True

    def _delete(self, job: RestoreJob) -> str | None:
        """Delete the file system of a test; return AWS's message if that is not possible."""
        file_system = parse_file_system_arn(job.resource_arn)
        efs = self._clients.of_account(file_system.account, "efs", file_system.region)
        try:
            tags = efs.list_tags_for_resource(ResourceId=file_system.id)["Tags"]
            if not any(tag["Key"] == TEST_TAG for tag in tags):
                return f"The resource has no tag {TEST_TAG}."
            efs.delete_file_system(FileSystemId=file_system.id)
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        return None


def _inferred(point: RecoveryPoint) -> dict[str, str]:
    return {"file-system-id": parse_file_system_arn(point.resource_arn).id, **INFERRED}


def _any_matches(vault: str, patterns: Sequence[str]) -> bool:
    return any(matches(vault, pattern) for pattern in patterns)


def _selects(members: Mapping[str, Any], arn: str, tags: Mapping[str, str]) -> bool:
    """Return whether a selection contains a resource, by the tags of its newest recovery point."""
    arns, conditions = members.get("ProtectedResourceArns"), members.get("ProtectedResourceConditions") or {}
    if arns and "*" not in arns:
        return arn in arns

    def value(condition: Mapping[str, str]) -> str | None:
        return tags.get(condition["Key"].removeprefix("aws:ResourceTag/"))

    equal, different = conditions.get("StringEquals") or (), conditions.get("StringNotEquals") or ()
    return all(value(one) == one["Value"] for one in equal) and all(
        value(one) != one["Value"] for one in different
    )
