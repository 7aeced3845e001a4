"""The events of one execution."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_EVENTS = 25_000  # source: Step Functions quotas


class TooManyEvents(Exception):
    """The execution has reached the maximum number of events."""


def as_json(value: object) -> str:
    """Return JSON text in Step Functions' format."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True)
class History:
    """The events in order, in GetExecutionHistory's format."""

    now: Callable[[], datetime]
    events: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, details: str | None = None, **members: Any) -> None:  # JSON
        """Append an event; `details` is the name of its details member. None members are omitted."""
        with self._lock:
            # The last event is reserved for the one that ends the execution.
            if len(self.events) >= MOST_EVENTS - 1 and not kind.startswith("Execution"):
                raise TooManyEvents
            number = len(self.events) + 1
            event = {
                "timestamp": self.now(),
                "type": kind,
                "id": number,
                "previousEventId": number - 1,
            }
            if details:
                event[details] = {name: value for name, value in members.items() if value is not None}
            self.events.append(event)

    def entered(self, state_type: str, name: str, value: object) -> None:
        """Record that a state was entered: one transition."""
        self.add(f"{state_type}StateEntered", "stateEnteredEventDetails", name=name, input=as_json(value))

    def exited(self, state_type: str, name: str, value: object) -> None:
        """Record that a state was left with an output."""
        self.add(f"{state_type}StateExited", "stateExitedEventDetails", name=name, output=as_json(value))
