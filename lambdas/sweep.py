"""Every 15 minutes: renew the leases of what runs, and remove what an aborted execution left behind.

An aborted execution runs no Catch: its lease, its session, its worker and its task definition stay.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from lambdas._step import Deployment, count, count_session, logger, step
from tidemark.aws.clock import utc_now
from tidemark.aws.conclusion import announce
from tidemark.aws.executions import ended_as, execution_arn, way_out
from tidemark.aws.fargate import deregister_task_definition, registered_task_definitions
from tidemark.aws.workers import find_workers, remove_worker
from tidemark.sessions.indexing import LEASE_DURATION, Lease
from tidemark.sessions.items import read_index, read_lease
from tidemark.sessions.ledger import close_session, leases, running_sessions
from tidemark.sessions.metrics import EXPIRED_LEASES
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.overlap import fail, renew, settle
from tidemark.sessions.session import Session, SessionStatus

# A lease is taken a moment before its execution is started, a session's record is written a moment after its
# execution. What is younger than this is left to its own session.
_GRACE = timedelta(minutes=10)


class Event(TypedDict, total=False):
    """Scheduler's input; nothing in it is needed."""


class Result(TypedDict):
    """What was found and done; all empty when every execution removed its own."""

    renewed: list[str]
    failed_indexes: list[str]
    aborted_sessions: list[str]
    workers: list[str]
    task_definitions: list[str]


@step
def handler(_event: Event, deployment: Deployment) -> Result:
    """Return what was renewed and removed. Running it twice does no more than once."""
    now = utc_now()
    result: Result = {
        "renewed": [],
        "failed_indexes": [],
        "aborted_sessions": [],
        "workers": [],
        "task_definitions": [],
    }
    alive = _sweep_leases(deployment, now, result)
    _sweep_sessions(deployment, now, result)
    _sweep_workers(deployment, alive, result)
    count(EXPIRED_LEASES, len(result["failed_indexes"]))
    return result


def _sweep_leases(deployment: Deployment, now: datetime, result: Result) -> set[str]:
    """Renew or end every lease; return the ids of the indexes that are still being made."""
    alive: set[str] = set()
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    for listed in leases(deployment.records):
        lease = read_lease(deployment.records, listed.file_system)
        if lease is None:
            continue  # the list lags; it has ended
        ended = ended_as(states, execution_arn(deployment.settings.indexing_session, lease.index_id))
        if ended is None:
            renew(deployment.records, lease, now)
            result["renewed"].append(lease.index_id)
            alive.add(lease.index_id)
        elif now - _last_renewed(lease) < _GRACE:
            alive.add(lease.index_id)
        else:
            reason = f"its execution is {ended} and left its lease behind; the next session indexes anew"
            index = fail(deployment.records, lease.file_system, lease.index_id, reason, now)
            if index is not None:
                announce(deployment.records, deployment.tags, states, index)
            result["failed_indexes"].append(lease.index_id)
    return alive


def _sweep_sessions(deployment: Deployment, now: datetime, result: Result) -> None:
    """Close the sessions whose execution is over without having closed them."""
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    for session in running_sessions(deployment.records):
        ended = ended_as(states, session.execution_arn)
        if ended is None or now - session.opened_at < _GRACE:
            continue
        current = settle(deployment.records, session.session_id, deployment.tags.tell_index)
        if current.status is not SessionStatus.RUNNING:
            continue  # the list lags; it was closed before its execution ended
        count_session(close_session(deployment.records, session.session_id, _aborted(session, ended), now))
        result["aborted_sessions"].append(session.session_id)


def _aborted(session: Session, ended: str) -> Outcome:
    reason = f"its execution is {ended}; {way_out(ended, session.policy)}"
    return Outcome(status=SessionStatus.ABORTED, reasons=(reason,))


def _sweep_workers(deployment: Deployment, alive: set[str], result: Result) -> None:
    """Remove the workers and task definitions of indexes that are not being made."""
    settings, clients = deployment.settings, deployment.clients
    for worker in find_workers(clients, settings):
        if _is_over(deployment, worker.index_id, alive):
            remove_worker(clients, settings, worker, "its indexing session is over")
            result["workers"].append(worker.worker_id)
    ecs = clients.of("ecs", settings.region)
    for arn, index_id in registered_task_definitions(ecs, settings):
        if _is_over(deployment, index_id, alive):
            deregister_task_definition(ecs, arn)
            result["task_definitions"].append(arn)


def _is_over(deployment: Deployment, index_id: str, alive: set[str]) -> bool:
    """Return whether an index is not being made. The list of leases lags, so the record decides."""
    if index_id in alive:
        return False
    file_system = deployment.file_system(index_id.rsplit("-", 2)[0])
    index = read_index(deployment.records, file_system, index_id)
    over = index is None or index.ended_at is not None
    if over:
        logger.info("what index %s left behind is removed", index_id)
    return over


def _last_renewed(lease: Lease) -> datetime:
    return lease.expires_at - LEASE_DURATION
