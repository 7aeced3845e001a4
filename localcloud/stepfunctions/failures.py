"""Errors of states: names, who catches them, and when to try again.

Source: Step Functions developer guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Nothing catches these, not even States.ALL.
UNCATCHABLE = frozenset({"States.DataLimitExceeded", "States.Runtime"})
# A worker that fell silent: its own name, and one of the time-outs.
TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


class StateFailed(Exception):
    """A state, or what it called, reported this error."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause

    def output(self) -> dict[str, str]:
        """Return `$states.errorOutput`."""
        return {"Error": self.error, **({"Cause": self.cause} if self.cause is not None else {})}


def matches(error_equals: Sequence[str], error: str) -> bool:
    """Whether a Retry or Catch entry with these names is for `error`."""
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
    """Return the first Catch entry for `error`."""
    return next((one for one in state.get("Catch", ()) if matches(one["ErrorEquals"], error)), None)


@dataclass(slots=True)
class Retries:
    """The attempts that a state has left, counted per Retry entry."""

    entries: Sequence[Mapping[str, Any]]
    taken: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How often the state was tried again: `$states.context.State.RetryCount`."""
        return sum(self.taken.values())

    def wait_for(self, error: str) -> float | None:
        """Return the AWS seconds to wait before the next attempt; None when there is none."""
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
