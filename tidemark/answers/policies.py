"""Deployed policies as commands show them: state, pause, next and last run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidemark.answers.connection import Connection
from tidemark.aws.errors import translated
from tidemark.aws.pauses import read_pauses, remove_pause, write_pause
from tidemark.aws.schedules import schedule_states
from tidemark.errors import AccessDenied, ConfigurationError, NextRunUnknown
from tidemark.policy.cron_schedules import schedules_of
from tidemark.policy.pause import Pause
from tidemark.policy.policy import Policy
from tidemark.policy.upcoming import UpcomingRun, next_runs
from tidemark.sessions.queries import sessions_since
from tidemark.sessions.runs import PolicyRun, last_runs

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_A_YEAR = timedelta(days=366)


class State(StrEnum):
    """Whether the schedules of a policy start sessions."""

    ACTIVE = "active"
    PAUSED = "paused"  # by `tidemark policy pause`
    MANUAL = "manual"  # it has no schedule
    DISABLED = "disabled"  # some of its schedules are disabled or missing in EventBridge Scheduler
    UNKNOWN = "unknown"  # the caller may not list the schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """A deployed policy, and what its schedules do."""

    policy: Policy
    pause: Pause | None  # None also if its end is past
    schedules: (
        dict[str, str] | None
    )  # name -> state in EventBridge Scheduler; None: not visible to the caller
    next_run: UpcomingRun | None  # at which sessions start: none while it is paused without an end
    last_run: PolicyRun | None  # of the past year

    @property
    def state(self) -> State:
        """Whether the schedules start sessions."""
        expected = len(schedules_of(self.policy))
        if not expected:
            return State.MANUAL
        if self.pause is not None:
            return State.PAUSED
        if self.schedules is None:
            return State.UNKNOWN
        enabled = sum(state == "ENABLED" for state in self.schedules.values())
        return State.ACTIVE if enabled >= expected else State.DISABLED


def facts_of(connection: Connection, policies: Sequence[Policy], now: datetime) -> list[PolicyFacts]:
    """Return the facts of policies, in their order."""
    names = [policy.name for policy in policies]
    pauses = pauses_of(connection, names, now)
    states = _states(connection)
    runs = last_runs(sessions_since(connection.records, now - _A_YEAR, now), names)
    return [
        PolicyFacts(
            policy=policy,
            pause=pauses.get(policy.name),
            schedules=None if states is None else states.get(policy.name, {}),
            next_run=_next_run(policy, pauses.get(policy.name), now),
            last_run=runs.get(policy.name),
        )
        for policy in policies
    ]


def pauses_of(connection: Connection, names: Sequence[str], now: datetime) -> dict[str, Pause]:
    """Return the pauses that hold now, by policy."""
    found = read_pauses(_ssm(connection), connection.deployment, names)
    return {name: pause for name, pause in found.items() if pause.holds_at(now)}


def pause_policy(
    connection: Connection, name: str, now: datetime, *, reason: str = "", until: datetime | None = None
) -> Pause:
    """Record a pause of a deployed policy and return it; replaces an earlier one. Raises PolicyNotFound."""
    connection.policy(name)
    caller = connection.clients.of("sts", connection.resources.region).get_caller_identity()["Arn"]
    pause = Pause(since=now, by=caller, reason=reason, until=until)
    write_pause(_ssm(connection), connection.deployment, name, pause)
    return pause


def resume_policy(connection: Connection, name: str) -> bool:
    """Remove the pause of a policy; return whether there was one. Raises PolicyNotFound."""
    if remove_pause(_ssm(connection), connection.deployment, name):
        return True
    connection.policy(name)
    return False


def zone_of(policy: Policy) -> ZoneInfo:
    """Return the time zone of a policy's schedules; raise ConfigurationError if this machine lacks it."""
    schedule = policy.calendar or policy.schedule
    name = schedule.time_zone if schedule else "UTC"
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError as error:
        fact = f"this machine has no data for the time zone {name}"
        raise ConfigurationError(f"{fact}; install it with: pip install tzdata") from error


def _next_run(policy: Policy, pause: Pause | None, now: datetime) -> UpcomingRun | None:
    """Return the next run at which sessions start; None also for a rate, whose times are unknown."""
    if pause is not None and pause.until is None:
        return None
    zone_of(policy)
    after = now if pause is None or pause.until is None else pause.until - timedelta(microseconds=1)
    try:
        return next(next_runs(policy, after), None)
    except NextRunUnknown:
        return None


def _states(connection: Connection) -> dict[str, dict[str, str]] | None:
    client = connection.clients.of("scheduler", connection.resources.region)
    with contextlib.suppress(AccessDenied), translated():
        return schedule_states(client, connection.deployment)
    return None


def _ssm(connection: Connection) -> SSMClient:
    return connection.clients.of("ssm", connection.resources.region)
