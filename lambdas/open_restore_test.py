"""restore-test: find the restored recovery point and its index, then record the test."""

from __future__ import annotations

import secrets
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.restore_test_events import TestValue
from tidemark.aws.clock import utc_now
from tidemark.aws.restore_tests import TestedPoint, tested_point
from tidemark.errors import NotRestorable
from tidemark.sessions.indexing import Association, IndexStatus, association_key
from tidemark.sessions.naming import index_id
from tidemark.sessions.records import read_index
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.restore_test import RestoreTest
from tidemark.sessions.restore_tests import id_of_test, open_test
from tidemark.sessions.schema import INDEXES


class Event(TypedDict):
    """The restore job, and the execution's ARN."""

    restore_job_id: str
    execution_arn: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> TestValue:
    """Return the opened test. Idempotent; events arrive more than once.

    Raises NotRestorable for a job that is not an ended one of the deployment's restore testing.
    """
    settings = deployment.settings
    backup = deployment.clients.of("backup", settings.region)
    point = tested_point(backup, settings.deployment, event["restore_job_id"])
    if (point.file_system.account, point.file_system.region) != (settings.account, settings.region):
        raise NotRestorable(
            f"restore job {point.restore_job_id} restored a recovery point of {point.file_system}, which is "
            f"not in the deployment's account and Region"
        )
    opened = open_test(deployment.records, _session(event, deployment, point))
    if opened is None:
        logger.info("another execution verifies restore job %s", point.restore_job_id)
    return {
        "restore_id": id_of_test(point.restore_job_id),
        "policy": point.policy,
        "is_duplicate": opened is None,
        "is_restored": point.state == "COMPLETED",
        "has_index": opened is not None and opened.test is not None and bool(opened.test.index_id),
    }


def _session(event: Event, deployment: Deployment, point: TestedPoint) -> RestoreSession:
    now, file_system = utc_now(), point.file_system
    return RestoreSession(
        restore_id=id_of_test(point.restore_job_id),
        plan_id="",
        file_system=file_system,
        execution_arn=event["execution_arn"],
        started_at=now,
        phase="mounting",
        is_new=True,
        kind="test",
        jobs=(
            RestoreJob(
                job_id=point.restore_job_id,
                point=0,
                first=0,
                end=1,
                attempt=0,
                started_at=point.began_at,
                state=point.state,
                message=point.message,
                began_at=point.began_at,
                completed_at=point.completed_at,
                created=point.restored_file_system_id,
            ),
        ),
        test=RestoreTest(
            restore_job_id=point.restore_job_id,
            recovery_point_arn=point.recovery_point_arn,
            backup_started_at=point.backup_started_at,
            backup_ended_at=point.backup_ended_at,
            index_id=_index_of(deployment, point),
            exact_index_id=index_id(file_system.file_system_id, now, secrets.randbelow(16)),
        ),
    )


def _index_of(deployment: Deployment, point: TestedPoint) -> str:
    """Return the id of the complete index that describes the point; empty if there is none."""
    key = association_key(point.file_system, point.recovery_point_arn)
    item = deployment.records.get(INDEXES, key)
    if item is None:
        return ""
    found = Association.from_item(item).index_id
    index = read_index(deployment.records, point.file_system, found)
    return found if index is not None and index.status is IndexStatus.COMPLETE else ""
