"""Backup sessions, as commands and pages show them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from tidemark.answers.connection import Connection
from tidemark.answers.session_progress import View
from tidemark.aws import executions
from tidemark.policy.policy import Policy
from tidemark.sessions.queries import sessions_of, sessions_since
from tidemark.sessions.session import Session

_A_YEAR = timedelta(days=366)


def recent_sessions(
    connection: Connection, file_system_id: str | None, policy: str | None, now: datetime
) -> Iterator[Session]:
    """Return the sessions of a file system, or all of the past year, newest first; of a policy, if named."""
    if file_system_id is None:
        found = sessions_since(connection.records, now - _A_YEAR, now)
    else:
        found = sessions_of(connection.records, connection.file_system(file_system_id))
    return (session for session in found if policy in (None, session.policy))


def view_of(connection: Connection, session_id: str, policy: Policy | None) -> View:
    """Return the state of a session, and how its execution ended if the record does not contain it yet.

    Raises SessionNotFound.
    """
    view = connection.view(session_id, policy)
    # Read before the record, because an execution closes its session before it ends.
    client = connection.clients.of("stepfunctions", connection.resources.region)
    ended = None if view.ended else executions.ended_as(client, view.session.execution_arn)
    if ended is None:
        return view
    view = connection.view(session_id, policy)
    return view if view.ended else dataclasses.replace(view, execution_ended=ended)
