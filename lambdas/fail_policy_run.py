"""policy-run: end with the sessions that failed; after a redrive, run them again."""

from __future__ import annotations

import re
from typing import TypedDict

from lambdas._step import Deployment, step
from lambdas.resolve_policy import SessionInput
from tidemark.errors import SessionFailed

# Of any earlier rerun: a redrive that came to grief before this step has used a number up, too.
_AGAIN = re.compile(r"-r[0-9]+$")


class SessionResult(TypedDict):
    """How one nested execution ended."""

    session_id: str
    file_system: str
    failed: bool


class Event(TypedDict):
    """All results, and how often the execution has been redriven."""

    policy: str
    results: list[SessionResult]
    attempt: int
    redrive_count: int


class Result(TypedDict):
    """The sessions to run again, and the attempt they belong to."""

    sessions: list[SessionInput]
    attempt: int


@step
def handler(event: Event, _deployment: Deployment) -> Result:
    """Raise SessionFailed naming the failed sessions; after a redrive return them under new names."""
    failed = [result for result in event["results"] if result["failed"]]
    if event["redrive_count"] <= event["attempt"]:
        names = ", ".join(result["session_id"] for result in failed)
        raise SessionFailed(
            f"{len(failed)} of {len(event['results'])} sessions failed: {names}; "
            f"see why with: tidemark session ID, mend it, and redrive this execution or start a new one"
        )
    attempt = event["redrive_count"]
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


def again(session_id: str, attempt: int) -> str:
    """Return the name of a session's rerun: `...-r1`, `...-r2`."""
    return f"{_AGAIN.sub('', session_id)}-r{attempt}"
