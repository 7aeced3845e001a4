"""Policies as text and as JSON, for the commands that list and show them."""

from __future__ import annotations

from typing import Any

from tidemark.answers.policies import PolicyFacts, zone_of
from tidemark.cli.output import terminal
from tidemark.cli.output.terminal import json_time
from tidemark.policy.calendars import Retention
from tidemark.policy.kinds import runs_by_kind
from tidemark.policy.pause import Pause
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.policy.upcoming import UpcomingRun
from tidemark.sessions.runs import PolicyRun
from tidemark.sessions.session import SessionStatus

POLICY_FIELDS = (
    "name, state (active, paused, manual, disabled in EventBridge Scheduler, unknown), pause (null, or "
    "since, by, reason, until), region, vault, file_systems[], index (whether indexes are made), time_zone, "
    "retention[] with run (daily, weekly, monthly, yearly, manual; or every), keep_days (null for forever), "
    "cold_after_days, copies[] with region, vault, keep_days, cold_after_days; next_run (null, or at, "
    "flags[]), last_run (null, or at, ended_at, status, sessions with the number by status)"
)
_STATUSES = (
    SessionStatus.FAILED,
    SessionStatus.ABORTED,
    SessionStatus.WARNING,
    SessionStatus.RUNNING,
    SessionStatus.SUCCESS,
)


def policy_json(facts: PolicyFacts) -> dict[str, Any]:
    """Return a policy with POLICY_FIELDS."""
    policy = facts.policy
    return {
        "name": policy.name,
        "state": facts.state.value,
        "pause": None if facts.pause is None else pause_json(facts.pause),
        "region": policy.region,
        "vault": policy.vault,
        "file_systems": list(policy.file_systems),
        "index": policy.index,
        "time_zone": zone_of(policy).key,
        "retention": [
            {
                "run": kind,
                **_kept(run),
                "copies": [
                    {"region": copy.region, "vault": copy.vault, **_kept(copy)} for copy in run.copies
                ],
            }
            for kind, run in runs_by_kind(policy).items()
        ],
        "next_run": None if facts.next_run is None else _next_json(facts.next_run),
        "last_run": None if facts.last_run is None else _last_json(facts.last_run),
    }


def pause_json(pause: Pause) -> dict[str, Any]:
    """Return a pause with since, by, reason, until."""
    return {
        "since": json_time(pause.since),
        "by": pause.by,
        "reason": pause.reason,
        "until": json_time(pause.until),
    }


def pause_text(pause: Pause) -> str:
    """Return since when, by whom and why a policy is paused, in one line."""
    until = "" if pause.until is None else f" until {terminal.minute(pause.until)} UTC"
    reason = f": {terminal.printable(pause.reason)}" if pause.reason else ""
    return f"paused since {terminal.minute(pause.since)} UTC{until} by {terminal.printable(pause.by)}{reason}"


def outcome_text(run: PolicyRun) -> str:
    """Return the numbers of a run's sessions by status, such as `1 failed, 2 success`."""
    numbers = {status: run.number(status) for status in _STATUSES}
    return ", ".join(f"{number} {status.value}" for status, number in numbers.items() if number)


def retention_text(retention: Retention) -> str:
    """Return `35 days`, or `365 days (cold after 30 days)`."""
    cold = retention.cold_after_days
    text = terminal.kept(retention.keep_days)
    return text if cold is None else f"{text} (cold after {terminal.kept(cold)})"


def retention_of(kept: Policy | CopyTarget) -> Retention:
    """Return the retention of the points of a run, or of its copies."""
    return Retention(keep_days=kept.keep_days, cold_after_days=kept.cold_after_days)


def _kept(kept: Policy | CopyTarget) -> dict[str, Any]:
    return {"keep_days": kept.keep_days, "cold_after_days": kept.cold_after_days}


def _next_json(run: UpcomingRun) -> dict[str, Any]:
    return {"at": json_time(run.at), "flags": list(run.flags)}


def _last_json(run: PolicyRun) -> dict[str, Any]:
    return {
        "at": json_time(run.at),
        "ended_at": json_time(run.ended_at),
        "status": run.status.value,
        "sessions": {status.value: run.number(status) for status in _STATUSES},
    }
