"""Restore jobs are started once, also by repeated calls, redrives and after refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import start_restore_job
from lambdas._handler import Deployment
from tests.aws.restore_plans import plan_of, point_plan
from tests.lambdas.restore.restoring import RUN, Backup, Session
from tidemark.errors import (
    AwsThrottled,
    NotRestorable,
    RestoreFailed,
)
from tidemark.sessions.restores import close_restore
from tidemark.sessions.session import SessionStatus


def test_all_items_are_restored_by_one_job_after_the_other(session: Session, backup: Backup) -> None:
    assert session.take()["is_mine"]
    assert session.run_jobs(backup) == 3
    asked = [json.loads(each["Metadata"]["ItemsToRestore"]) for each in backup.started]
    assert asked == [["/a/0", "/a/1"], ["/a/2"], ["/b"]]
    assert {each["IamRoleArn"] for each in backup.started} == {session.deployment.settings.restore_role}
    assert {each["Metadata"]["file-system-id"] for each in backup.started} == {session.plan.file_system_id}
    assert session.start() == session.start(), "nothing is left"


def test_a_repeated_start_follows_the_same_job(session: Session, backup: Backup) -> None:
    session.take()
    first = session.start()
    assert session.start() == first
    assert list(backup.states) == [first["job_id"]]
    assert len(session.record.jobs) == 1


def test_a_job_that_was_started_and_not_recorded_is_found_again(
    session: Session, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.take()

    def lost(*_: Any) -> None:
        raise AwsThrottled("DynamoDB throttled")

    with monkeypatch.context() as patch:
        patch.setattr(start_restore_job, "record_restore_job", lost)
        with pytest.raises(AwsThrottled):
            session.start()
    assert session.start()["job_id"] == "job-0"
    assert (len(backup.started), len(backup.jobs)) == (2, 1)
    assert session.run_jobs(backup) == 3
    assert len(backup.jobs) == 3


def test_a_job_is_polled_until_it_ends_and_twice_is_once(session: Session, backup: Backup) -> None:
    session.take()
    job = session.start()
    checked = session.check(job)
    assert session.check(job) == checked
    assert not checked["finished"]
    assert checked["waited_seconds"] == job["wait_seconds"]
    backup.states["job-0"] = "COMPLETED"
    assert session.check(checked)["finished"]
    (recorded,) = session.record.jobs
    assert recorded.is_done
    assert recorded.completed_at is not None


def test_a_job_without_a_record_is_an_error(session: Session, backup: Backup) -> None:
    session.take()
    job = session.start()
    with pytest.raises(RestoreFailed, match="no record of job job-9"):
        session.check({**job, "job_id": "job-9"})


def test_the_session_continues_without_the_items_of_a_failed_job(session: Session, backup: Backup) -> None:
    session.take()
    assert session.run_jobs(backup, {1: "FAILED"}) == 2
    closed = session.close(totals={"placed": 3})
    assert closed["status"] == "warning"
    assert any("job-1 ended FAILED" in reason for reason in closed["reasons"])


def test_a_redrive_restores_what_failed_with_new_tokens_and_nothing_twice(
    session: Session, backup: Backup
) -> None:
    session.take()
    # The first job has two items, which then have one job each.
    assert session.run_jobs(backup, {0: "FAILED", 1: "ABORTED", 2: "FAILED", 3: "FAILED", 4: "FAILED"}) == 0
    closed = session.close()
    assert closed["status"] == "failed"
    failed = {"restore": session.value, "attempt": 0, "redrive_count": 0, "reasons": closed["reasons"]}
    with pytest.raises(RestoreFailed, match="job-1 ended ABORTED"):
        session.call("fail_restore", failed)
    for _ in range(2):
        assert session.call("fail_restore", {**failed, "redrive_count": 1}) == {"attempt": 1}
    assert session.record.status is SessionStatus.RUNNING
    assert session.take()["is_mine"]
    assert session.run_jobs(backup, {7: "FAILED"}, attempt=1) == 2
    tokens = [each["IdempotencyToken"] for each in backup.started]
    assert len(set(tokens)) == 8
    asked = [json.loads(each["Metadata"]["ItemsToRestore"]) for each in backup.started]
    assert asked[:5] == [["/a/0", "/a/1"], ["/a/0"], ["/a/1"], ["/a/2"], ["/b"]]
    assert asked[5:] == [["/a/0", "/a/1"], ["/a/2"], ["/b"]]
    assert session.close(totals={"placed": 1})["status"] == "warning"


@pytest.mark.parametrize(("most", "jobs"), [(10, [10, 10, 5]), (5, [5] * 5), (1, [1] * 25)])
def test_a_session_continues_with_as_many_items_per_job_as_aws_backup_accepts(
    call: Any, deployment: Deployment, file_system: str, backup: Backup, most: int, jobs: list[int]
) -> None:
    point = point_plan([f"/{number}" for number in range(25)])
    session = Session(call, deployment, plan_of(point, file_system_id=file_system, items_per_job=25))
    session.open()
    session.take()
    backup.most_items = most
    assert session.run_jobs(backup) == len(jobs)
    assert [job.end - job.first for job in session.record.jobs] == jobs
    assert session.record.most_items == most
    refused = len(backup.started) - len(jobs)
    assert refused == [10, 5, 1].index(most) + 1, "each limit is tried once"


def test_too_many_jobs_are_not_started_one_by_one(
    call: Any, deployment: Deployment, file_system: str, backup: Backup
) -> None:
    point = point_plan([f"/{number}" for number in range(501)])
    session = Session(call, deployment, plan_of(point, file_system_id=file_system, items_per_job=501))
    session.open()
    session.take()
    backup.most_items = 5
    with pytest.raises(NotRestorable, match="--items-per-job 5"):
        session.start()
    assert session.record.jobs == ()


def test_a_refused_single_item_and_a_deleted_point_fail_the_session(session: Session, backup: Backup) -> None:
    session.take()
    backup.most_items = 0
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        session.start()
    backup.most_items, backup.error = None, "ResourceNotFoundException"
    with pytest.raises(NotRestorable, match="does not exist any more"):
        session.start()


def test_no_job_is_started_after_another_session_has_the_turn(session: Session, backup: Backup) -> None:
    other = Session(session.call, session.deployment, session.plan, "restore-2")
    other.open()
    session.take()
    record = session.record
    close_restore(
        session.deployment.records,
        RUN,
        status=SessionStatus.ABORTED,
        reasons=(),
        totals={},
        now=record.started_at,
    )
    assert other.take()["is_mine"]
    with pytest.raises(RestoreFailed, match="restore-2 restores to the same file system now"):
        session.start()
    assert backup.started == []
