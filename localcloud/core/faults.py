"""Fault injection: the n-th call of an operation fails, is throttled, is delayed, or kills its caller.

    {"service": "s3", "operation": "PutObject", "match": "parts/", "calls": [3, 3],
     "action": "fail", "error_code": "InternalError", "status": 500}

All keys except `service`, `operation` and `action` are optional. Set a fault from Python
(`LocalCloud.faults.add(Fault(...))`), from a JSON file with a list of faults (`--faults FILE`), or with `POST
/_localcloud/faults`. Only matching calls are counted, from the moment the fault is set. Internal operations
that can fail without a call, such as the run of a backup job, are checked under the names that their modules
document.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from localcloud.core.clock import ScaledClock

LOOK_SECONDS = 0.05  # between two looks of a delayed call at whether its fault is still set
Action = Literal["fail", "throttle", "delay", "kill"]
ACTIONS: tuple[Action, ...] = ("fail", "throttle", "delay", "kill")
# Throttling error codes of the services whose code is not ThrottlingException.
THROTTLING_CODES = {"s3": ("SlowDown", 503), "dynamodb": ("ProvisionedThroughputExceededException", 400)}


class InjectedFault(Exception):
    """The call must fail with this AWS error code."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class KillCaller(Exception):
    """The process that made the call must be killed instead of answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of failure and the calls that it affects."""

    service: str  # botocore's service name: s3, stepfunctions, backup
    operation: str  # as in the API: PutObject; * for any
    action: Action
    region: str | None = None  # any Region when None
    match: str = ""  # regular expression, searched in the call's path, query and body
    principal: str = ""  # regular expression, searched in the ARN of the caller
    calls: tuple[int, int | None] = (1, None)  # first and last matching call, from 1; None: no last
    error_code: str = "InternalFailure"  # for fail
    message: str = "a fault injected by the local cloud"
    status: int = 500  # HTTP status, for fail
    seconds: float = 0.0  # real seconds, for delay

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Parse a fault; raises ValueError with a message for the user."""
        unknown = set(value) - set(cls.__dataclass_fields__)
        missing = {"service", "operation", "action"} - set(value)
        if unknown or missing:
            words = [f"unknown {sorted(unknown)}"] * bool(unknown) + [f"missing {sorted(missing)}"] * bool(
                missing
            )
            raise ValueError(
                f"the keys of a fault are {sorted(cls.__dataclass_fields__)}: {', '.join(words)}"
            )
        if value["action"] not in ACTIONS:
            raise ValueError(f"a fault's action must be one of {', '.join(ACTIONS)}, not {value['action']!r}")
        fields = dict(value)
        if "calls" in fields:
            first, last = fields["calls"]
            fields["calls"] = (int(first), None if last is None else int(last))
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Return the fault in the format of `from_json`."""
        return asdict(self)

    def concerns(self, service: str, operation: str, region: str, text: str, principal: str) -> bool:
        """Return whether the fault matches a call."""
        return (
            self.service == service
            and self.operation in ("*", operation)
            and self.region in (None, region)
            and re.search(self.match, text) is not None
            and re.search(self.principal, principal) is not None
        )


@dataclass(slots=True)
class _Counted:
    fault: Fault
    seen: int = 0
    removed: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Faults:
    """The active faults and their call counts."""

    clock: ScaledClock
    _set: list[_Counted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        """Add a fault; its calls are counted from now."""
        with self._lock:
            self._set.append(_Counted(fault))

    def clear(self) -> None:
        """Remove all faults, and end the delays that they cause."""
        with self._lock:
            for counted in self._set:
                counted.removed.set()
            self._set.clear()

    def load(self, path: Path) -> None:
        """Add the faults of a JSON file."""
        for value in json.loads(path.read_text()):
            self.add(Fault.from_json(value))

    def check(self, service: str, operation: str, region: str, text: str = "", principal: str = "") -> None:
        """Count a call, and fail or delay it if a fault applies.

        Raises InjectedFault for fail and throttle, KillCaller for kill. The first fault that applies wins.
        """
        for counted in self._striking(service, operation, region, text, principal):
            fault = counted.fault
            match fault.action:
                case "delay":
                    self._delay(fault.seconds, counted.removed)
                case "kill":
                    raise KillCaller
                case "throttle":
                    code, status = THROTTLING_CODES.get(service, ("ThrottlingException", 400))
                    raise InjectedFault(code, "Rate exceeded", status)
                case "fail":
                    raise InjectedFault(fault.error_code, fault.message, fault.status)

    def _delay(self, seconds: float, removed: threading.Event) -> None:
        end = time.monotonic() + seconds
        while not removed.is_set() and (left := end - time.monotonic()) > 0:
            self.clock.sleep_real(min(left, LOOK_SECONDS))

    def _striking(
        self, service: str, operation: str, region: str, text: str, principal: str
    ) -> list[_Counted]:
        striking = []
        with self._lock:
            for counted in self._set:
                if counted.fault.concerns(service, operation, region, text, principal):
                    counted.seen += 1
                    first, last = counted.fault.calls
                    if first <= counted.seen <= (last or counted.seen):
                        striking.append(counted)
        return striking
