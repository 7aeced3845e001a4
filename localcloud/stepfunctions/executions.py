"""Executions: start, stop and redrive."""

from __future__ import annotations

import copy
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.history import MOST_EVENTS, History, TooManyEvents, as_json
from localcloud.stepfunctions.interpreter import run_program
from localcloud.stepfunctions.machines import StateMachine
from localcloud.stepfunctions.scope import Checkpoint, Runtime, Scope
from localcloud.stepfunctions.signals import Ended, Signal

REDRIVABLE = frozenset({"FAILED", "ABORTED", "TIMED_OUT"})
# Source: Step Functions developer guide, "Restarting state machine executions with redrive".
REDRIVABLE_FOR = timedelta(days=14)
EVENTS_TOO_MANY_TO_REDRIVE = MOST_EVENTS - 1


@dataclass(slots=True, kw_only=True)
class Execution:
    """One execution of a state machine; later updates of the machine do not affect it."""

    arn: str
    name: str
    machine: StateMachine  # a snapshot
    region: str
    input: str
    runtime: Runtime
    started_at: datetime
    history: History
    status: str = "RUNNING"
    ended_at: datetime | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrives: int = 0
    redriven_at: datetime | None = None
    _checkpoint: Checkpoint = field(default_factory=Checkpoint)
    _signal: Signal = field(default_factory=Signal)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Start a thread that runs the execution."""
        self.history.add(
            "ExecutionStarted",
            "executionStartedEventDetails",
            input=self.input,
            roleArn=self.machine.role_arn,
        )
        self._go()

    def stop(self, error: str | None, cause: str | None) -> datetime:
        """Abort if running (no Catch runs) and return the end time."""
        with self._lock:
            if self.status == "RUNNING":
                self.history.add("ExecutionAborted", "executionAbortedEventDetails", error=error, cause=cause)
                self._end("ABORTED", error=error, cause=cause)
                self._signal.set()
            assert self.ended_at is not None  # noqa: S101  # an execution that is not running has ended
            return self.ended_at

    def redrive(self) -> datetime:
        """Resume at the state that failed, was aborted or timed out, with its input and variables.

        As on AWS, branches of a Parallel and iterations of a Map that had succeeded are not run again, and
        the attempts of Retry start from zero. Raises AwsError if it cannot be redriven.
        """
        with self._lock:
            reason = self._not_redrivable()
            if reason:
                raise AwsError("ExecutionNotRedrivable", f"{reason}: '{self.arn}'")
            self.redrives += 1
            self.redriven_at = self.runtime.clock.now()
            self.history.add("ExecutionRedriven", "executionRedrivenEventDetails", redriveCount=self.redrives)
            self.status, self.ended_at, self.error, self.cause = "RUNNING", None, None, None
            self._checkpoint = copy.deepcopy(self._checkpoint)  # threads of the old run may still use theirs
            self._signal = Signal()
            self._go()
            return self.redriven_at

    def describe(self) -> dict[str, Any]:
        """Return DescribeExecution's response."""
        with self._lock:
            reason = self._not_redrivable()
            described = {
                **self.summary(),
                "input": self.input,
                "inputDetails": {"included": True},
                "output": self.output,
                "outputDetails": {"included": True} if self.output is not None else None,
                "error": self.error,
                "cause": self.cause,
                "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
                "redriveStatusReason": reason,
            }
            return {name: value for name, value in described.items() if value is not None}

    def _not_redrivable(self) -> str | None:
        if self.status not in REDRIVABLE or self.ended_at is None:
            return f"Execution is {self.status} and cannot be redriven"
        if self.runtime.clock.now() - self.ended_at > REDRIVABLE_FOR:
            return f"Execution ended more than {REDRIVABLE_FOR.days} days ago and cannot be redriven"
        if len(self.history.events) >= EVENTS_TOO_MANY_TO_REDRIVE:
            return f"Execution has {len(self.history.events)} events and cannot be redriven"
        return None

    def summary(self) -> dict[str, Any]:
        """Return a member of ListExecutions."""
        summary = {
            "executionArn": self.arn,
            "stateMachineArn": self.machine.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.started_at,
            "stopDate": self.ended_at,
            "redriveCount": self.redrives,
            "redriveDate": self.redriven_at,
        }
        return {name: value for name, value in summary.items() if value is not None}

    def _go(self) -> None:
        program, signal = self.machine.program, self._signal
        threading.Thread(target=self._run, args=(signal,), name=self.name, daemon=True).start()
        if "TimeoutSeconds" in program:
            timer = threading.Timer(
                self.runtime.timeout(program["TimeoutSeconds"]), self._time_out, args=(signal,)
            )
            timer.daemon = True
            timer.start()

    def _run(self, signal: Signal) -> None:
        scope = Scope(
            runtime=self.runtime,
            history=self.history,
            signal=signal,
            role_arn=self.machine.role_arn,
            region=self.region,
            context=self._context(),
        )
        try:
            output = run_program(self.machine.program, json.loads(self.input), scope, self._checkpoint)
        except Ended:
            return
        except StateFailed as failure:
            self._fail(signal, failure)
        except TooManyEvents:
            cause = f"The execution reached the maximum number of history events ({MOST_EVENTS})."
            self._fail(signal, StateFailed("States.Runtime", cause))
        except Exception as error:
            self._fail(signal, StateFailed("States.Runtime", repr(error)))
        else:
            with self._lock:
                if signal is self._signal and self.status == "RUNNING":
                    text = as_json(output)
                    self.history.add("ExecutionSucceeded", "executionSucceededEventDetails", output=text)
                    self._end("SUCCEEDED", output=text)

    def _context(self) -> dict[str, Any]:
        execution = {
            "Id": self.arn,
            "Input": json.loads(self.input),
            "Name": self.name,
            "RoleArn": self.machine.role_arn,
            "StartTime": _iso(self.started_at),
            "RedriveCount": self.redrives,
        }
        if self.redriven_at:
            execution["RedriveTime"] = _iso(self.redriven_at)
        return {
            "Execution": execution,
            "StateMachine": {"Id": self.machine.arn, "Name": self.machine.name},
        }

    def _fail(self, signal: Signal, failure: StateFailed) -> None:
        with self._lock:
            if signal is self._signal and self.status == "RUNNING":
                details = {"error": failure.error, "cause": failure.cause}
                self.history.add("ExecutionFailed", "executionFailedEventDetails", **details)
                self._end("FAILED", **details)
                signal.set()

    def _time_out(self, signal: Signal) -> None:
        with self._lock:
            if signal is self._signal and self.status == "RUNNING":
                self.history.add("ExecutionTimedOut", "executionTimedOutEventDetails", error="States.Timeout")
                self._end("TIMED_OUT", error="States.Timeout")
                signal.set()

    def _end(
        self, status: str, *, output: str | None = None, error: str | None = None, cause: str | None = None
    ) -> None:
        self.status, self.output, self.error, self.cause = status, output, error, cause
        self.ended_at = self.runtime.clock.now()


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
