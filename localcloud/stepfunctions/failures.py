"""Errors of states: names, matching of Catch and Retry, and retry delays.

Source: Step Functions developer guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# No Catch or Retry matches these, not even States.ALL.
UNCATCHABLE = frozenset({"States.DataLimitExceeded", "States.Runtime"})
# A missed heartbeat has its own name and is also a timeout.
TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


class StateFailed(Exception):
    """A state, or a service that it called, failed with this error."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause

    def output(self) -> dict[str, str]:
        """Return `$states.errorOutput`."""
        return {"Error": self.error, **({"Cause": self.cause} if self.cause is not None else {})}


def matches(error_equals: Sequence[str], error: str) -> bool:
    """Return whether a Retry or Catch entry with these names matches `error`."""
    if error in error_equals:
        return True
    if error in UNCATCHABLE:
        return False
    if error == "States.HeartbeatTimeout" and "States.Timeout" in error_equals:
        return True
    if "States.TaskFailed" in error_equals and error not in TIMEOUTS:
        return True
    return "States.ALL" in error_equals


def catcher(state: Mapping[str, Any], error: str) -> Mapping[str, Any] | None:
    """Return the first Catch entry that matches `error`, or None."""
    return next((one for one in state.get("Catch", ()) if matches(one["ErrorEquals"], error)), None)


@dataclass(slots=True)
class Retries:
    """Counts the attempts of a state, per Retry entry."""

    entries: Sequence[Mapping[str, Any]]
    taken: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of retries so far: `$states.context.State.RetryCount`."""
        return sum(self.taken.values())

    def wait_for(self, error: str) -> float | None:
        """Return the AWS seconds to wait before the next attempt; None if none is left."""
        for index, entry in enumerate(self.entries):
            if not matches(entry["ErrorEquals"], error):
                continue
            taken = self.taken.get(index, 0)
            if taken >= entry.get("MaxAttempts", 3):
                return None
            self.taken[index] = taken + 1
            seconds: float = entry.get("IntervalSeconds", 1) * entry.get("BackoffRate", 2.0) ** taken
            seconds = min(seconds, entry.get("MaxDelaySeconds", seconds))
            return random.uniform(0, seconds) if entry.get("JitterStrategy") == "FULL" else seconds  # noqa: S311
        return None
