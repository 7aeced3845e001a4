"""Size limits that Step Functions enforces while an execution runs.

Source: Step Functions developer guide, "Step Functions service quotas" (input or output of a task, state or
execution) and "Passing data between states with variables" (limits of variables).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.stepfunctions.failures import StateFailed
from localcloud.stepfunctions.history import as_json

LARGEST_DATA = 262_144  # bytes of JSON in UTF-8
LARGEST_VARIABLE = LARGEST_ASSIGN = 256 * 1024  # bytes
LARGEST_VARIABLES = 10 * 1024 * 1024  # bytes; all variables of an execution


def size(value: Any) -> int:  # JSON
    """Return the size of a value's JSON in bytes of UTF-8."""
    return len(as_json(value).encode())


def check_data(value: Any, state: str) -> None:  # JSON
    """Raise StateFailed with States.DataLimitExceeded for an input, result or output that is too large."""
    if size(value) > LARGEST_DATA:
        raise StateFailed(
            "States.DataLimitExceeded",
            f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
        )


def check_assign(assigned: Mapping[str, Any], state: str) -> None:  # JSON by variable
    """Raise StateFailed with States.DataLimitExceeded if the variables of an Assign are too large
    together."""
    total = sum(size(value) for value in assigned.values())
    if total > LARGEST_ASSIGN:
        raise StateFailed(
            "States.DataLimitExceeded",
            f"Assign of state '{state}' sets {total} bytes; the limit of one Assign is {LARGEST_ASSIGN}",
        )


@dataclass(slots=True)
class Stored:
    """The size of all variables of one execution, over all its programs."""

    _sizes: dict[int, dict[str, int]] = field(default_factory=dict)  # by id of the program's scope
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, scope: int, assigned: Mapping[str, Any]) -> None:  # JSON by variable
        """Count the variables of a scope; raises StateFailed, States.DataLimitExceeded, without counting
        them."""
        with self._lock:
            sizes = self._sizes.get(scope, {}) | {name: size(value) for name, value in assigned.items()}
            new = {scope: sizes}
            total = sum(sum(each.values()) for each in (self._sizes | new).values())
            if total > LARGEST_VARIABLES:
                raise StateFailed(
                    "States.DataLimitExceeded",
                    f"the variables of the execution take {total} bytes; the limit is {LARGEST_VARIABLES}",
                )
            self._sizes |= new

    def drop(self, scope: int) -> None:
        """Remove the variables of a program that has ended."""
        with self._lock:
            self._sizes.pop(scope, None)
