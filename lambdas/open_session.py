"""backup-session: run the preflight checks, then record the session."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import CopyTargetValue, SessionValue
from tidemark.aws.clock import utc_now
from tidemark.aws.preflight import check_file_system, check_opt_in, check_vaults
from tidemark.policy.policy import CopyTarget, check_file_system_id
from tidemark.sessions.overlap import open_session
from tidemark.sessions.session import Session


class Event(TypedDict):
    """The input of backup-session, with the execution's name and ARN."""

    session_id: str
    execution_arn: str
    policy: str
    file_system: str
    scheduled_time: NotRequired[str | None]  # ISO 8601; of the run, if a schedule started it


@lambda_handler
def handler(event: Event, deployment: Deployment) -> SessionValue:
    """Return the opened session; raises preflight's errors before anything is written."""
    policy = deployment.policy(event["policy"])
    flags = policy.flags_at(event.get("scheduled_time"))
    policy = policy.for_run(flags)
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
        flags=flags,
        index_keep_days=policy.index_keep_days,
    )
    opened = open_session(deployment.records, session, now)
    return {
        "session_id": opened.session_id,
        "policy": policy.name,
        "file_system": file_system.file_system_id,
        "index_wanted": policy.index,
        "copies": [_target(copy) for copy in policy.copies],
    }


def _target(copy: CopyTarget) -> CopyTargetValue:
    value: CopyTargetValue = {
        "region": copy.region,
        "vault": copy.vault,
        "account": copy.account,
        "keep_days": copy.keep_days,
    }
    if copy.cold_after_days is not None:
        value["cold_after_days"] = copy.cold_after_days
    return value
