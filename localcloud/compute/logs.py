"""Ships container output from a file to CloudWatch Logs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients

LARGEST_BATCH = 1000  # events; far below PutLogEvents' 10,000 and, with short lines, its 1 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTarget:
    """A stream of the awslogs driver."""

    group: str
    stream: str
    region: str
    principal: str  # the role that writes, or the root user


@dataclass(slots=True, kw_only=True)
class LogShipper:
    """Sends lines appended to a file; call `ship` periodically, and once at the end."""

    cloud: Cloud
    clients: Clients
    path: Path
    target: LogTarget | None  # None: the lines stay in the file
    _offset: int = 0
    _stream_made: bool = field(default=False)

    def ship(self, *, last: bool = False) -> None:
        """Send the complete lines since the last call; with `last`, an incomplete one too.

        Lines that cannot be sent (because of a fault on logs) are retried at the next call.
        """
        if self.target is None or not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        if not last:
            new = new[: new.rfind(b"\n") + 1]
        if not new:
            return
        with contextlib.suppress(ClientError, BotoCoreError):
            self._send(self.target, new.decode(errors="replace").splitlines())
            self._offset += len(new)

    def _send(self, target: LogTarget, lines: list[str]) -> None:
        logs = self.clients.get("logs", target.region, target.principal)
        names = {"logGroupName": target.group, "logStreamName": target.stream}
        if not self._stream_made:
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_stream(**names)
            self._stream_made = True
        now = int(self.cloud.clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line]
        for start in range(0, len(events), LARGEST_BATCH):
            logs.put_log_events(**names, logEvents=events[start : start + LARGEST_BATCH])
