"""backup-session: run the preflight checks, then record the session."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypedDict, cast

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import CopyTargetValue, SessionValue
from tidemark.aws.clock import utc_now
from tidemark.aws.preflight import check_file_system, check_opt_in, check_vaults
from tidemark.policy.policy import check_file_system_id
from tidemark.sessions.overlap import open_session
from tidemark.sessions.session import Session


class Event(TypedDict):
    """The input of backup-session, with the execution's name and ARN."""

    session_id: str
    execution_arn: str
    policy: str
    file_system: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> SessionValue:
    """Return the opened session; raises preflight's errors before anything is written."""
    policy = deployment.policy(event["policy"])
    file_system = deployment.file_system(check_file_system_id(event["file_system"]))
    check_file_system(deployment.clients, policy, file_system)
    check_opt_in(deployment.clients, policy)
    check_vaults(deployment.clients, policy)
    now = utc_now()
    session = Session(
        session_id=event["session_id"],
        policy=policy.name,
        file_system=file_system,
        execution_arn=event["execution_arn"],
        opened_at=now,
        index_wanted=policy.index,
    )
    opened = open_session(deployment.records, session, now)
    return {
        "session_id": opened.session_id,
        "policy": policy.name,
        "file_system": file_system.file_system_id,
        "index_wanted": policy.index,
        "copies": [cast(CopyTargetValue, asdict(target)) for target in policy.copies],
    }
