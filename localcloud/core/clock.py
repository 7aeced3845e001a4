"""Time in the local cloud: real timestamps, scaled durations."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


class ShuttingDown(BaseException):
    """The local cloud ends while a thread waits. Not an Exception, so that no handler treats it as a
    failure."""


@dataclass(slots=True)
class ScaledClock:
    """AWS durations scaled by one factor; `scale` 0.02 shortens an hour to 72 s.

    Timestamps come from the machine's clock (`now`), because the processes that run in the local cloud
    (functions, workers, clients) read that clock too. Only the Scheduler uses the faster `calendar`, so that
    a nightly schedule fires within minutes.
    """

    scale: float = 1.0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _stopping: threading.Event = field(default_factory=threading.Event)

    def now(self) -> datetime:
        """Return the machine's time, in UTC."""
        return datetime.now(UTC)

    def calendar(self) -> datetime:
        """Return the Scheduler's time, in UTC, which runs 1/scale times as fast from the start on."""
        return self.started_at + (self.now() - self.started_at) / self.scale

    def seconds(self, aws_seconds: float) -> float:
        """Convert AWS seconds to real seconds."""
        return aws_seconds * self.scale

    def deadline(self, aws_seconds: float) -> datetime:
        """Return the machine's time `aws_seconds` from now, scaled."""
        return self.now() + timedelta(seconds=self.seconds(aws_seconds))

    def sleep(self, aws_seconds: float) -> None:
        """Wait scaled seconds; raises ShuttingDown if the local cloud ends meanwhile."""
        if self._stopping.wait(self.seconds(aws_seconds)):
            raise ShuttingDown

    def sleep_real(self, seconds: float) -> None:
        """Wait real seconds; raises ShuttingDown if the local cloud ends meanwhile."""
        if self._stopping.wait(seconds):
            raise ShuttingDown

    @property
    def stopping(self) -> bool:
        """Whether the local cloud is ending."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End all current and later waits."""
        self._stopping.set()
