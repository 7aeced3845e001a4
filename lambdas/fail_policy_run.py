"""policy-run: fail if sessions failed; after a redrive, run those sessions again."""

from __future__ import annotations

import re
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.resolve_policy import SessionInput
from tidemark.errors import SessionFailed

# The suffix of any earlier rerun: a redrive that failed before this step has used a number, too.
_AGAIN = re.compile(r"-r[0-9]+$")
_MOST_NAMED = 20  # 1,000 names would exceed the 32,768 characters of an execution's cause
# An execution can have 25,000 history events, including those of all its redrives. Beyond them it fails and
# aborts its running sessions. 5,000 are reserved for starts that are throttled and retried. Source: Step
# Functions Developer Guide, "Step Functions service quotas".
MOST_EVENTS = 20_000
EVENTS_OF_A_SESSION = 10
EVENTS_OF_A_RUN = 20  # in addition to its sessions'


class SessionResult(TypedDict):
    """How one nested execution ended."""

    session_id: str
    file_system: str
    failed: bool


class Event(TypedDict):
    """All results, and the redrive count of the execution."""

    policy: str
    results: list[SessionResult]
    # The number of sessions that this execution has run; absent in executions of older versions.
    started: NotRequired[int]
    attempt: int
    redrive_count: int


class Result(TypedDict):
    """The sessions to run again, and their attempt."""

    sessions: list[SessionInput]
    attempt: int


@lambda_handler
def handler(event: Event, _deployment: Deployment) -> Result:
    """Raise SessionFailed naming the failed sessions; after a redrive, return them under new names.

    Also raise it after a redrive if this execution's history has no room for them.
    """
    failed = [result for result in event["results"] if result["failed"]]
    attempt = event["redrive_count"]
    fits = _events(event.get("started", 0) + len(failed), runs=attempt + 1) <= MOST_EVENTS
    if attempt <= event["attempt"] or not fits:
        way_out = "redrive this execution or start a new one" if fits else "start a new execution"
        sessions = "1 session" if len(event["results"]) == 1 else f"{len(event['results'])} sessions"
        raise SessionFailed(
            f"{len(failed)} of {sessions} failed: {_names(failed, event['policy'])}; "
            f"show the reasons with: tidemark session ID, fix the cause, and {way_out}"
        )
    return {
        "attempt": attempt,
        "sessions": [
            {
                "session_id": again(result["session_id"], attempt),
                "policy": event["policy"],
                "file_system": result["file_system"],
            }
            for result in failed
        ],
    }


def _names(failed: list[SessionResult], policy: str) -> str:
    names = [result["session_id"] for result in failed]
    named, more = ", ".join(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    return f"{named} and {more} more, listed by: tidemark sessions --policy {policy}" if more > 0 else named


def _events(sessions: int, *, runs: int) -> int:
    """Return the maximum history events of `sessions`, without throttling, in `runs`."""
    return sessions * EVENTS_OF_A_SESSION + runs * EVENTS_OF_A_RUN


def again(session_id: str, attempt: int) -> str:
    """Return the name of a session's rerun: `...-r1`, `...-r2`."""
    return f"{_AGAIN.sub('', session_id)}-r{attempt}"
