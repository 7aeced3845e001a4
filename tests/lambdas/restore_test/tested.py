"""AWS Backup with a restore job of restore testing, for the steps of restore-test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, REGION
from tests.lambdas.answers import answered
from tidemark.aws.clients import Clients
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import read_restore

JOB = "4D0A6A7F-0000-0000-0000-000000000001"
RUN = f"test-{JOB}"
POINT = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
PLAN = f"arn:aws:backup:{REGION}:{ACCOUNT}:restore-testing-plan:tidemark__nightly-1a2b-3c4d"
BACKED_UP, RESTORED = (datetime(2026, 11, day, 2, tzinfo=UTC) for day in (22, 29))
INDEX = "fs-0123456789abcdef0-20261122T030000Z-0a1b2c"

START = {
    "is_marked": False,
    "is_available": False,
    "is_ready": False,
    "mount_targets": {},
    "waited_seconds": 0,
    "wait_seconds": 0,
}
REMOVAL = {"is_removed": False, "waited_seconds": 0, "wait_seconds": 0}


class Backup:
    """AWS Backup with one restore job of a restore testing plan; it accepts one result."""

    def __init__(self, original: str, restored: str) -> None:
        self.job: dict[str, Any] = {
            "RestoreJobId": JOB,
            "RecoveryPointArn": POINT,
            "SourceResourceArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{original}",
            "CreatedResourceArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{restored}",
            "BackupVaultArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:tidemark",
            "CreatedBy": {"RestoreTestingPlanArn": PLAN},
            "Status": "COMPLETED",
            "CreationDate": RESTORED,
            "CompletionDate": RESTORED + timedelta(hours=1),
        }
        self.results: list[dict[str, Any]] = []
        self.refuses = False

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeRestoreJob."""
        if params["RestoreJobId"] != JOB:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeRestoreJob")
        return self.job

    def point(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeRecoveryPoint."""
        assert params == {"BackupVaultName": "tidemark", "RecoveryPointArn": POINT}
        return {"CreationDate": BACKED_UP, "CompletionDate": BACKED_UP + timedelta(minutes=30)}

    def put(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer PutRestoreValidationResult."""
        self.results.append(params)
        if self.refuses or "ValidationStatus" in self.job:
            raise ClientError(
                {"Error": {"Code": "InvalidRequestException", "Message": "too late"}},
                "PutRestoreValidationResult",
            )
        self.job["ValidationStatus"] = params["ValidationStatus"]
        return {}


@contextmanager
def answering(clients: Clients, backup: Backup) -> Iterator[None]:
    """Let a Backup answer in place of AWS Backup."""
    answers = {
        "DescribeRestoreJob": backup.describe,
        "DescribeRecoveryPoint": backup.point,
        "PutRestoreValidationResult": backup.put,
    }
    with answered(clients.of("backup", REGION), answers):
        yield


def opened(call: Any, execution: str = "arn:first") -> Any:
    return call("open_restore_test", {"restore_job_id": JOB, "execution_arn": execution})


def configured(call: Any, test: Any) -> Any:
    setup = START
    while not setup["is_ready"]:
        assert setup["waited_seconds"] < 900
        setup = call("configure_restore_test", {"test": test, "setup": setup})
    return setup


def record(deployment: Deployment) -> RestoreSession:
    return read_restore(deployment.records, RUN)


def targets(clients: Clients, file_system_id: str) -> list[Any]:
    return clients.of("efs", REGION).describe_mount_targets(FileSystemId=file_system_id)["MountTargets"]
