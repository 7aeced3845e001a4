"""policy-run: end with the sessions that failed; after a redrive, run them again."""

from __future__ import annotations

import re
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.resolve_policy import SessionInput
from tidemark.errors import SessionFailed

# Of any earlier rerun: a redrive that came to grief before this step has used a number up, too.
_AGAIN = re.compile(r"-r[0-9]+$")
_MOST_NAMED = 20  # of a thousand, all would be longer than the 32,768 characters of an execution's cause
# An execution has 25,000 history events, those of all its redrives among them, and when they are used up it
# fails and takes its running sessions along. 5,000 are left for starts that are throttled and tried again.
# Source: Step Functions Developer Guide, "Step Functions service quotas".
MOST_EVENTS = 20_000
EVENTS_OF_A_SESSION = 10
EVENTS_OF_A_RUN = 20  # beside its sessions'


class SessionResult(TypedDict):
    """How one nested execution ended."""

    session_id: str
    file_system: str
    failed: bool


class Event(TypedDict):
    """All results, and how often the execution has been redriven."""

    policy: str
    results: list[SessionResult]
    # How many sessions this execution has run; one that an older version began does not have it.
    started: NotRequired[int]
    attempt: int
    redrive_count: int


class Result(TypedDict):
    """The sessions to run again, and the attempt they belong to."""

    sessions: list[SessionInput]
    attempt: int


@lambda_handler
def handler(event: Event, _deployment: Deployment) -> Result:
    """Raise SessionFailed naming the failed sessions; after a redrive return them under new names.

    Raise it after a redrive, too, where this execution's history has no room for them.
    """
    failed = [result for result in event["results"] if result["failed"]]
    attempt = event["redrive_count"]
    fits = _events(event.get("started", 0) + len(failed), runs=attempt + 1) <= MOST_EVENTS
    if attempt <= event["attempt"] or not fits:
        way_out = "redrive this execution or start a new one" if fits else "start a new execution"
        raise SessionFailed(
            f"{len(failed)} of {len(event['results'])} sessions failed: {_names(failed, event['policy'])}; "
            f"see why with: tidemark session ID, mend it, and {way_out}"
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
    """Return the most history events of sessions, none of which is throttled, in so many runs."""
    return sessions * EVENTS_OF_A_SESSION + runs * EVENTS_OF_A_RUN


def again(session_id: str, attempt: int) -> str:
    """Return the name of a session's rerun: `...-r1`, `...-r2`."""
    return f"{_AGAIN.sub('', session_id)}-r{attempt}"
