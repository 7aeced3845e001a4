"""Scripted Lambdas behind the state machines, for tests that walk through them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tests.workflows.walker import Raised, Walk, definition
from tidemark.sessions.polling import next_wait

GIVEN = {"policy": "nightly", "file_system": "fs-0123456789abcdef0"}
SESSION = {
    "session_id": "s",
    "policy": "nightly",
    "file_system": "fs-0123456789abcdef0",
    "index_wanted": True,
    "copies": [{"region": "eu-west-1", "vault": "copies", "account": None, "keep_days": None}],
}


class Script:
    """Lambdas that return the results of a session with jobs of `job_seconds`; each can be made to fail."""

    def __init__(self, job_seconds: int = 600, *, suspicious: bool = False, **failing: str) -> None:
        self.called: list[tuple[str, Any]] = []
        self.redrives = 0
        self._job_seconds, self._suspicious = job_seconds, suspicious
        self._failing = failing
        self._started: dict[str, float] = {}
        context = {
            "Execution": {
                "Name": "s",
                "Id": "arn:s",
                "RedriveCount": 0,
                "Input": {},
                "StartTime": "2026-11-22",
            },
            "Task": {"Token": "token"},
        }
        self.walk = Walk(self._lambdas(), context)

    def run(self, machine: str, given: Any) -> Any:
        self.walk.context["Execution"]["Input"] = given
        return self.walk.run(definition(machine), given, {})

    def _lambdas(self) -> Mapping[str, Callable[[Any], Any]]:
        answers: dict[str, Callable[[Any], Any]] = {
            "OpenSession": lambda _: SESSION,
            "StartBackup": lambda _: self._job("backup"),
            "CheckBackup": lambda _: self._job("backup"),
            "StartCopy": lambda _: self._job("copy"),
            "CheckCopy": lambda _: self._job("copy"),
            "ClaimIndex": lambda _: {"step": "launch", "index_id": "index"},
            "AwaitIndex": lambda _: {"status": "complete", "index_id": "index", "reason": None},
            "FailIndex": lambda _: {"status": "failed", "index_id": "index"},
            "CloseSession": lambda _: {"status": "success"},
            "FailSession": self._fail_session,
            "PrepareWorker": lambda _: {"kind": "fargate", "task_definition": "arn:task"},
            "LaunchWorker": lambda _: {"index_id": "index", "files": 1},
            "CompleteIndex": lambda _: {
                "index_id": "index",
                "sessions": ["s"],
                "suspicious": self._suspicious,
                "damage_key": "key",
            },
            "RaiseDamageAlarm": lambda _: {"index_id": "index"},
            "RemoveWorker": lambda _: {"workers": [], "task_definition": ""},
        }
        return {f"{name}Function": self._noted(name, answer) for name, answer in answers.items()} | {
            "IndexingSessionStateMachine": self._noted("StartIndexing", lambda _: {"ExecutionArn": "arn:x"})
        }

    def _noted(self, name: str, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(payload: Any) -> Any:
            self.called.append((name, payload))
            if name in self._failing:
                raise Raised(self._failing[name], json.dumps({"errorMessage": f"{name} failed"}))
            return answer(payload)

        return call

    def _job(self, kind: str) -> dict[str, Any]:
        now = self.walk.seconds
        elapsed = timedelta(seconds=now - self._started.setdefault(kind, now))
        return {
            "job_id": kind,
            "recovery_point_arn": f"arn:{kind}",
            "finished": elapsed.total_seconds() >= self._job_seconds,
            "wait_seconds": int(next_wait(elapsed).total_seconds()),
            "target": SESSION["copies"][0],  # type: ignore[index]  # a list
        }

    def _fail_session(self, payload: Any) -> dict[str, int]:
        raise Raised("SessionFailed", payload["failure"]["Cause"])

    def names(self) -> list[str]:
        return [name for name, _ in self.called]

    def payload(self, name: str) -> Any:
        return next(payload for called, payload in self.called if called == name)
