"""Restore tests whose event did not arrive: AWS Backup delivers events on a best-effort basis.

Source: AWS Backup Developer Guide, "Monitoring AWS Backup events using EventBridge".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.executions import start
from tidemark.errors import RestoreNotFound
from tidemark.policy.restore_testing import LONGEST_VALIDATION, policy_of_plan
from tidemark.sessions.restore_tests import id_of_test
from tidemark.sessions.restores import read_restore
from tidemark.sessions.sweep_schedule import SWEEP_GRACE
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_stepfunctions import SFNClient


def missed_tests(client: BackupClient, records: Store, deployment: str, now: datetime) -> Iterator[str]:
    """Yield the restore jobs of the deployment's restore testing that no session verifies.

    Only completed jobs that still wait for a result, and for whose event there was enough time.
    """
    pages = client.get_paginator("list_restore_jobs").paginate(
        ByStatus="COMPLETED",
        ByResourceType="EFS",
        ByCompleteAfter=now - LONGEST_VALIDATION,
        ByCompleteBefore=now - SWEEP_GRACE,
    )
    for page in pages:
        for job in page["RestoreJobs"]:
            plan = job.get("CreatedBy", {}).get("RestoreTestingPlanArn", "")
            if str(job.get("ValidationStatus", "")) != "VALIDATING" or not policy_of_plan(deployment, plan):
                continue
            try:
                read_restore(records, id_of_test(job["RestoreJobId"]))
            except RestoreNotFound:
                yield job["RestoreJobId"]


def start_missed(client: SFNClient, restore_test: str, restore_job_id: str) -> bool:
    """Start the verification of a restore job; return False if that was done before.

    `restore_test` is the ARN of the state machine.
    """
    try:
        start(client, restore_test, f"missed-{restore_job_id}", {"restore_job_id": restore_job_id})
    except ClientError as error:
        if code_of(error) != "ExecutionAlreadyExists":
            raise
        return False
    return True
