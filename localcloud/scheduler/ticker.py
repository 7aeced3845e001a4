"""Polls the schedules and fires those that are due."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import Cloud
from localcloud.core.schedule_expressions import BadExpression, next_time
from localcloud.scheduler.targets import Schedule, Targets

LOOK_SECONDS = 0.2  # real seconds


@dataclass(slots=True)
class _Watched:
    anchor: datetime
    expression: tuple[str, str]  # with its zone
    due: datetime | None


class Ticker:
    """Tracks the next due time of every schedule."""

    def __init__(self, cloud: Cloud, targets: Targets) -> None:
        self._cloud, self._targets = cloud, targets
        self._watched: dict[str, _Watched] = {}  # by ARN

    def run(self) -> None:
        """Poll until the local cloud ends."""
        try:
            while True:
                self._cloud.clock.sleep_real(LOOK_SECONDS)
                self.look(self._cloud.clock.calendar())
        except ShuttingDown:
            return

    def look(self, now: datetime) -> None:
        """Fire the schedules that are due."""
        present = set()
        for schedule in self._schedules():
            present.add(schedule.arn)
            if schedule.state == "ENABLED":
                self._look_at(schedule, now)
            else:
                self._watched.pop(schedule.arn, None)
        for arn in self._watched.keys() - present:
            del self._watched[arn]

    def find(self, account_id: str, region: str, group: str, name: str) -> Schedule | None:
        """Return a schedule of an account that is not suspended, or None."""
        wanted = (account_id, region, group, name)
        found = (s for s in self._schedules() if (s.arn.split(":")[4], s.region, s.group, s.name) == wanted)
        return next(found, None)

    def _look_at(self, schedule: Schedule, now: datetime) -> None:
        expression = (schedule.expression, schedule.zone)
        watched = self._watched.get(schedule.arn)
        if watched is None or watched.expression != expression:
            anchor = schedule.start or now
            watched = _Watched(anchor, expression, None)
            self._watched[schedule.arn] = watched
            watched.due = self._next(schedule, watched, max(anchor, now) - timedelta(microseconds=1))
        while watched.due and watched.due <= now:
            due, watched.due = watched.due, self._next(schedule, watched, watched.due)
            if watched.due and watched.due <= now:
                continue  # several due times in one tick, because the calendar runs fast, are one call
            window = timedelta(minutes=schedule.window_minutes) * random.random()  # noqa: S311  # not a secret
            threading.Thread(
                target=self._targets.fire_later, args=(schedule, due, window), daemon=True
            ).start()

    def _next(self, schedule: Schedule, watched: _Watched, after: datetime) -> datetime | None:
        try:
            due = next_time(schedule.expression, schedule.zone, watched.anchor, after)
        except BadExpression:
            return None  # moto accepted it; it never fires
        return None if due is None or (schedule.end and due > schedule.end) else due

    def _schedules(self) -> list[Schedule]:
        from moto.scheduler.models import scheduler_backends

        return [
            _read(schedule, region)
            for account in self._cloud.accounts.all()
            if not account.suspended
            for region, backend in list(scheduler_backends[account.id].items())
            for group in list(backend.schedule_groups.values())
            for schedule in list(group.schedules.values())
        ]


def _read(schedule: Any, region: str) -> Schedule:  # moto's
    window = schedule.flexible_time_window
    return Schedule(
        arn=schedule.arn,
        name=schedule.name,
        group=schedule.group_name,
        region=region,
        expression=schedule.schedule_expression,
        zone=schedule.schedule_expression_timezone,
        state=schedule.state,
        start=_time(schedule.start_date),
        end=_time(schedule.end_date),
        window_minutes=window.get("MaximumWindowInMinutes", 0) if window["Mode"] == "FLEXIBLE" else 0,
        target=schedule.target,
        deletes_itself=getattr(schedule, "action_after_completion", None) == "DELETE",
    )


def _time(value: Any) -> datetime | None:  # as moto keeps it
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except ValueError:
        found = datetime.fromisoformat(str(value))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
