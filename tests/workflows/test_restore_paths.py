"""The paths through restore-session: the turn, one job after the other, the worker, and redrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.workflows.walker import Raised, RecordedLambdas, Walk, definition

GIVEN = {"plan": "plan-1", "sha256": "0" * 64, "file_system": "fs-0123456789abcdef0", "policy": "nightly"}
RESTORE = {**GIVEN, "restore_id": "r"}


class Restore(RecordedLambdas):
    """Lambdas of a session whose turn comes after a number of refusals; each job is polled twice."""

    def __init__(
        self, jobs: int = 2, refusals: int = 0, *, status: str = "success", restored: int = 2
    ) -> None:
        super().__init__()
        self.left, self.refusals, self.status, self.restored = jobs, refusals, status, restored
        self.redrives = 0
        answers: Mapping[str, Callable[[Any], Any]] = {
            "OpenRestore": lambda _: RESTORE,
            "TakeRestoreTurn": self._turn,
            "StartRestoreJob": self._start,
            "CheckRestoreJob": self._check,
            "LaunchRestoreWorker": lambda _: {"placed": 3},
            "CloseRestore": self._close,
            "FailRestore": self._fail,
        }
        context = {
            "Execution": {"Name": "r", "Id": "arn:r", "RedriveCount": 0, "Input": GIVEN},
            "Task": {"Token": "token"},
        }
        self.walk = Walk(self.recorded(answers), context)

    def run(self, given: Mapping[str, str] = GIVEN) -> Any:
        return self.walk.run(definition("restore-session"), given, {})

    def _turn(self, payload: Any) -> Any:
        self.refusals -= 1
        waited = payload["waited_seconds"]
        return {"is_mine": self.refusals < 0, "waited_seconds": waited + 20, "wait_seconds": 20}

    def _start(self, _payload: Any) -> Any:
        self.left -= 1
        job_id = "" if self.left < 0 else f"job-{self.left}"
        return {
            "job_id": job_id,
            "finished": False,
            "restored": self.restored,
            "waited_seconds": 0,
            "wait_seconds": 20,
        }

    def _check(self, payload: Any) -> Any:
        job = payload["job"]
        return {**job, "finished": job["waited_seconds"] > 0, "waited_seconds": 20}

    def _close(self, payload: Any) -> Any:
        status = "failed" if "totals" not in payload else self.status
        return {"restore_id": "r", "status": status, "reasons": ["why"], "totals": payload.get("totals", {})}

    def _fail(self, payload: Any) -> Any:
        if self.redrives <= payload["attempt"]:
            raise Raised("RestoreFailed", "; ".join(payload["reasons"]))
        self.left, self.failing, self.restored, self.status = 1, {}, 1, "success"
        return {"attempt": self.redrives}


def test_a_session_restores_places_and_closes() -> None:
    restore = Restore()
    closed = restore.run()
    assert restore.names() == [
        "OpenRestore", "TakeRestoreTurn",
        "StartRestoreJob", "CheckRestoreJob", "CheckRestoreJob",
        "StartRestoreJob", "CheckRestoreJob", "CheckRestoreJob",
        "StartRestoreJob", "LaunchRestoreWorker", "CloseRestore",
    ]  # fmt: skip
    assert closed["status"] == "success"
    (closing,) = restore.payloads("CloseRestore")
    assert closing == {"restore": RESTORE, "totals": {"placed": 3}}
    (launch,) = restore.payloads("LaunchRestoreWorker")
    assert not launch.pop("setup")["is_ready"]  # there is no new file system
    assert launch == {"restore": RESTORE, "task_token": "token"}


def test_the_policy_is_optional() -> None:
    restore = Restore()
    restore.run({name: value for name, value in GIVEN.items() if name != "policy"})
    (opened,) = restore.payloads("OpenRestore")
    assert opened["policy"] == ""


def test_a_session_waits_until_it_has_its_turn() -> None:
    restore = Restore(refusals=3)
    restore.run()
    assert [payload["waited_seconds"] for payload in restore.payloads("TakeRestoreTurn")] == [0, 20, 40, 60]
    assert restore.names().index("StartRestoreJob") == 5


def test_a_session_without_restored_items_launches_no_worker_and_fails() -> None:
    restore = Restore(restored=0)
    with pytest.raises(Raised, match="RestoreFailed: why"):
        restore.run()
    assert restore.names()[-2:] == ["CloseRestore", "FailRestore"]
    assert "LaunchRestoreWorker" not in restore.names()
    assert restore.payloads("CloseRestore") == [{"restore": RESTORE}]


@pytest.mark.parametrize(("status", "fails"), [("success", False), ("warning", False), ("failed", True)])
def test_only_a_failed_session_fails_its_execution(status: str, *, fails: bool) -> None:
    restore = Restore(status=status)
    if not fails:
        assert restore.run()["status"] == status
        return
    with pytest.raises(Raised, match="RestoreFailed"):
        restore.run()


@pytest.mark.parametrize(
    "step", ["TakeRestoreTurn", "StartRestoreJob", "CheckRestoreJob", "LaunchRestoreWorker"]
)
def test_the_failure_of_a_step_closes_the_session_with_its_reason(step: str) -> None:
    restore = Restore()
    restore.failing = {step: "NotRestorable"}
    with pytest.raises(Raised, match="RestoreFailed"):
        restore.run()
    assert restore.names()[-3:] == [step, "CloseRestore", "FailRestore"]
    (closing,) = restore.payloads("CloseRestore")
    assert closing["failure"]["Error"] == "NotRestorable"
    assert f"{step} failed" in closing["failure"]["Cause"]


def test_a_plan_that_is_refused_leaves_nothing_to_close() -> None:
    restore = Restore()
    restore.failing = {"OpenRestore": "NotRestorable"}
    with pytest.raises(Raised, match="NotRestorable"):
        restore.run()
    assert restore.names() == ["OpenRestore"]


@pytest.mark.parametrize("step", ["StartRestoreJob", "CheckRestoreJob", "LaunchRestoreWorker"])
def test_a_redrive_takes_its_turn_again_and_begins_another_attempt(step: str) -> None:
    restore = Restore()
    restore.failing, restore.redrives = {step: "RestoreFailed"}, 1
    assert restore.run()["status"] == "success"
    after = restore.called[restore.names().index("FailRestore") + 1 :]
    assert after[0] == ("TakeRestoreTurn", {"restore": RESTORE, "waited_seconds": 0})
    assert {payload["attempt"] for name, payload in after if name == "StartRestoreJob"} == {1}
    assert restore.names()[-1] == "CloseRestore"


def test_a_lost_worker_is_replaced_and_one_that_cannot_run_is_not() -> None:
    retries = definition("restore-session")["States"]["Place files"]["Retry"]
    most = {error: retry["MaxAttempts"] for retry in retries for error in retry["ErrorEquals"]}
    for error in ("WorkerNotLaunched", "WorkerStopped", "States.HeartbeatTimeout", "AwsThrottled"):
        assert most[error] >= 3
    assert not {"WorkerCannotRun", "RestoreFailed", "States.ALL", "States.TaskFailed"} & most.keys()
