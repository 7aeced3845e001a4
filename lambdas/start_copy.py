"""backup-session: start one copy of the recovery point."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.events import CopyJobValue, CopyTargetValue, SessionValue, started_job
from tidemark.aws.backup_jobs import idempotency_token, start_copy, vault_arn
from tidemark.aws.clock import utc_now
from tidemark.errors import DamageSuspected
from tidemark.policy.policy import CopyTarget
from tidemark.sessions.damage_alarms import read_alarm
from tidemark.sessions.queries import record_job
from tidemark.sessions.session import Job


class Event(TypedDict):
    """The session, its recovery point, and the destination of the copy."""

    session: SessionValue
    attempt: int
    recovery_point_arn: str
    target: CopyTargetValue


@lambda_handler
def handler(event: Event, deployment: Deployment) -> CopyJobValue:
    """Return the job; raise VaultNotFound, and DamageSuspected while an alarm holds copies.

    Idempotent: returns the same job when called again.
    """
    session_id = event["session"]["session_id"]
    file_system = deployment.file_system(event["session"]["file_system"])
    alarm = read_alarm(deployment.records, file_system)
    if alarm is not None and alarm.is_open and alarm.holds:
        raise DamageSuspected(
            f"not copied to {event['target']['region']}: the damage alarm of index {alarm.first_index_id} "
            f"holds copies; show it with: tidemark damage show {deployment.name_of(file_system)}"
        )
    place = deployment.at(file_system, session_id)
    policy = deployment.policy(event["session"]["policy"]).at(*file_system.site)
    target = CopyTarget(**event["target"])
    account = file_system.account
    job_id = start_copy(
        place.clients.of("backup", policy.region),
        policy,
        target,
        account=account,
        recovery_point_arn=event["recovery_point_arn"],
        role=place.settings.backup_role,
        token=idempotency_token(session_id, event["attempt"], vault_arn(target, account)),
    )
    job = Job(
        job_id=job_id,
        kind="copy",
        account=target.account or account,
        region=target.region,
        vault=target.vault,
        started_at=utc_now(),
        keep_days=target.keep_days,
        cold_after_days=target.cold_after_days,
    )
    record_job(deployment.records, session_id, job)
    return {**started_job(job_id, ""), "target": event["target"]}
