"""policy-run: return one named backup session for each file system of the policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from tidemark.policy.sites import file_system_id_of
from tidemark.sessions.naming import session_id

# Scheduler delivers at least once: a duplicate within this time gets the same session names, so that no
# session starts twice. Later, the same input is a rerun from the console and gets new names.
_DUPLICATE_WITHIN = timedelta(minutes=15)


class Event(TypedDict):
    """The input of policy-run, with the time that its execution started."""

    policy: str
    scheduled_time: str | None  # ISO 8601, from Scheduler
    started_at: str  # ISO 8601
    only_if_due: NotRequired[bool]  # from a schedule that is also due when the policy has no run
    manual: NotRequired[
        bool
    ]  # from the CLI, whose scheduled time is that of the call and only names sessions


class SessionInput(TypedDict):
    """The name and input of one nested execution."""

    session_id: str
    policy: str
    file_system: str


class Result(TypedDict):
    """The sessions to run."""

    sessions: list[SessionInput]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the sessions to run, none if none are due or the policy is paused; raise PolicyNotFound.

    A pause does not affect runs that a user starts.
    """
    policy = deployment.policy(event["policy"])
    scheduled_time = event["scheduled_time"]
    if scheduled_time and not event.get("manual"):
        pause = deployment.pause_of(policy.name)
        if pause is not None and pause.holds_at(datetime.fromisoformat(scheduled_time)):
            logger.warning("policy %s is paused by %s since %s", policy.name, pause.by, pause.since)
            return {"sessions": []}
    if event.get("only_if_due") and not policy.flags_at(scheduled_time):
        return {"sessions": []}
    moment = naming_moment(scheduled_time, event["started_at"])
    return {
        "sessions": [
            {
                "session_id": session_id(policy.name, file_system_id_of(file_system), moment),
                "policy": policy.name,
                "file_system": file_system,
            }
            for file_system in policy.file_systems
        ]
    }


def naming_moment(scheduled_time: str | None, started_at: str) -> datetime:
    """Return the time that names the sessions: the scheduled one if the execution started within 15 minutes
    of it."""
    started = datetime.fromisoformat(started_at)
    if not scheduled_time:
        return started
    scheduled = datetime.fromisoformat(scheduled_time)
    return scheduled if abs(started - scheduled) <= _DUPLICATE_WITHIN else started
