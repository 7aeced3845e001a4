"""The paths through restore-test: mount targets are always removed, and only a verification is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.workflows.walker import Raised, RecordedLambdas, Walk, definition

JOB = {"restore_job_id": "job"}
EVENT = {"detail-type": "Restore Job State Change", "detail": {"restoreJobId": "job", "status": "COMPLETED"}}
TEST = {
    "restore_id": "test-job",
    "policy": "nightly",
    "is_duplicate": False,
    "is_restored": True,
    "has_index": True,
}


class RestoreTest(RecordedLambdas):
    """Lambdas of a test whose mount targets need `polls` polls, to be available and to be removed."""

    def __init__(self, polls: int = 2, **opened: Any) -> None:
        super().__init__()
        self.polls, self.opened, self.redrives = polls, {**TEST, **opened}, 0
        self._setups = self._removals = 0
        answers: Mapping[str, Callable[[Any], Any]] = {
            "OpenRestoreTest": lambda _: self.opened,
            "ConfigureRestoreTest": self._configure,
            "LaunchVerificationWorker": lambda _: {"compared": 3, "missing": 1},
            "RemoveTestMountTargets": self._remove,
            "CloseRestoreTest": lambda payload: {"status": "", "reasons": ["why"], "totals": payload},
            "FailRestoreTest": self._fail,
        }
        context = {
            "Execution": {"Name": "e", "Id": "arn:e", "RedriveCount": 0, "Input": JOB},
            "Task": {"Token": "token"},
        }
        self.walk = Walk(self.recorded(answers), context)

    def run(self, given: Mapping[str, Any] = JOB) -> Any:
        return self.walk.run(definition("restore-test"), given, {})

    def _configure(self, payload: Any) -> Any:
        self._setups += 1
        ready = self._setups >= self.polls
        return {**payload["setup"], "is_marked": True, "is_ready": ready, "wait_seconds": 90}

    def _remove(self, payload: Any) -> Any:
        self._removals += 1
        return {**payload["removal"], "is_removed": self._removals >= self.polls, "wait_seconds": 15}

    def _fail(self, payload: Any) -> Any:
        if self.redrives <= payload["attempt"]:
            raise Raised("RestoreFailed", "; ".join(payload["reasons"]))
        self.failing = {}
        return {"attempt": self.redrives}


@pytest.mark.parametrize("given", [JOB, EVENT])
def test_a_test_is_verified_and_answered_after_the_removal_of_its_mount_targets(given: Any) -> None:
    test = RestoreTest()
    test.run(given)
    assert test.names() == [
        "OpenRestoreTest", "ConfigureRestoreTest", "ConfigureRestoreTest",
        "LaunchVerificationWorker", "RemoveTestMountTargets", "RemoveTestMountTargets", "CloseRestoreTest",
    ]  # fmt: skip
    assert test.payloads("OpenRestoreTest") == [{"restore_job_id": "job", "execution_arn": "arn:e"}]
    assert test.payloads("CloseRestoreTest") == [{"test": TEST, "totals": {"compared": 3, "missing": 1}}]
    (launch,) = test.payloads("LaunchVerificationWorker")
    assert launch["task_token"] == "token"
    assert launch["setup"]["is_ready"]


def test_a_duplicate_event_does_nothing() -> None:
    test = RestoreTest(is_duplicate=True)
    test.run(EVENT)
    assert test.names() == ["OpenRestoreTest"]


@pytest.mark.parametrize("opened", [{"has_index": False}, {"is_restored": False}])
def test_what_cannot_be_verified_is_closed_without_a_worker(opened: dict[str, bool]) -> None:
    test = RestoreTest(**opened)
    test.run()
    assert test.names() == ["OpenRestoreTest", "CloseRestoreTest"]
    assert test.payloads("CloseRestoreTest") == [{"test": {**TEST, **opened}}]


@pytest.mark.parametrize("step", ["ConfigureRestoreTest", "LaunchVerificationWorker"])
def test_mount_targets_are_removed_also_after_a_failure(step: str) -> None:
    test = RestoreTest()
    test.failing = {step: "NoMountTarget"}
    with pytest.raises(Raised, match="RestoreFailed"):
        test.run()
    after = test.names()[test.names().index(step) :]
    assert after == [
        step, "RemoveTestMountTargets", "RemoveTestMountTargets", "CloseRestoreTest", "FailRestoreTest",
    ]  # fmt: skip
    (closing,) = test.payloads("CloseRestoreTest")
    assert closing["failure"]["Error"] == "NoMountTarget"
    assert "totals" not in closing


def test_a_removal_that_fails_leaves_no_answer() -> None:
    test = RestoreTest()
    test.failing = {"RemoveTestMountTargets": "RestoreFailed"}
    with pytest.raises(Raised, match="RestoreFailed"):
        test.run()
    (closing,) = test.payloads("CloseRestoreTest")
    assert "RemoveTestMountTargets failed" in closing["failure"]["Cause"]


@pytest.mark.parametrize(
    "step", ["ConfigureRestoreTest", "LaunchVerificationWorker", "RemoveTestMountTargets"]
)
def test_a_redrive_verifies_again_from_the_beginning(step: str) -> None:
    test = RestoreTest()
    test.failing, test.redrives = {step: "WorkerCannotRun"}, 1
    test.run()
    after = test.called[test.names().index("FailRestoreTest") + 1 :]
    name, payload = after[0]
    assert (name, payload["setup"]["is_marked"]) == ("ConfigureRestoreTest", False)
    assert [name for name, _ in after][-1] == "CloseRestoreTest"
    assert "failure" not in after[-1][1]
    removals = [payload["removal"] for name, payload in after if name == "RemoveTestMountTargets"]
    assert removals[0]["waited_seconds"] == 0


def test_a_job_that_is_refused_leaves_nothing_to_close() -> None:
    test = RestoreTest()
    test.failing = {"OpenRestoreTest": "NotRestorable"}
    with pytest.raises(Raised, match="NotRestorable"):
        test.run()
    assert test.names() == ["OpenRestoreTest"]


def test_a_lost_worker_is_replaced_and_one_that_cannot_run_is_not() -> None:
    retries = definition("restore-test")["States"]["Verify restored file system"]["Retry"]
    most = {error: retry["MaxAttempts"] for retry in retries for error in retry["ErrorEquals"]}
    for error in ("WorkerNotLaunched", "WorkerStopped", "States.HeartbeatTimeout", "AwsThrottled"):
        assert most[error] >= 3
    assert not {"WorkerCannotRun", "RestoreFailed", "States.ALL", "States.TaskFailed"} & most.keys()
