"""The steps of a session, in order, on moto and a stub of AWS Backup."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, REGION
from tests.lambdas.conftest import AT_TWO, COPY, POINT, STARTED, close, opened, propose
from tests.sessions.world import point
from tidemark.aws.clients import Clients
from tidemark.errors import (
    BackupJobFailed,
    CopyJobFailed,
    IndexingFailed,
    LeaseLost,
    SessionExists,
    SessionFailed,
    VaultNotFound,
)
from tidemark.policy.policy import policy_parameter
from tidemark.sessions.naming import is_index_id
from tidemark.sessions.overlap import add_point
from tidemark.sessions.records import read_lease, read_session
from tidemark.sessions.session import SessionStatus


def test_an_opened_session_returns_the_values_that_later_steps_need(session: Any, file_system: str) -> None:
    assert session == {
        "session_id": "s",
        "policy": "nightly",
        "file_system": file_system,
        "index_wanted": True,
        "copies": [{"region": "eu-west-1", "vault": "copies", "account": None, "keep_days": None}],
    }


def test_opening_is_idempotent_but_a_name_has_one_execution(
    call: Any, session: Any, file_system: str
) -> None:
    assert opened(call, "s", file_system) == session
    event = {"session_id": "s", "execution_arn": "arn:x", "policy": "nightly", "file_system": file_system}
    with pytest.raises(SessionExists):
        call("open_session", event)


def test_nothing_is_written_if_a_vault_is_missing(
    call: Any, clients: Clients, deployment: Deployment, file_system: str
) -> None:
    clients.of("backup", "eu-west-1").delete_backup_vault(BackupVaultName="copies")
    with pytest.raises(VaultNotFound):
        opened(call, "s", file_system)
    assert clients.of("dynamodb", REGION).scan(TableName="tidemark-sessions")["Items"] == []


def test_a_retried_start_returns_the_same_job_and_a_redriven_one_starts_another(
    call: Any, session: Any, backup: Stubber
) -> None:
    tokens = []
    client = backup.client
    client.meta.events.register_first(
        "provide-client-params.backup.StartBackupJob",
        lambda params, **_: tokens.append(params["IdempotencyToken"]),
    )
    names = "BackupVaultName ResourceArn IamRoleArn IdempotencyToken StartWindowMinutes CompleteWindowMinutes"
    expected = dict.fromkeys([*names.split(), "Lifecycle", "RecoveryPointTags"], ANY)
    for attempt in (0, 0, 1):
        answer = {"BackupJobId": "job", "RecoveryPointArn": POINT}
        backup.add_response(
            "start_backup_job", answer, {**expected, "RecoveryPointTags": {"session": "s", "days": "35"}}
        )
        job = call("start_backup", {"session": session, "attempt": attempt})
        assert (job["job_id"], job["recovery_point_arn"], job["finished"]) == ("job", POINT, False)
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_key_is_created_only_for_the_first_session(
    call: Any, backup: Stubber, session: Any, deployment: Deployment, file_system: str
) -> None:
    """A job of an earlier attempt of the session does not mean that a key was deleted."""
    backup.deactivate()  # moto serves the vaults
    other = opened(call, "other", file_system)
    backup.activate()
    for started in (session, session, other):
        backup.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT})
        call("start_backup", {"session": started, "attempt": 0})
    assert deployment.tags.histories == [False, False, True]  # type: ignore[attr-defined]  # the tests' tags


def test_a_job_is_recorded_as_soon_as_it_is_started_and_when_it_has_ended(
    call: Any, backup: Stubber, session: Any, deployment: Deployment
) -> None:
    def jobs() -> list[tuple[str, ...]]:
        found = read_session(deployment.records, "s").jobs
        return [(job.job_id, job.kind, job.region, job.vault, job.state, job.message) for job in found]

    backup.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT})
    call("start_backup", {"session": session, "attempt": 0})
    assert jobs() == [("job", "backup", REGION, "tidemark", "CREATED", "")]
    check_backup(call, backup, session, State="COMPLETED", RecoveryPointArn=POINT)
    backup.add_response("start_copy_job", {"CopyJobId": "copy"})
    target = session["copies"][0]
    event = {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": target}
    started = call("start_copy", event)
    assert jobs() == [
        ("job", "backup", REGION, "tidemark", "COMPLETED", ""),
        ("copy", "copy", "eu-west-1", "copies", "CREATED", ""),
    ]
    failed = {"State": "FAILED", "StatusMessage": "no room"}
    backup.add_response("describe_copy_job", {"CopyJob": failed}, {"CopyJobId": "copy"})
    with pytest.raises(CopyJobFailed):
        call("check_copy", {"session": session, "copy": started})
    assert jobs()[1][-2:] == ("FAILED", "no room")


def check_backup(call: Any, backup: Stubber, session: Any, **job: Any) -> Any:
    answer = {"BackupVaultName": "tidemark", **job}
    backup.add_response("describe_backup_job", answer, {"BackupJobId": "job"})
    return call("check_backup", {"session": session, "backup": STARTED})


def test_a_running_job_is_waited_for_longer(
    call: Any, backup: Stubber, session: Any, deployment: Deployment
) -> None:
    job = check_backup(call, backup, session, State="RUNNING")
    assert (job["finished"], job["waited_seconds"], job["wait_seconds"]) == (False, 20, 20)
    assert read_session(deployment.records, "s").points == ()


@pytest.mark.parametrize("state", ["COMPLETED", "PARTIAL"])
def test_a_finished_job_leaves_its_point_on_the_session(
    call: Any, backup: Stubber, session: Any, deployment: Deployment, state: str
) -> None:
    job = check_backup(
        call, backup, session, State=state, RecoveryPointArn=POINT, BackupSizeInBytes=7, CompletionDate=AT_TWO
    )
    assert job["finished"]
    (made,) = read_session(deployment.records, "s").points
    assert (made.recovery_point_arn, made.kind, made.vault, made.size_bytes) == (
        POINT,
        "backup",
        "tidemark",
        7,
    )
    assert made.completed_at == AT_TWO


def test_a_partial_point_is_recorded_with_aws_backups_message_as_a_reason(
    call: Any, backup: Stubber, session: Any, clients: Clients
) -> None:
    check_backup(
        call, backup, session, State="PARTIAL", StatusMessage="some files changed", RecoveryPointArn=POINT
    )
    closed = close(call, index={"status": "none"})
    assert closed["status"] == "warning"
    assert closed["reasons"][0] == (f"the backup in {REGION} has issues: PARTIAL: some files changed")


def test_a_deleted_policy_loses_no_backup(
    call: Any, backup: Stubber, session: Any, deployment: Deployment, clients: Clients
) -> None:
    clients.of("ssm", REGION).delete_parameter(Name=policy_parameter("tidemark", "nightly"))
    assert check_backup(call, backup, session, State="COMPLETED", RecoveryPointArn=POINT)["finished"]
    assert len(read_session(deployment.records, "s").points) == 1


@pytest.mark.parametrize("state", ["FAILED", "ABORTED", "EXPIRED"])
def test_a_job_that_did_not_complete_reports_the_reason(
    call: Any, backup: Stubber, session: Any, deployment: Deployment, state: str
) -> None:
    backup.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT})
    call("start_backup", {"session": session, "attempt": 0})
    with pytest.raises(BackupJobFailed, match=f"ended {state}: no room;"):
        check_backup(call, backup, session, State=state, StatusMessage="no room")
    (job,) = read_session(deployment.records, "s").jobs
    assert (job.state, job.message) == (state, "no room"), "it is recorded before the step fails"


def test_a_copy_is_recorded_in_its_region(
    call: Any, backup: Stubber, session: Any, deployment: Deployment
) -> None:
    target = session["copies"][0]
    backup.add_response("start_copy_job", {"CopyJobId": "job"})
    started = call(
        "start_copy", {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": target}
    )
    assert started["target"] == target
    done = {
        "State": "COMPLETED",
        "DestinationRecoveryPointArn": COPY,
        "DestinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copies",
    }
    backup.add_response("describe_copy_job", {"CopyJob": done}, {"CopyJobId": "job"})
    assert call("check_copy", {"session": session, "copy": started})["recovery_point_arn"] == COPY
    (made,) = read_session(deployment.records, "s").points
    assert (made.kind, made.account, made.region, made.vault) == ("copy", ACCOUNT, "eu-west-1", "copies")
    backup.add_response("describe_copy_job", {"CopyJob": {"State": "FAILED"}}, {"CopyJobId": "job"})
    with pytest.raises(CopyJobFailed, match="copies in eu-west-1 ended FAILED: AWS Backup gave no reason"):
        call("check_copy", {"session": session, "copy": started})


def test_a_copy_in_another_account_is_recorded_but_not_described(
    call: Any, backup: Stubber, session: Any, deployment: Deployment
) -> None:
    target = {**session["copies"][0], "region": REGION, "account": "999999999999", "keep_days": 7}
    backup.add_response("start_copy_job", {"CopyJobId": "job"})
    event = {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": target}
    started = call("start_copy", event)
    (job,) = read_session(deployment.records, "s").jobs
    assert (job.account, job.region, job.keep_days) == ("999999999999", REGION, 7)
    copy = f"arn:aws:backup:{REGION}:999999999999:recovery-point:2"
    vault = f"arn:aws:backup:{REGION}:999999999999:backup-vault:copies"
    done = {"State": "COMPLETED", "DestinationRecoveryPointArn": copy, "DestinationBackupVaultArn": vault}
    backup.add_response("describe_copy_job", {"CopyJob": done}, {"CopyJobId": "job"})
    assert call("check_copy", {"session": session, "copy": started})["finished"]
    (made,) = read_session(deployment.records, "s").points
    assert (made.account, made.recovery_point_arn) == ("999999999999", copy)


def test_two_sessions_share_one_index_and_both_get_its_result(
    call: Any, session: Any, deployment: Deployment, clients: Clients, file_system: str
) -> None:
    first = call("claim_index", {"session": session})
    assert first["step"] == "launch"
    assert is_index_id(first["index_id"]), "what the command line asks for by"
    assert call("claim_index", {"session": session}) == first, "its answer was lost: the same again"
    other = opened(call, "other", file_system)
    assert call("claim_index", {"session": other}) == {**first, "step": "share"}
    for name in ("s", "other"):
        add_point(deployment.records, name, point(name, "backup"), deployment.tags.tag_with_index)
        call("await_index", {"session_id": name, "task_token": f"token-{name}"})
    totals = propose(clients, file_system, first["index_id"])
    event = {"index_id": first["index_id"], "file_system": file_system, "totals": totals}
    with Stubber(clients.of("stepfunctions", REGION)) as states:
        for name in ("other", "s"):
            states.add_response(
                "send_task_success",
                {},
                {
                    "taskToken": f"token-{name}",
                    "output": json.dumps(
                        {"status": "complete", "index_id": first["index_id"], "reason": None}
                    ),
                },
            )
        assert call("complete_index", event)["sessions"] == ["other", "s"]
        states.assert_no_pending_responses()
    assert sorted(deployment.tags.told) == [  # type: ignore[attr-defined]  # the tests' tags
        ("arn:other:backup", first["index_id"]),
        ("arn:s:backup", first["index_id"]),
    ]


def test_an_ended_index_gives_its_result_immediately_and_a_late_result_is_no_error(
    call: Any, session: Any, clients: Clients, file_system: str
) -> None:
    index_id = call("claim_index", {"session": session})["index_id"]
    failure = {"Error": "CrawlFailed", "Cause": json.dumps({"errorMessage": "unreadable"})}
    event = {"index_id": index_id, "file_system": file_system, "failure": failure}
    assert call("fail_index", event) == {"status": "failed", "index_id": index_id}
    assert call("fail_index", {**event, "index_id": "unheard-of"})["status"] == "failed"
    totals = propose(clients, file_system, index_id)
    with pytest.raises(LeaseLost):
        call("complete_index", {"index_id": index_id, "file_system": file_system, "totals": totals})
    with Stubber(clients.of("stepfunctions", REGION)) as states:
        output = json.dumps({"status": "failed", "index_id": index_id, "reason": "unreadable"})
        states.add_response("send_task_success", {}, {"taskToken": "t", "output": output})
        call("await_index", {"session_id": "s", "task_token": "t"})
        states.add_client_error("send_task_success", "TaskTimedOut")
        call("await_index", {"session_id": "s", "task_token": "t"})
        states.assert_no_pending_responses()


def test_a_session_without_an_index_has_nothing_to_wait_for(call: Any, session: Any) -> None:
    with pytest.raises(IndexingFailed):
        call("await_index", {"session_id": "s", "task_token": "t"})


def test_a_session_is_closed_with_the_results_of_its_branches(
    call: Any, session: Any, deployment: Deployment
) -> None:
    index_id = call("claim_index", {"session": session})["index_id"]
    add_point(deployment.records, "s", point("s", "backup"), deployment.tags.tag_with_index)
    failed = {"failure": {"Error": "CopyJobFailed", "Cause": json.dumps({"errorMessage": "no copy"})}}
    closed = close(call, copies=[{"recovery_point_arn": COPY}, failed], index={"status": "running"})
    assert closed["status"] == "warning"
    assert closed["reasons"][0] == "no copy"
    assert index_id in closed["reasons"][1]
    assert read_session(deployment.records, "s").status is SessionStatus.WARNING


def test_subscribers_are_notified_by_status(
    call: Any, session: Any, clients: Clients, deployment: Deployment, settings: Any
) -> None:
    published = []
    client = clients.of("sns", REGION)
    recorded: list[SessionStatus] = []

    def publish(params: Any, **_: Any) -> None:
        published.append(dict(params))
        recorded.append(read_session(deployment.records, "s").status)

    event = "provide-client-params.sns.Publish"
    client.meta.events.register_first(event, publish)
    try:  # other tests use the same client
        close(call, failure={"Error": "BackupJobFailed", "Cause": "the disk is on fire"})
    finally:
        client.meta.events.unregister(event, publish)
    (message,) = published
    assert message["TopicArn"] == settings.topic
    assert len(message["Subject"]) <= 100
    assert message["MessageAttributes"]["status"]["StringValue"] == "failed"
    first, *more = json.loads(message["Message"])["default"].splitlines()
    assert first == f"nightly: {session['file_system']} ended with failed"
    assert "  - the disk is on fire" in more
    assert recorded == [SessionStatus.FAILED], "the record is written before the notification"


def test_a_failed_session_fails_and_a_redriven_one_starts_again(
    call: Any, session: Any, deployment: Deployment
) -> None:
    failure = {"Error": "BackupJobFailed", "Cause": json.dumps({"errorMessage": "no room"})}
    close(call, failure=failure)
    event = {"session_id": "s", "attempt": 0, "redrive_count": 0, "failure": failure}
    with pytest.raises(SessionFailed, match="session s failed: no room"):
        call("fail_session", event)
    assert call("fail_session", {**event, "redrive_count": 1}) == {"attempt": 1}
    reopened = read_session(deployment.records, "s")
    assert (reopened.status, reopened.reasons, reopened.ended_at) == (SessionStatus.RUNNING, (), None)
    with pytest.raises(SessionFailed):
        call("fail_session", {**event, "attempt": 1, "redrive_count": 1})
    assert call("fail_session", {**event, "attempt": 1, "redrive_count": 2}) == {"attempt": 2}


def test_a_task_token_is_in_no_log(call: Any, session: Any, caplog: pytest.LogCaptureFixture) -> None:
    call("claim_index", {"session": session})
    caplog.clear()
    call("await_index", {"session_id": "s", "task_token": "the-secret-token"})
    assert [record.message for record in caplog.records] == ["step begins", "step ends"]
    assert not any("the-secret-token" in str(vars(record)) for record in caplog.records)


def test_a_step_publishes_its_metrics_and_steps_without_metrics_do_not_warn(
    call: Any, session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call("claim_index", {"session": session})
    assert "_aws" not in capsys.readouterr().out
    close(call, failure={"Error": "BackupJobFailed", "Cause": "no room"})
    counted = json.loads(capsys.readouterr().out)
    assert (counted["SessionsFailed"], counted["policy"]) == ([1.0], "nightly")
    assert counted["SessionDuration"][0] >= 0


def test_a_lease_is_left_to_a_session_that_waits(
    call: Any, session: Any, deployment: Deployment, file_system: str
) -> None:
    index_id = call("claim_index", {"session": session})["index_id"]
    lease = read_lease(deployment.records, deployment.file_system(file_system))
    assert lease is not None
    assert (lease.index_id, lease.owner) == (index_id, "s")
