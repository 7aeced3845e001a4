"""backup-session: acquire the file system's lease, or share the index that is being made."""

from __future__ import annotations

import secrets
from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import SessionValue
from tidemark.aws.clock import utc_now
from tidemark.aws.sites import machine_suffix
from tidemark.sessions.naming import index_id
from tidemark.sessions.overlap import claim, settle


class Event(TypedDict):
    """The session."""

    session: SessionValue


class Result(TypedDict):
    """The next step: launch the indexing session of this index, or wait for the shared one."""

    step: str  # launch | share
    index_id: str
    machine_suffix: str  # of the state machine that launches it


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the session's next step for its index."""
    session, now = event["session"], utc_now()
    file_system = deployment.file_system(session["file_system"])
    answer = claim(
        deployment.records,
        session["session_id"],
        index_id(file_system.file_system_id, now, secrets.randbelow(16)),
        now,
    )
    # The index may have been completed before this session's backup; no later step would associate it.
    settle(deployment.records, session["session_id"], deployment.tags.tag_with_index)
    suffix = machine_suffix(deployment.settings.account, file_system.account)
    return {"step": answer.step.value, "index_id": answer.index_id, "machine_suffix": suffix}
