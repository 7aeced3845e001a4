"""backup-session: store the task token for the step that ends the index; send the result if it has ended."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.notify_sessions import answer_waiting
from tidemark.errors import IndexingFailed
from tidemark.sessions.indexing import IndexStatus
from tidemark.sessions.queries import wait_for_index


class Event(TypedDict):
    """The session, and the token of its waiting state."""

    session_id: str
    task_token: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> None:
    """Return nothing: the result is sent with the task token. Raise IndexingFailed if there is no index."""
    index = wait_for_index(deployment.records, event["session_id"], event["task_token"])
    if index is None:
        raise IndexingFailed(f"session {event['session_id']} has no index to wait for; run the policy again")
    if index.status is not IndexStatus.RUNNING:
        answer_waiting(
            deployment.clients.of("stepfunctions", deployment.settings.region), event["task_token"], index
        )
