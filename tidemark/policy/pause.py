"""The pause of a policy: a record next to the policy, which a run that a schedule started reads first.

The schedules of EventBridge stay enabled, so a deployment that changes them does not end a pause. Imports
only the standard library, like `policy.py`.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any, Self

from tidemark.policy.policy import policy_parameter

LONGEST_REASON = 500  # characters; the record is a standard parameter, which holds 4 KB


def pause_parameter(deployment: str, policy: str) -> str:
    """Return the name of the SSM parameter that records the pause of a policy."""
    return f"{policy_parameter(deployment, policy)}/pause"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when, and until when, the schedules of a policy start no sessions."""

    since: datetime  # UTC
    by: str  # ARN of the caller
    reason: str = ""
    until: datetime | None = None  # UTC; None: until `tidemark policy resume`

    def holds_at(self, moment: datetime) -> bool:
        """Return whether a run that is scheduled for `moment` starts no sessions.

        Also of a run that was scheduled before the pause, but is delivered during it.
        """
        return self.until is None or moment < self.until

    def to_json(self) -> str:
        """Return the value of the SSM parameter."""
        fields: dict[str, Any] = {"since": self.since.isoformat(), "by": self.by, "reason": self.reason}
        if self.until is not None:
            fields["until"] = self.until.isoformat()
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the pause that `to_json` wrote; ignores unknown fields."""
        fields = json.loads(text)
        until = fields.get("until")
        return cls(
            since=datetime.fromisoformat(fields["since"]),
            by=fields["by"],
            reason=fields.get("reason", ""),
            until=None if until is None else datetime.fromisoformat(until),
        )
