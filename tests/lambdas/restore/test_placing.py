"""The worker is launched with what it needs, and the session is closed with what it did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import launch_restore_worker
from tests.aws.account import ACCOUNT, REGION
from tests.lambdas.restore.restoring import RUN, Backup, Session
from tidemark.errors import (
    AwsThrottled,
)
from tidemark.sessions.restores import read_restore
from tidemark.sessions.session import SessionStatus
from tidemark.settings import RestoreWorkerSettings


def jobs_of(session: Session) -> list[str]:
    key = f"below/restores/{ACCOUNT}/{REGION}/{session.plan.file_system_id}/{session.name}/jobs.json"
    body = session.deployment.clients.of("s3", REGION).get_object(Bucket="repository", Key=key)["Body"]
    return [job["job_id"] for job in json.loads(body.read())]


def test_the_worker_gets_the_completed_jobs_and_its_token(
    session: Session, backup: Backup, launched: list[Any]
) -> None:
    session.take()
    session.run_jobs(backup, {1: "FAILED"})
    session.launch("first")
    ((request, environment, purpose),) = launched
    assert jobs_of(session) == ["job-0", "job-2"]
    assert isinstance(environment, RestoreWorkerSettings)
    assert (environment.task_token, environment.restore_id, environment.plan_id) == ("first", RUN, "plan-1")
    assert (request["kind"], purpose.name, purpose.read_only) == ("fargate", "restore", False)
    assert session.plan.file_system_id in request["task_definition"]
    record = session.record
    assert (record.phase, record.worker_id, record.worker_token) == ("placing", "task-1", "first")
    session.launch("second")
    assert (session.record.worker_id, session.record.worker_token) == ("task-2", "second")


def test_a_launch_that_fails_leaves_its_token_for_no_worker(
    session: Session, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.take()
    session.run_jobs(backup)

    def full(*_: Any) -> str:
        assert session.record.worker_token == "token"
        raise AwsThrottled("ECS throttled")

    monkeypatch.setattr(launch_restore_worker, "launch", full)
    with pytest.raises(AwsThrottled):
        session.launch()
    assert session.record.worker_id == ""


def test_a_closed_session_leaves_no_task_definition_and_no_token(
    session: Session, backup: Backup, launched: list[Any]
) -> None:
    session.take()
    session.run_jobs(backup)
    session.launch()
    session.launch("second")
    ecs = session.deployment.clients.of("ecs", REGION)
    assert len(ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]) == 2
    closed = session.close(totals={"placed": 4})
    assert closed == {"restore_id": RUN, "status": "success", "reasons": [], "totals": {"placed": 4}}
    assert ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []
    record = session.record
    assert (record.worker_token, record.phase, record.totals) == ("", "ended", {"placed": 4})
    assert session.close(totals={"placed": 4}) == closed


def test_a_failed_step_is_the_reason_of_the_failed_session(session: Session) -> None:
    session.take()
    failure = {"Error": "WorkerCannotRun", "Cause": json.dumps({"errorMessage": "no route to ECR"})}
    closed = session.close(failure=failure)
    assert (closed["status"], closed["reasons"]) == ("failed", ["no route to ECR"])


@pytest.mark.parametrize("code", ["AuthorizationError", "NotFound", "InternalError"])
def test_a_session_ends_although_no_notification_can_be_sent(session: Session, code: str) -> None:
    session.take()
    client = session.deployment.clients.of("sns", REGION)

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no topic"}}, "Publish")

    client.meta.events.register_first("before-call.sns.Publish", refuse)
    try:
        closed = session.close(totals={"placed": 1})
    finally:
        client.meta.events.unregister("before-call.sns.Publish", refuse)
    assert closed["status"] == "warning"
    assert "no notification was sent" in closed["reasons"][0]
    assert read_restore(session.deployment.records, RUN).status is SessionStatus.WARNING
