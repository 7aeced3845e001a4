"""The paths through the state machines: the transitions of a session, and the effects of failures."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.script import GIVEN, Script
from tests.workflows.walker import Raised, Walk, definition


def test_a_session_with_a_copy_and_an_index_costs_at_most_sixty_transitions() -> None:
    script = Script(job_seconds=600)
    script.run("backup-session", GIVEN)
    session = len(script.walk.entered)
    script.run("indexing-session", {"index_id": "index", "file_system": "fs-0", "policy": "nightly"})
    assert len(script.walk.entered) <= 60, f"{session} of the session, the rest of its index"


def test_a_complete_session_takes_every_step_once_and_closes() -> None:
    script = Script(job_seconds=1)
    script.run("backup-session", GIVEN)
    assert script.names() == [
        "OpenSession", "StartBackup", "CheckBackup", "StartCopy", "CheckCopy", "ClaimIndex", "StartIndexing",
        "AwaitIndex", "CloseSession",
    ]  # fmt: skip
    closed = script.payload("CloseSession")
    assert closed["copies"] == [{"recovery_point_arn": "arn:copy"}]
    assert "failure" not in closed["index"]


def test_a_session_that_shares_starts_no_indexing_session() -> None:
    script = Script()
    script.walk.lambdas = {  # type: ignore[assignment]  # a Mapping with one answer changed
        **script.walk.lambdas,
        "ClaimIndexFunction": lambda _: {"step": "share", "index_id": "index"},
    }
    script.run("backup-session", GIVEN)
    assert "StartIndexing" not in script.names()
    assert "AwaitIndex" in script.names()


@pytest.mark.parametrize("step", ["StartCopy", "CheckCopy"])
def test_a_failed_copy_is_passed_to_the_closing_step_and_stops_nothing(step: str) -> None:
    script = Script(job_seconds=1, **{step: "CopyJobFailed"})
    script.run("backup-session", GIVEN)
    assert script.payload("CloseSession")["copies"][0]["failure"]["Error"] == "CopyJobFailed"
    assert "AwaitIndex" in script.names()


@pytest.mark.parametrize("step", ["ClaimIndex", "AwaitIndex"])
def test_a_failed_index_step_is_passed_to_the_closing_step_and_stops_nothing(step: str) -> None:
    script = Script(job_seconds=1, **{step: "IndexingFailed"})
    script.run("backup-session", GIVEN)
    closed = script.payload("CloseSession")
    assert closed["index"]["failure"]["Error"] == "IndexingFailed"
    assert closed["copies"] == [{"recovery_point_arn": "arn:copy"}]


def test_an_indexing_session_that_cannot_be_started_releases_its_lease() -> None:
    script = Script(job_seconds=1, StartIndexing="StepFunctions.AWSStepFunctionsException")
    script.run("backup-session", GIVEN)
    assert script.payload("FailIndex")["failure"]["Error"] == "StepFunctions.AWSStepFunctionsException"
    assert "AwaitIndex" not in script.names()


def test_an_indexing_session_that_was_already_started_is_awaited() -> None:
    script = Script(job_seconds=1, StartIndexing="StepFunctions.ExecutionAlreadyExistsException")
    script.run("backup-session", GIVEN)
    assert "FailIndex" not in script.names()
    assert "AwaitIndex" in script.names()


@pytest.mark.parametrize("step", ["StartBackup", "CheckBackup"])
def test_a_failed_backup_closes_the_session_and_fails_with_its_reason(step: str) -> None:
    script = Script(**{step: "BackupJobFailed"})
    with pytest.raises(Raised, match=f"SessionFailed.*{step} failed"):
        script.run("backup-session", GIVEN)
    assert script.payload("CloseSession")["failure"]["Error"] == "BackupJobFailed"
    assert script.names()[-2:] == ["CloseSession", "FailSession"]


def test_a_redrive_starts_the_backup_again_with_a_new_attempt() -> None:
    script = Script(job_seconds=1)
    backups: list[int] = []

    def start(payload: Any) -> Any:
        backups.append(payload["attempt"])
        if len(backups) == 1:
            raise Raised("BackupJobFailed", "no")
        return script._job("backup")

    script.walk.lambdas = {  # type: ignore[assignment]  # a Mapping with two answers changed
        **script.walk.lambdas,
        "StartBackupFunction": start,
        "FailSessionFunction": lambda _: {"attempt": 1},
    }
    script.run("backup-session", GIVEN)
    assert backups == [0, 1]
    assert script.names()[-1] == "CloseSession"


@pytest.mark.parametrize("step", ["PrepareWorker", "LaunchWorker", "CompleteIndex"])
def test_a_failed_indexing_session_notifies_its_sessions_and_removes_its_worker(step: str) -> None:
    script = Script(**{step: "CrawlFailed"})
    with pytest.raises(Raised, match=f"CrawlFailed.*{step} failed"):
        script.run("indexing-session", {"index_id": "index", "file_system": "fs-0", "policy": "nightly"})
    assert script.names()[-2:] == ["FailIndex", "RemoveWorker"]
    assert script.payload("FailIndex")["index_id"] == "index"
    assert (script.payload("RemoveWorker")["worker"] is None) == (step == "PrepareWorker")


def test_a_failed_file_system_does_not_stop_the_others() -> None:
    sessions = [{"session_id": f"s{n}", "policy": "nightly", "file_system": f"fs-{n}"} for n in (1, 2)]
    failed: list[Any] = []

    def nested(arguments: Any) -> Any:
        if arguments["Name"] == "s1":
            raise Raised("States.TaskFailed", "no")
        return {}

    def fail(payload: Any) -> Any:
        failed.extend(payload["results"])
        raise Raised("SessionFailed", "s1")

    walk = Walk(
        {
            "ResolvePolicyFunction": lambda _: {"sessions": sessions},
            "FailPolicyRunFunction": fail,
            "BackupSessionStateMachine": nested,
        },
        {"Execution": {"Input": {"policy": "nightly"}, "Id": "arn", "StartTime": "now", "RedriveCount": 0}},
    )
    with pytest.raises(Raised, match="SessionFailed"):
        walk.run(definition("policy-run"), {"policy": "nightly"}, {})
    assert [(each["session_id"], each["failed"]) for each in failed] == [("s1", True), ("s2", False)]


def test_an_indexing_session_that_timed_out_without_a_cause_fails() -> None:
    script = Script(LaunchWorker="States.HeartbeatTimeout")
    launch = script.walk.lambdas["LaunchWorkerFunction"]

    def silent(payload: Any) -> Any:
        try:
            return launch(payload)
        except Raised as raised:
            del raised.output["Cause"]
            raise

    script.walk.lambdas = {**script.walk.lambdas, "LaunchWorkerFunction": silent}
    with pytest.raises(Raised, match=r"States\.HeartbeatTimeout: AWS gave no reason"):
        script.run("indexing-session", {"index_id": "index", "file_system": "fs-0", "policy": "nightly"})


def test_suspicious_changes_raise_an_alarm_after_the_index_is_complete() -> None:
    script = Script(suspicious=True)
    script.run("indexing-session", {"index_id": "index", "file_system": "fs-0", "policy": "nightly"})
    assert script.names()[-3:] == ["CompleteIndex", "RaiseDamageAlarm", "RemoveWorker"]
    assert script.payload("RaiseDamageAlarm") == {
        "index_id": "index",
        "file_system": "fs-0",
        "policy": "nightly",
        "damage_key": "key",
    }


def test_an_alarm_that_cannot_be_raised_fails_only_the_execution() -> None:
    script = Script(suspicious=True, RaiseDamageAlarm="AccessDenied")
    with pytest.raises(Raised):
        script.run("indexing-session", {"index_id": "index", "file_system": "fs-0", "policy": "nightly"})
    assert script.names()[-3:] == ["CompleteIndex", "RaiseDamageAlarm", "RemoveWorker"]
    assert "FailIndex" not in script.names()
