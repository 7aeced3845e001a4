"""Records the calls and their principals, for tools that evaluate IAM policies."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authorization request to IAM for an AWS call; most calls make only one."""

    time: float  # seconds since the epoch
    principal: str  # ARN of the role, or of of the account's root for the user's own calls
    service: str  # botocore's service name
    operation: str  # as in the API
    action: str  # as in IAM: service prefix and operation
    resource: str  # ARN if the call determines it, else *
    context: Mapping[str, str]  # values of condition keys that the call itself sets
    region: str
    status: int  # HTTP status of the answer

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict."""
        return asdict(self)


@dataclass(slots=True)
class CallLog:
    """All calls since the start, in the order of their responses."""

    _calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        """Append a call."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        """Return a copy of the log."""
        with self._lock:
            return list(self._calls)
