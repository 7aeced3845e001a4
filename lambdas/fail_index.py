"""indexing-session: fail the index, and report it to every session that shares it (I4)."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import Failure, words
from tidemark.aws.clock import utc_now
from tidemark.aws.notify_sessions import notify_sessions
from tidemark.sessions.overlap import fail


class Event(TypedDict):
    """The index and its failure."""

    index_id: str
    file_system: str
    failure: Failure


class Result(TypedDict):
    """The status of the index; `complete` if it was completed before."""

    status: str
    index_id: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Fail the index, notify its sessions, and return its final status."""
    index = fail(
        deployment.records,
        deployment.file_system(event["file_system"]),
        event["index_id"],
        words(event["failure"]),
        utc_now(),
    )
    if index is None:
        return {"status": "failed", "index_id": event["index_id"]}
    notify_sessions(
        deployment.records,
        deployment.tags,
        deployment.clients.of("stepfunctions", deployment.settings.region),
        index,
    )
    return {"status": index.status.value, "index_id": index.index_id}
