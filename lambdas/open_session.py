"""backup-session: run the preflight checks, then record the session."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import CopyTargetValue, SessionValue
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.preflight import check_file_system, check_opt_in, check_vaults
from tidemark.policy.policy import CopyTarget
from tidemark.sessions.overlap import open_session
from tidemark.sessions.session import Session


class Event(TypedDict):
    """The input of backup-session, with the execution's name and ARN."""

    session_id: str
    execution_arn: str
    policy: str
    file_system: str  # its name in the policy, or its id
    scheduled_time: NotRequired[str | None]  # ISO 8601; of the run, if a schedule started it


@lambda_handler
def handler(event: Event, deployment: Deployment) -> SessionValue:
    """Return the opened session; raises preflight's errors before anything is written."""
    policy = deployment.policy(event["policy"])
    flags = policy.flags_at(event.get("scheduled_time"))
    policy = policy.for_run(flags)
    session_id = event["session_id"]
    file_system = deployment.file_system(policy.named(event["file_system"]))
    policy = policy.at(*file_system.site)
    check_file_system(deployment.at(file_system, session_id).clients, policy, file_system)

    def clients_of(account: str) -> Clients:
        return deployment.sites.clients_of(account, session_id)

    own = clients_of(file_system.account)
    check_opt_in(own, policy, clients_of)
    check_vaults(own, policy, clients_of)
    now = utc_now()
    session = Session(
        session_id=session_id,
        policy=policy.name,
        file_system=file_system,
        execution_arn=event["execution_arn"],
        opened_at=now,
        index_wanted=policy.index,
        flags=flags,
        is_manual=not event.get("scheduled_time"),
        index_keep_days=policy.index_keep_days,
    )
    opened = open_session(deployment.records, session, now)
    return {
        "session_id": opened.session_id,
        "policy": policy.name,
        "file_system": deployment.name_of(file_system),
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
