"""Task tokens, with which external work reports to a waiting state."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.failures import StateFailed


@dataclass(slots=True)
class Waiting:
    """One attempt of a task that waits for the result of its token."""

    machine: str | None = None  # ARN
    changed: threading.Event = field(default_factory=threading.Event)
    beats: int = 0
    result: Any = None
    failure: StateFailed | None = None
    answered: bool = False
    closed: bool = False

    def state(self) -> tuple[bool, int]:
        """Return whether there is a result, and the number of heartbeats."""
        return self.answered, self.beats


@dataclass(slots=True)
class Tokens:
    """All issued tokens."""

    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, machine: str | None = None) -> tuple[str, Waiting]:
        """Return a new token; heartbeats and results count from now, even before the state waits."""
        token, waiting = secrets.token_urlsafe(60), Waiting(machine=machine)
        with self._lock:
            self._waiting[token] = waiting
        return token, waiting

    def machine_of(self, token: str) -> str | None:
        """Return the ARN of the state machine of a token; None for an unknown token."""
        waiting = self._waiting.get(token)
        return waiting.machine if waiting else None

    def close(self, waiting: Waiting) -> None:
        """Expire the token."""
        with self._lock:
            waiting.closed = True

    def succeed(self, token: str, output: str) -> None:
        """End the wait with a result, as JSON text."""
        try:
            result = json.loads(output)
        except ValueError as error:
            raise AwsError("InvalidOutput", f"Invalid Output: {error}") from error
        with self._lock:
            waiting = self._open(token)
            waiting.result, waiting.answered = result, True
            waiting.changed.set()

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """End the wait with an error."""
        with self._lock:
            waiting = self._open(token)
            waiting.failure, waiting.answered = StateFailed(error or "States.TaskFailed", cause), True
            waiting.changed.set()

    def beat(self, token: str) -> None:
        """Restart the heartbeat timeout."""
        with self._lock:
            waiting = self._open(token)
            waiting.beats += 1
            waiting.changed.set()

    def _open(self, token: str) -> Waiting:
        waiting = self._waiting.get(token)
        if waiting is None:
            raise AwsError("InvalidToken", f"Invalid Token: '{token[:40]}'")
        if waiting.closed or waiting.answered:
            raise AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return waiting
