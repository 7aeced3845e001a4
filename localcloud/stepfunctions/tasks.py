"""Task states: one attempt with its timeout, heartbeats and token."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from localcloud.core.partitions import partition_of
from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.history import as_json
from localcloud.stepfunctions.integrations import CALLBACK, Assumes, Resource
from localcloud.stepfunctions.limits import check_data
from localcloud.stepfunctions.scope import Scope
from localcloud.stepfunctions.signals import Ended, Signal
from localcloud.stepfunctions.tokens import Waiting

DEFAULT_TIMEOUT = 99_999_999  # seconds


@dataclass(slots=True)
class _Work:
    """Work in a separate thread, so that a timeout or abort does not wait for it."""

    ended: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    failure: StateFailed | None = None


def run_task(
    scope: Scope,
    name: str,
    definition: Mapping[str, Any],
    value: Any,  # JSON
    states: dict[str, Any],
) -> Any:  # JSON
    """Return the result of one attempt of the state `name`; raises StateFailed.

    `value` is the state's input and `states` the members of `$states`.
    """
    resource = Resource.parse(definition["Resource"], partition_of(scope.region))
    machine = scope.context.get("StateMachine", {}).get("Id")
    token, waiting = scope.runtime.tokens.create(machine) if resource.pattern == CALLBACK else (None, None)
    if token:
        states["context"]["Task"] = {"Token": token}
    arguments = scope.evaluate(definition.get("Arguments", value), "Arguments", states)
    check_data(arguments, name)
    credentials = scope.evaluate(definition.get("Credentials"), "Credentials", states)
    assumes = Assumes(role_arn=str(credentials["RoleArn"]), machine_arn=str(machine)) if credentials else None
    timeout = int(scope.evaluate(definition.get("TimeoutSeconds", DEFAULT_TIMEOUT), "TimeoutSeconds", states))
    heartbeat = scope.evaluate(definition.get("HeartbeatSeconds"), "HeartbeatSeconds", states)
    names = {"resourceType": resource.service, "resource": resource.action}
    scope.history.add(
        "TaskScheduled",
        "taskScheduledEventDetails",
        **names,
        region=scope.region,
        parameters=as_json(arguments),
        timeoutInSeconds=timeout if timeout != DEFAULT_TIMEOUT else None,
        heartbeatInSeconds=None if heartbeat is None else int(heartbeat),
    )
    scope.history.add("TaskStarted", "taskStartedEventDetails", **names)
    deadline = time.monotonic() + scope.runtime.timeout(timeout)
    try:
        result = _call(scope, resource, arguments, assumes, deadline)
        if waiting:
            _record_submitted(scope, resource, result)
            beat = None if heartbeat is None else scope.runtime.timeout(float(heartbeat))
            result = _await_token(scope.signal, waiting, deadline, beat)
    except StateFailed as failure:
        timed_out = failure.error in ("States.Timeout", "States.HeartbeatTimeout")
        scope.history.add(
            "TaskTimedOut" if timed_out else "TaskFailed",
            "taskTimedOutEventDetails" if timed_out else "taskFailedEventDetails",
            **names,
            error=failure.error,
            cause=failure.cause,
        )
        raise
    finally:
        if waiting:
            scope.runtime.tokens.close(waiting)
    scope.history.add("TaskSucceeded", "taskSucceededEventDetails", **names, output=as_json(result))
    return result


def _record_submitted(scope: Scope, resource: Resource, answer: Any) -> None:  # JSON
    """Record that a service has accepted the request that the state waits for."""
    names = {"resourceType": resource.service, "resource": resource.action}
    scope.history.add("TaskSubmitted", "taskSubmittedEventDetails", **names, output=as_json(answer))


def _call(
    scope: Scope,
    resource: Resource,
    arguments: Any,  # JSON
    assumes: Assumes | None,
    deadline: float,
) -> Any:  # JSON
    """Return the integration's result, or raise States.Timeout at the deadline."""
    work = _Work()
    signal = scope.signal.child()

    def call() -> None:
        try:
            work.result = scope.runtime.integrations.call(
                resource,
                arguments,
                region=scope.region,
                role_arn=scope.role_arn,
                assumes=assumes,
                signal=signal,
                submitted=partial(_record_submitted, scope, resource),
            )
        except StateFailed as failure:
            work.failure = failure
        except Ended:
            return  # the attempt is no longer waiting
        except Exception as error:
            work.failure = StateFailed("States.TaskFailed", repr(error))
        finally:
            work.ended.set()

    threading.Thread(target=call, daemon=True).start()
    if not scope.signal.wait(work.ended, _left(deadline)):
        signal.set()
        raise StateFailed("States.Timeout")
    if work.failure:
        raise work.failure
    return work.result


def _await_token(
    signal: Signal,
    waiting: Waiting,
    deadline: float,
    heartbeat: float | None,  # real seconds
) -> Any:  # JSON
    beats, silent_at = waiting.beats, _after(heartbeat)
    while True:
        waiting.changed.clear()  # cleared before reading the state, so that no later change is missed
        answered, now_beats = waiting.state()
        if answered:
            break
        if now_beats != beats:
            beats, silent_at = now_beats, _after(heartbeat)
        elif _left(deadline) <= 0:
            raise StateFailed("States.Timeout")
        elif _left(silent_at) <= 0:
            raise StateFailed("States.HeartbeatTimeout")
        signal.wait(waiting.changed, min(_left(deadline), _left(silent_at)))
    if waiting.failure:
        raise waiting.failure
    return waiting.result


def _left(deadline: float) -> float:
    return min(deadline - time.monotonic(), threading.TIMEOUT_MAX)


def _after(seconds: float | None) -> float:
    return float("inf") if seconds is None else time.monotonic() + seconds
