"""After an index has ended: associates every session that shares it, and answers those that wait."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.collected_failures import Failures
from tidemark.aws.errors import code_of
from tidemark.errors import SessionNotFound
from tidemark.sessions.indexing import Index
from tidemark.sessions.overlap import settle
from tidemark.sessions.transactions import Store

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from tidemark.aws.point_tags import PointTags

# The state has ended: answered before, timed out and polled again, or aborted. Source: SendTaskSuccess.
_STALE_TOKEN_ERRORS = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}


def notify_sessions(store: Store, tags: PointTags, client: SFNClient, index: Index) -> None:
    """Associate the points of every session that shares the ended index, and answer those that wait.

    Idempotent. An error with one session is raised after all others have been handled.
    """
    failures = Failures()
    for session_id in sorted(index.sessions):
        # If a session's record was deleted, its points keep their tags.
        with failures.collecting(f"session {session_id}"), suppress(SessionNotFound):
            session = settle(store, session_id, tags.tag_with_index)
            if session.waiting_token is not None:
                answer_waiting(client, session.waiting_token, index)
    failures.raise_first()


def answer_waiting(client: SFNClient, task_token: str, index: Index) -> None:
    """Send a waiting session the end of its index; a token that is no longer valid is not an error."""
    output = {"status": index.status.value, "index_id": index.index_id, "reason": index.reason}
    try:
        client.send_task_success(taskToken=task_token, output=json.dumps(output))
    except ClientError as error:
        if code_of(error) not in _STALE_TOKEN_ERRORS:
            raise
