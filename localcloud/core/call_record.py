"""What was called, by whom: the record that IAM policies can be judged by."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that IAM is asked about one AWS call; most calls are one."""

    time: float  # seconds since the epoch
    principal: str  # ARN of the role, or of the account's root for the user's own calls
    service: str  # botocore's service name
    operation: str  # as in the API
    action: str  # as in IAM: service prefix and operation
    resource: str  # ARN where it can be told from the call, else *
    context: Mapping[str, str]  # condition keys that the call itself gives a value
    region: str
    status: int  # HTTP status of the answer

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict."""
        return asdict(self)


@dataclass(slots=True)
class CallLog:
    """All calls since the start, in the order of their answers; see checks.py."""

    _calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        """Record one call."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        """Return a copy of the record."""
        with self._lock:
            return list(self._calls)
