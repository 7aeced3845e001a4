"""The steps of restore-test: AWS Backup's job is found, verified by a worker, answered and recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, REGION
from tests.lambdas.restore_test.tested import (
    BACKED_UP,
    INDEX,
    JOB,
    PLAN,
    POINT,
    REMOVAL,
    RESTORED,
    RUN,
    START,
    Backup,
    configured,
    opened,
    record,
    targets,
)
from tidemark.aws.clients import Clients
from tidemark.aws.new_file_systems import mount_target_part
from tidemark.aws.workers import DEPLOYMENT_TAG, RESTORE_TAG, TEMPORARY_TAG, VERIFYING
from tidemark.errors import NotRestorable, RestoreFailed
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.restores import record_problem
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem, SessionStatus
from tidemark.sessions.transactions import Put


def test_a_test_is_opened_with_the_index_of_its_point(
    call: Any, indexed: Deployment, backup: Backup, original: str, restored: str
) -> None:
    test = opened(call)
    assert test == {
        "restore_id": RUN,
        "policy": "nightly",
        "is_duplicate": False,
        "is_restored": True,
        "has_index": True,
    }
    session = record(indexed)
    assert (session.kind, session.file_system.file_system_id, session.target) == ("test", original, restored)
    assert session.test is not None
    assert session.test.backup_started_at == BACKED_UP
    assert session.test.index_id == INDEX
    assert session.test.exact_index_id.startswith(original)


def test_a_second_event_of_the_job_is_a_duplicate_and_a_repeated_call_is_not(
    call: Any, indexed: Deployment, backup: Backup
) -> None:
    first = opened(call)
    assert opened(call) == first
    assert opened(call, "arn:second")["is_duplicate"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CreatedBy": {}}, "not started by a restore testing plan"),
        (
            {"CreatedBy": {"RestoreTestingPlanArn": PLAN.replace("tidemark__", "cellar__")}},
            "of the deployment",
        ),
        ({"Status": "RUNNING"}, "is RUNNING; only a completed job"),
        ({"DeletionStatus": "DELETING"}, "set a longer validation_hours"),
        (
            {"SourceResourceArn": f"arn:aws:elasticfilesystem:eu-west-1:{ACCOUNT}:file-system/fs-1"},
            "not in the",
        ),
    ],
)
def test_other_jobs_are_refused(
    call: Any, deployment: Deployment, backup: Backup, changes: dict[str, Any], words: str
) -> None:
    backup.job |= changes
    with pytest.raises(NotRestorable, match=words):
        opened(call)


def test_an_unknown_job_is_refused(call: Any, deployment: Deployment, backup: Backup) -> None:
    with pytest.raises(NotRestorable, match="has no restore job unknown"):
        call("open_restore_test", {"restore_job_id": "unknown", "execution_arn": "arn"})


@pytest.mark.parametrize("status", [IndexStatus.RUNNING, IndexStatus.FAILED])
def test_an_index_that_is_not_complete_does_not_count(
    call: Any, indexed: Deployment, backup: Backup, original: str, status: IndexStatus
) -> None:
    index = Index(
        file_system=FileSystem(ACCOUNT, REGION, original), index_id=INDEX, status=status, started_at=BACKED_UP
    )
    indexed.records.transact(Put(table=INDEXES, item=index.to_item()))
    assert not opened(call)["has_index"]


def test_a_point_without_an_index_is_answered_with_a_failure(
    call: Any, deployment: Deployment, backup: Backup
) -> None:
    test = opened(call)
    assert not test["has_index"]
    closed = call("close_restore_test", {"test": test})
    assert (closed["status"], closed["answer"]) == ("failed", "FAILED")
    (result,) = backup.results
    assert "no complete index" in result["ValidationStatusMessage"]


def test_a_failed_restore_job_is_reported_and_not_answered(
    call: Any, indexed: Deployment, backup: Backup
) -> None:
    backup.job |= {"Status": "FAILED", "StatusMessage": "the key is disabled"}
    del backup.job["CreatedResourceArn"]
    test = opened(call)
    assert not test["is_restored"]
    closed = call("close_restore_test", {"test": test})
    assert "the key is disabled" in closed["reasons"][0]
    assert (closed["answer"], backup.results) == ("", [])


def test_the_restored_file_system_gets_the_mount_targets_of_the_original(
    call: Any, indexed: Deployment, backup: Backup, clients: Clients, original: str, restored: str
) -> None:
    setup = configured(call, opened(call))
    (wanted,), (made,) = targets(clients, original), targets(clients, restored)
    assert made["SubnetId"] == wanted["SubnetId"]
    assert set(setup["mount_targets"]) == {wanted["SubnetId"]}
    tags = clients.of("efs", REGION).list_tags_for_resource(ResourceId=restored)["Tags"]
    found = {tag["Key"]: tag["Value"] for tag in tags}
    assert found == {DEPLOYMENT_TAG: "tidemark", RESTORE_TAG: RUN, TEMPORARY_TAG: RUN}


def test_an_original_without_mount_targets_fails_the_test(
    call: Any, indexed: Deployment, backup: Backup, clients: Clients, original: str
) -> None:
    efs = clients.of("efs", REGION)
    for target in targets(clients, original):
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    with pytest.raises(NotRestorable, match="no mount target to copy"):
        call("configure_restore_test", {"test": opened(call), "setup": START})


def test_a_mount_target_that_was_refused_is_created_by_a_redrive(
    call: Any, indexed: Deployment, backup: Backup, clients: Clients, restored: str
) -> None:
    test = opened(call)
    setup = call("configure_restore_test", {"test": test, "setup": START})
    subnet = next(iter(setup["mount_targets"]))
    record_problem(indexed.records, RUN, mount_target_part(subnet), "there is no free address")
    configured(call, test)
    assert [target["SubnetId"] for target in targets(clients, restored)] == [subnet]
    assert record(indexed).problems == {}


def test_mount_targets_that_do_not_become_available_fail_the_test(
    call: Any, indexed: Deployment, backup: Backup
) -> None:
    setup = {**START, "waited_seconds": 3_600}
    with pytest.raises(RestoreFailed, match="not available after"):
        call("configure_restore_test", {"test": opened(call), "setup": setup})


def test_the_worker_receives_the_point_its_index_and_the_times(
    call: Any, indexed: Deployment, backup: Backup, launched: list[Any], original: str, restored: str
) -> None:
    test = opened(call)
    setup = configured(call, test)
    call("launch_verification_worker", {"task_token": "token", "test": test, "setup": setup})
    ((request, environment, purpose),) = launched
    assert purpose is VERIFYING
    assert environment.file_system_id == original
    assert environment.restored_file_system_id == restored
    assert (environment.index_id, environment.recovery_point_arn) == (INDEX, POINT)
    assert environment.backup_started_at == BACKED_UP.isoformat()
    assert environment.restore_completed_at == (RESTORED + timedelta(hours=1)).isoformat()
    ecs = indexed.clients.of("ecs", REGION)
    definition = ecs.describe_task_definition(taskDefinition=request["task_definition"])["taskDefinition"]
    assert definition["taskRoleArn"] == indexed.settings.verification_task_role
    (volume, _) = definition["volumes"]
    assert volume["efsVolumeConfiguration"]["fileSystemId"] == restored
    (container,) = definition["containerDefinitions"]
    assert container["mountPoints"][0]["readOnly"]
    session = record(indexed)
    assert (session.phase, session.worker_id, session.worker_token) == ("verifying", "task-1", "token")


def test_mount_targets_are_removed_until_none_is_left(
    call: Any, indexed: Deployment, backup: Backup, clients: Clients, restored: str
) -> None:
    test = opened(call)
    configured(call, test)
    removal = call("remove_test_mount_targets", {"test": test, "removal": REMOVAL})
    while not removal["is_removed"]:
        removal = call("remove_test_mount_targets", {"test": test, "removal": removal})
    assert targets(clients, restored) == []


def test_mount_targets_that_remain_fail_the_test(
    call: Any, indexed: Deployment, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.remove_test_mount_targets.remove_mount_targets", lambda *_: False)
    test = opened(call)
    removal = {**REMOVAL, "waited_seconds": 3_600}
    with pytest.raises(RestoreFailed, match="still exist after"):
        call("remove_test_mount_targets", {"test": test, "removal": removal})


@pytest.mark.parametrize(
    ("totals", "status", "answer"),
    [
        ({"compared": 9, "differences": 0}, "success", "SUCCESSFUL"),
        ({"compared": 9, "differences": 0, "changed_since_backup": 2}, "success", "SUCCESSFUL"),
        ({"compared": 9, "differences": 1, "missing": 1}, "failed", "FAILED"),
    ],
)
def test_the_verdict_is_reported_and_recorded(
    call: Any, indexed: Deployment, backup: Backup, totals: dict[str, int], status: str, answer: str
) -> None:
    test = opened(call)
    closed = call("close_restore_test", {"test": test, "totals": totals})
    assert (closed["status"], closed["answer"], closed["totals"]) == (status, answer, totals)
    (result,) = backup.results
    assert (result["RestoreJobId"], result["ValidationStatus"]) == (JOB, answer)
    session = record(indexed)
    assert session.test is not None
    assert (session.status.value, session.phase, session.test.answer) == (status, "ended", answer)
    assert session.totals == totals


def test_closing_twice_is_closing_once(call: Any, indexed: Deployment, backup: Backup) -> None:
    test = opened(call)
    totals = {"compared": 9, "differences": 1, "missing": 1}
    first = call("close_restore_test", {"test": test, "totals": totals})
    assert call("close_restore_test", {"test": test, "totals": totals}) == first


def test_a_result_that_aws_backup_refuses_is_a_warning(
    call: Any, indexed: Deployment, backup: Backup
) -> None:
    backup.refuses = True
    closed = call("close_restore_test", {"test": opened(call), "totals": {"compared": 9}})
    assert (closed["status"], closed["answer"]) == ("warning", "")
    assert "did not accept the result SUCCESSFUL (it has none): too late" in closed["reasons"][0]


def test_a_failed_verification_is_not_answered_and_can_be_redriven(
    call: Any, indexed: Deployment, backup: Backup
) -> None:
    test = opened(call)
    failure = {"Error": "NoMountTarget", "Cause": '{"errorMessage": "none is left"}'}
    closed = call("close_restore_test", {"test": test, "failure": failure})
    assert (closed["status"], closed["answer"], backup.results) == ("failed", "", [])
    event = {"test": test, "attempt": 0, "reasons": closed["reasons"]}
    with pytest.raises(RestoreFailed, match="none is left"):
        call("fail_restore_test", {**event, "redrive_count": 0})
    assert call("fail_restore_test", {**event, "redrive_count": 1}) == {"attempt": 1}
    configured(call, test)
    assert record(indexed).status is SessionStatus.RUNNING
