"""The sweeper removes leftovers of aborted executions, and does not touch running ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas import sweep
from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, COPY_REGION, IMAGE, MACHINES, REGION
from tests.lambdas.aborted import FILE_SYSTEMS, Account, aborted_account
from tests.sessions.world import new_session, point
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.executions import execution_arn
from tidemark.errors import AccessDenied
from tidemark.sessions.indexing import LEASE_DURATION, IndexStatus
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import add_point, complete, fail, open_session
from tidemark.sessions.queries import close_session, record_job, watched_session_ids
from tidemark.sessions.records import read_index, read_session
from tidemark.sessions.session import Job, Session, SessionStatus


@pytest.fixture
def account(clients: Clients, deployment: Deployment) -> Account:
    return aborted_account(clients, deployment)


def test_leftovers_of_an_aborted_execution_are_removed(account: Account, call: Any) -> None:
    done = call("sweep", {})
    lost = account.index_id("lost")
    assert done["failed_indexes"] == [lost]
    assert done["aborted_sessions"] == ["lost"]
    assert len(done["workers"]) == len(done["task_definitions"]) == 1
    records = account.deployment.records
    index = read_index(records, FILE_SYSTEMS["lost"], lost)
    assert index is not None
    assert index.status is IndexStatus.FAILED
    assert "ABORTED" in str(index.reason)
    assert account.lease("lost") is None
    session = read_session(records, "lost")
    assert session.status is SessionStatus.ABORTED
    assert "redrive" in session.reasons[0]
    assert lost not in account.workers()
    assert "lost" not in account.task_definitions()


def test_running_and_starting_sessions_are_not_touched(account: Account, call: Any) -> None:
    young = account.lease("young")
    call("sweep", {})
    assert account.workers() == {account.index_id("living"), account.index_id("young")}
    assert account.task_definitions() == {"living", "young"}
    for name in ("living", "young"):
        assert read_session(account.deployment.records, name).status is SessionStatus.RUNNING
        index = read_index(account.deployment.records, FILE_SYSTEMS[name], account.index_id(name))
        assert index is not None
        assert index.status is IndexStatus.RUNNING
    assert account.lease("young") == young


def test_the_lease_of_a_running_execution_is_renewed(account: Account, call: Any) -> None:
    before = account.lease("living")
    assert call("sweep", {})["renewed"] == [account.index_id("living")]
    after = account.lease("living")
    assert before is not None
    assert after is not None
    assert after.expires_at > before.expires_at
    assert after.is_live(utc_now() + LEASE_DURATION - timedelta(minutes=1))


def test_a_session_with_an_unknown_execution_is_not_reported_as_redrivable(
    account: Account, call: Any
) -> None:
    records, then = account.deployment.records, utc_now() - timedelta(minutes=30)
    arn = execution_arn(f"{MACHINES}-backup-session", "forgotten")
    open_session(records, replace(new_session("forgotten"), execution_arn=arn, opened_at=then), then)
    call("sweep", {})
    assert "MISSING; run the policy" in read_session(records, "forgotten").reasons[0]


def test_a_second_sweep_has_nothing_left_to_do(account: Account, call: Any) -> None:
    call("sweep", {})
    again = call("sweep", {})
    assert again == {
        "renewed": [account.index_id("living")],
        "failed_indexes": [],
        "aborted_sessions": [],
        "aborted_restores": [],
        "started_tests": [],
        "workers": [],
        "task_definitions": [],
    }


def test_a_worker_whose_lease_is_not_listed_yet_is_left_alone(
    account: Account, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "leased_file_systems", lambda _records: ())  # the index lags behind the table
    call("sweep", {})
    assert account.workers() == {account.index_id(name) for name in FILE_SYSTEMS}


def test_a_lease_that_has_ended_since_it_was_listed_does_not_block_the_sweep(
    account: Account, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = replace(FILE_SYSTEMS["lost"], file_system_id="fs-00000000000000009")
    listed = [str(ended), str(FILE_SYSTEMS["living"])]
    monkeypatch.setattr(sweep, "leased_file_systems", lambda _records: iter(listed))
    assert call("sweep", {})["renewed"] == [account.index_id("living")]


def test_a_session_that_closed_after_it_was_listed_keeps_its_end(
    account: Account, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = account.deployment.records
    listed = list(watched_session_ids(records))
    close_session(records, "lost", Outcome(status=SessionStatus.SUCCESS, reasons=()), utc_now())
    monkeypatch.setattr(sweep, "watched_session_ids", lambda _records: iter(listed))
    assert call("sweep", {})["aborted_sessions"] == []
    assert read_session(records, "lost").status is SessionStatus.SUCCESS


def test_machines_of_other_deployments_are_not_removed(account: Account, call: Any) -> None:
    ec2, ecs = account.clients.of("ec2", REGION), account.clients.of("ecs", REGION)
    theirs = ec2.run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [
                    {"Key": "tidemark:deployment", "Value": "cellar"},
                    {"Key": "tidemark:index", "Value": account.index_id("lost")},
                ],
            }
        ],
    )["Instances"][0]["InstanceId"]
    definition = ecs.register_task_definition(
        family="tidemark-worker-of-another",
        containerDefinitions=[{"name": "c", "image": "i", "memory": 128}],
    )["taskDefinition"]["taskDefinitionArn"]
    call("sweep", {})
    state = ec2.describe_instances(InstanceIds=[theirs])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "running"
    assert definition in ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]


POINT = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
COPY = f"arn:aws:backup:{COPY_REGION}:{ACCOUNT}:recovery-point:2"
JOB = Job(
    job_id="job-1",
    kind="backup",
    account=ACCOUNT,
    region=REGION,
    vault="tidemark",
    started_at=datetime(2026, 11, 22, 2, tzinfo=UTC),
)
COPY_JOB = replace(
    JOB,
    job_id="job-2",
    kind="copy",
    region=COPY_REGION,
    vault="copies",
    started_at=JOB.started_at + timedelta(1),
)


@pytest.fixture
def backup(account: Account) -> Iterator[Stubber]:
    """A stub of AWS Backup, which refuses unexpected calls."""
    with Stubber(account.clients.of("backup", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def swept(account: Account, call: Any) -> Session:
    call("sweep", {})
    return read_session(account.deployment.records, "lost")


def answer(backup: Stubber, **job: Any) -> None:
    backup.add_response(
        "describe_backup_job", {"BackupVaultName": "tidemark", **job}, {"BackupJobId": JOB.job_id}
    )


def answer_copy(backup: Stubber, **job: Any) -> None:
    vault = f"arn:aws:backup:{COPY_REGION}:{ACCOUNT}:backup-vault:copies"
    found = {"CopyJob": {"DestinationBackupVaultArn": vault, **job}}
    backup.add_response("describe_copy_job", found, {"CopyJobId": COPY_JOB.job_id})


def test_jobs_of_a_stopped_session_are_polled_and_their_results_named(
    account: Account, call: Any, backup: Stubber
) -> None:
    for job in (JOB, COPY_JOB):
        record_job(account.deployment.records, "lost", job)
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT, BackupSizeInBytes=7)
    answer_copy(backup, State="COMPLETED", DestinationRecoveryPointArn=COPY)
    session = swept(account, call)
    assert session.status is SessionStatus.ABORTED
    assert {(made.recovery_point_arn, made.kind, made.region, made.vault) for made in session.points} == {
        (POINT, "backup", REGION, "tidemark"),
        (COPY, "copy", COPY_REGION, "copies"),
    }
    assert [job.state for job in session.jobs] == ["COMPLETED", "COMPLETED"]
    assert "ABORTED" in session.reasons[0]
    assert session.reasons[1].startswith(f"not indexed: index {account.index_id('lost')} failed"), "I3"


def test_points_of_a_stopped_session_get_its_shared_index(
    account: Account, call: Any, backup: Stubber
) -> None:
    records, index_id = account.deployment.records, account.index_id("lost")
    complete(records, FILE_SYSTEMS["lost"], index_id, {"files": 1}, utc_now())
    record_job(records, "lost", JOB)
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT)
    assert len(swept(account, call).reasons) == 1
    assert account.deployment.tags.told == [(POINT, index_id)]  # type: ignore[attr-defined]  # the tests' tags


def test_a_running_job_is_polled_until_it_ends(account: Account, call: Any, backup: Stubber) -> None:
    record_job(account.deployment.records, "lost", JOB)
    answer(backup, State="RUNNING")
    session = swept(account, call)
    assert (session.status, session.points) == (SessionStatus.ABORTED, ())
    assert "continues in AWS Backup (RUNNING): job-1" in session.reasons[1]
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT)
    later = swept(account, call)
    assert [made.recovery_point_arn for made in later.points] == [POINT]
    assert later.ended_at == session.ended_at
    assert not any("continues in AWS Backup" in reason for reason in later.reasons)
    assert call("sweep", {})["aborted_sessions"] == [], "nor is AWS Backup asked again"
    assert "lost" not in watched(account)


def watched(account: Account) -> set[str]:
    return set(watched_session_ids(account.deployment.records))


@pytest.mark.parametrize("whole", [True, False])
def test_a_session_that_was_stopped_during_its_index_reports_the_result_of_the_index(
    account: Account, call: Any, *, whole: bool
) -> None:
    records, index_id, now = account.deployment.records, account.index_id("living"), utc_now()
    add_point(records, "living", point("living", "backup"), account.deployment.tags.tag_with_index)
    account.clients.of("stepfunctions", REGION).stop_execution(
        executionArn=execution_arn(f"{MACHINES}-backup-session", "living")
    )
    for _ in range(3):
        call("sweep", {})
        session = read_session(records, "living")
        assert session.status is SessionStatus.ABORTED
        assert session.reasons[1].startswith(f"not indexed yet: index {index_id} is in progress")
        assert "living" in watched(account)
    if whole:
        complete(records, FILE_SYSTEMS["living"], index_id, {"files": 1}, now)
    else:
        fail(records, FILE_SYSTEMS["living"], index_id, "no mount target", now)
    call("sweep", {})
    ended = read_session(records, "living")
    assert (ended.status, ended.ended_at) == (SessionStatus.ABORTED, session.ended_at)
    assert ended.reasons[1:] == (() if whole else (f"not indexed: index {index_id} failed: no mount target",))
    assert "living" not in watched(account)


def test_an_error_with_one_session_does_not_block_the_others_and_is_raised(
    account: Account, call: Any, backup: Stubber
) -> None:
    records, earlier = account.deployment.records, utc_now() - timedelta(hours=1)
    arn = execution_arn(f"{MACHINES}-backup-session", "first")
    file_system = replace(FILE_SYSTEMS["lost"], file_system_id="fs-00000000000000009")
    first = replace(new_session("first"), execution_arn=arn, opened_at=earlier, file_system=file_system)
    open_session(records, first, earlier)
    record_job(records, "first", JOB)
    backup.add_client_error("describe_backup_job", "AccessDeniedException")
    with pytest.raises(AccessDenied):
        call("sweep", {})
    assert read_session(records, "first").status is SessionStatus.RUNNING
    assert read_session(records, "lost").status is SessionStatus.ABORTED
    assert account.index_id("lost") not in account.workers()
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT)
    call("sweep", {})
    assert read_session(records, "first").status is SessionStatus.ABORTED, "the next sweep asks again"


def test_a_job_that_was_started_while_its_session_was_closed_is_polled_too(
    account: Account, call: Any, backup: Stubber
) -> None:
    assert swept(account, call).reasons[1] == "it has no recorded backup job"
    call("sweep", {})  # it is no longer listed
    record_job(account.deployment.records, "lost", JOB)
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT)
    session = swept(account, call)
    assert (session.status, len(session.points)) == (SessionStatus.ABORTED, 1)


@pytest.mark.parametrize("state", ["FAILED", "EXPIRED", "MISSING"])
def test_a_job_without_a_recovery_point_is_reported(
    account: Account, call: Any, backup: Stubber, state: str
) -> None:
    record_job(account.deployment.records, "lost", JOB)
    if state == "MISSING":
        backup.add_client_error("describe_backup_job", "ResourceNotFoundException")
    else:
        answer(backup, State=state, StatusMessage="no room")
    session = swept(account, call)
    assert session.points == ()
    assert session.reasons[1].startswith(f"the backup job to tidemark in {REGION} ended {state}: ")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_point_deleted_before_the_sweep_is_recorded_with_both_causes(
    account: Account, call: Any, backup: Stubber, code: str
) -> None:
    record_job(account.deployment.records, "lost", replace(JOB, keep_days=35))
    answer(backup, State="COMPLETED", RecoveryPointArn=POINT)
    backup.add_client_error("describe_recovery_point", code, "Insufficient privileges")
    session = swept(account, call)
    assert (session.status, len(session.points)) == (SessionStatus.ABORTED, 1)
    assert any("was deleted" in reason for reason in session.reasons)
