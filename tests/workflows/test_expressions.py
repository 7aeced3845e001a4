"""Every expression of the state machines has the value that JSONata's reference implementation gives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra import node
from localcloud.stepfunctions import expressions
from localcloud.stepfunctions.failures import StateFailed
from tests.workflows.script import GIVEN, Script
from tests.workflows.walker import Raised, Walk, definition

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
DRIVER = Path(__file__).with_name("evaluate.js")
INDEXING = {"index_id": "index", "file_system": "fs-0123456789abcdef0", "policy": "nightly"}


class Evaluation(NamedTuple):
    machine: str
    expression: str
    bindings: Mapping[str, Any]
    value: Any  # {"value": ...}, or {} where the expression failed or has no value


class Recorder:
    """Records every expression that a walk evaluates, with the values of its variables."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[Evaluation] = []
        self.machine = ""
        self._evaluate = expressions._evaluate
        monkeypatch.setattr(expressions, "_evaluate", self._record)

    def _record(self, expression: str, bindings: Mapping[str, Any], field: str) -> Any:
        kept = json.loads(json.dumps(bindings))
        try:
            value = self._evaluate(expression, bindings, field)
        except StateFailed:
            self.found.append(Evaluation(self.machine, expression, kept, {}))
            raise
        self.found.append(Evaluation(self.machine, expression, kept, {"value": value}))
        return value

    def run(self, script: Script, machine: str, given: Any) -> None:
        self.machine = machine
        with suppress(Raised):  # an execution that fails evaluates expressions too
            script.run(machine, given)

    def run_policy(self, *, redriven: bool = False, **extra: Any) -> None:
        self.machine = "policy-run"
        sessions = [{"session_id": f"s{n}", "policy": "nightly", "file_system": f"fs-{n}"} for n in (1, 2)]
        started: list[str] = []

        def nested(arguments: Any) -> Any:
            started.append(arguments["Name"])
            if started == ["s1"]:
                raise Raised("States.TaskFailed", "no")
            if arguments["Name"] == "s2":
                raise Raised("StepFunctions.ExecutionAlreadyExistsException", "started before")
            return {}

        def fail(_: Any) -> Any:
            if not redriven:
                raise Raised("SessionFailed", "s1")
            return {"sessions": [{**sessions[0], "session_id": "s1-1"}], "attempt": 1}

        given = {"policy": "nightly", **extra}
        walk = Walk(
            {
                "ResolvePolicyFunction": lambda _: {"sessions": sessions},
                "FailPolicyRunFunction": fail,
                "BackupSessionStateMachine": nested,
            },
            {
                "Execution": {
                    "Input": given,
                    "Id": "arn",
                    "StartTime": "now",
                    "RedriveCount": 1,
                }
            },
        )
        with suppress(Raised):
            walk.run(definition("policy-run"), given, {})


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[Evaluation]:
    """The evaluations of executions that succeed, fail at each step, and are redriven."""
    recorder = Recorder(monkeypatch)
    recorder.run(Script(), "backup-session", GIVEN)
    for step in ("StartBackup", "StartCopy", "ClaimIndex", "StartIndexing", "AwaitIndex"):
        recorder.run(Script(job_seconds=1, **{step: "Failed"}), "backup-session", GIVEN)
    recorder.run(_redriven(), "backup-session", GIVEN)
    for steps in ({}, {"PrepareWorker": "Failed"}, {"LaunchWorker": "Failed"}, {"CompleteIndex": "Failed"}):
        recorder.run(Script(**steps), "indexing-session", INDEXING)
    recorder.run(Script(suspicious=True, RaiseDamageAlarm="Failed"), "indexing-session", INDEXING)
    recorder.run_policy()
    recorder.run_policy(redriven=True, scheduled_time="2026-11-22T01:00:00Z", only_if_due=True, manual=False)
    recorder.run_policy(scheduled_time="2026-11-22T01:00:00Z", manual=True)
    return recorder.found


def test_every_expression_has_the_value_of_the_reference_implementation(
    evaluations: list[Evaluation], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    theirs = _reference(evaluations, tmp_path, capfd)
    assert len(theirs) == len(evaluations)
    different = [
        (mine, reference)
        for mine, reference in zip(evaluations, theirs, strict=True)
        if mine.value != ({} if "error" in reference else reference)
    ]
    assert different == []


@pytest.mark.parametrize("machine", ["policy-run", "backup-session", "indexing-session"])
def test_the_comparison_leaves_no_expression_out(machine: str, evaluations: list[Evaluation]) -> None:
    written = set(expressions.expressions(definition(machine)))
    evaluated = {each.expression for each in evaluations if each.machine == machine}
    assert written == evaluated


def test_the_comparison_finds_a_difference(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = [
        Evaluation("", "$a + 1", {"a": 1}, None),
        Evaluation("", "$a.b", {"a": {}}, None),
        Evaluation("", "$a + 1", {"a": "text"}, None),
    ]
    assert _reference(given, tmp_path, capfd) == [{"value": 2}, {}, {"error": "T2001"}]


def _reference(
    evaluations: list[Evaluation], directory: Path, capfd: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    asked = [{"expression": each.expression, "bindings": each.bindings} for each in evaluations]
    (directory / "asked.json").write_text(json.dumps(asked))
    capfd.readouterr()
    code = node.run("node", str(DRIVER), str(NODE_MODULES), str(directory / "asked.json"))
    printed = capfd.readouterr()
    assert code == 0, printed.err
    found: list[dict[str, Any]] = json.loads(printed.out)
    return found


def _redriven() -> Script:
    """A session whose first backup fails and whose redrive returns to the backup."""
    script = Script(job_seconds=1)
    attempts: list[Any] = []

    def start(payload: Any) -> Any:
        attempts.append(payload)
        if len(attempts) == 1:
            raise Raised("BackupJobFailed", "no")
        return script._job("backup")

    script.walk.lambdas = {
        **script.walk.lambdas,
        "StartBackupFunction": start,
        "FailSessionFunction": lambda _: {"attempt": 1},
    }
    return script
