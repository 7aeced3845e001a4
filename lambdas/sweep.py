"""Runs on a schedule: renews the leases of running executions, and cleans up after aborted ones.

An aborted execution runs no Catch: its lease, session, worker and task definition remain.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from botocore.exceptions import ClientError

from lambdas._handler import Deployment, count, count_restore, count_session, lambda_handler, logger
from tidemark.aws.backup_jobs import describe_left
from tidemark.aws.clock import utc_now
from tidemark.aws.collected_failures import Failures
from tidemark.aws.errors import is_denied
from tidemark.aws.executions import ended_as, execution_arn, way_out
from tidemark.aws.fargate import deregister_task_definition, registered_task_definitions
from tidemark.aws.missed_tests import missed_tests, start_missed
from tidemark.aws.notify_sessions import notify_sessions
from tidemark.aws.retention import with_retention_checked
from tidemark.aws.sites import Place, machine_of
from tidemark.aws.temporary_file_systems import remove_file_system, remove_mount_targets
from tidemark.aws.workers import (
    INDEXING,
    PLACING,
    VERIFYING,
    Purpose,
    find_workers,
    remove_worker,
    remove_workers,
)
from tidemark.errors import RestoreNotFound
from tidemark.sessions.indexing import LEASE_DURATION, Index, IndexStatus, Lease
from tidemark.sessions.metrics import EXPIRED_LEASES
from tidemark.sessions.outcome import decide_stopped_outcome
from tidemark.sessions.overlap import add_point, fail, renew, settle
from tidemark.sessions.queries import (
    close_session,
    forget_session,
    leased_file_systems,
    update_job,
    watched_session_ids,
)
from tidemark.sessions.records import read_index, read_lease, read_session
from tidemark.sessions.restore_outcome import decide_stopped_restore
from tidemark.sessions.restore_session import Kind, RestoreSession
from tidemark.sessions.restore_tests import decide_stopped_test
from tidemark.sessions.restores import close_restore, read_restore, record_removed, running_restore_ids
from tidemark.sessions.session import FileSystem, Session, SessionStatus
from tidemark.sessions.sweep_schedule import SWEEP_GRACE

# What to do after an execution was stopped, by the kind of its restore session.
_AGAIN: dict[Kind, str] = {
    "restore": "redrive it, or restore again",
    "drill": "start another drill",
    "test": "redrive it",
}


class Event(TypedDict, total=False):
    """Scheduler's input; not used."""


class Result(TypedDict):
    """The changes made; all empty if every execution cleaned up after itself."""

    renewed: list[str]
    failed_indexes: list[str]
    aborted_sessions: list[str]
    aborted_restores: list[str]
    started_tests: list[str]  # restore jobs whose event did not arrive
    workers: list[str]
    task_definitions: list[str]


@lambda_handler
def handler(_event: Event, deployment: Deployment) -> Result:
    """Sweep, and return the changes made. Idempotent.

    An error with one lease or session is raised after all others are done.
    """
    now = utc_now()
    result: Result = {
        "renewed": [],
        "failed_indexes": [],
        "aborted_sessions": [],
        "aborted_restores": [],
        "started_tests": [],
        "workers": [],
        "task_definitions": [],
    }
    failures, alive = Failures(), set[str]()
    for sweep in (_sweep_leases, _sweep_sessions, _sweep_restores, _sweep_tests, _sweep_workers):
        with failures.collecting(sweep.__name__):
            sweep(deployment, now, result, failures, alive)
    count(EXPIRED_LEASES, len(result["failed_indexes"]))
    failures.raise_first()
    return result


def _sweep_leases(
    deployment: Deployment, now: datetime, result: Result, failures: Failures, alive: set[str]
) -> None:
    """Renew or end every lease; add the ids of indexes in progress to `alive`."""
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    for listed in leased_file_systems(deployment.records):
        with failures.collecting(f"the lease of {listed}"):
            lease = read_lease(deployment.records, FileSystem.parse(listed))
            if lease is None:
                continue  # the list is eventually consistent; the lease has ended
            settings = deployment.settings
            machine = machine_of(settings.indexing_session, settings.account, lease.file_system.account)
            ended = ended_as(states, execution_arn(machine, lease.index_id))
            if ended is None:
                renew(deployment.records, lease, now)
                result["renewed"].append(lease.index_id)
                alive.add(lease.index_id)
            elif now - _last_renewed(lease) < SWEEP_GRACE:
                alive.add(lease.index_id)
            else:
                reason = f"its execution is {ended} and left its lease behind; the next session indexes again"
                index = fail(deployment.records, lease.file_system, lease.index_id, reason, now)
                if index is not None:
                    notify_sessions(deployment.records, deployment.tags, states, index)
                result["failed_indexes"].append(lease.index_id)


def _sweep_sessions(
    deployment: Deployment, now: datetime, result: Result, failures: Failures, _alive: set[str]
) -> None:
    """Close sessions whose executions ended without closing them, and poll their jobs."""
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    for session_id in watched_session_ids(deployment.records):
        with failures.collecting(f"session {session_id}"):
            listed = read_session(deployment.records, session_id)
            ended = ended_as(states, listed.execution_arn)
            if ended is None or now - listed.opened_at < SWEEP_GRACE:
                continue
            session = settle(deployment.records, session_id, deployment.tags.tag_with_index)
            if session.is_watched:
                _close_stopped(deployment, session, ended, now)
                if session.status is SessionStatus.RUNNING:
                    result["aborted_sessions"].append(session.session_id)
            elif session.status is SessionStatus.ABORTED and not _awaits_index(deployment, session):
                # Closed by an earlier sweep. A step that was running then has recorded its job by now, and
                # the index has ended: close again, because the record may still show it as in progress.
                _close_stopped(deployment, session, ended, now)
                forget_session(deployment.records, session.session_id)


def _awaits_index(deployment: Deployment, session: Session) -> bool:
    """Return whether the session's index is in progress."""
    index = _index_of(deployment, session)
    return session.index_wanted and index is not None and index.status is IndexStatus.RUNNING


def _index_of(deployment: Deployment, session: Session) -> Index | None:
    if session.index_id is None:
        return None
    return read_index(deployment.records, session.file_system, session.index_id)


def _close_stopped(deployment: Deployment, session: Session, ended: str, now: datetime) -> None:
    """Record the results of the session's jobs and its final status."""
    records = deployment.records
    for job in session.open_jobs:
        place = deployment.at(session.file_system, session.session_id)
        stands = describe_left(place.clients.of("backup", place.region), job)
        if stands.is_done:
            point = stands.point(job.kind, account=job.account, region=job.region, now=now)
            there = deployment.sites.clients_of(job.account, session.session_id)
            point = with_retention_checked(there, point, job.keep_days, job.cold_after_days)
            add_point(records, session.session_id, point, deployment.tags.tag_with_index)
        # after recording the point: an ended job is not polled again
        update_job(records, session.session_id, job.job_id, state=stands.state, message=stands.message)
    current = read_session(records, session.session_id)
    why = f"its execution is {ended}; {way_out(ended, session.policy)}"
    outcome = decide_stopped_outcome(current, _index_of(deployment, current), why=why)
    closed = close_session(records, session.session_id, outcome, session.ended_at or now)
    if session.status is SessionStatus.RUNNING:
        count_session(closed)


def _sweep_restores(
    deployment: Deployment, now: datetime, result: Result, failures: Failures, alive: set[str]
) -> None:
    """Close restore sessions whose executions ended without closing them; add the others to `alive`."""
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    for restore_id in running_restore_ids(deployment.records):
        with failures.collecting(f"restore session {restore_id}"):
            session = read_restore(deployment.records, restore_id)
            ended = ended_as(states, session.execution_arn)
            if ended is None or now - session.started_at < SWEEP_GRACE:
                alive.add(restore_id)
                continue
            if not _without_drilled(deployment, session) or not _without_mount_targets(deployment, session):
                alive.add(restore_id)
                continue  # the next sweep continues
            session = read_restore(deployment.records, restore_id)
            why = f"its execution is {ended}; {_AGAIN[session.kind]}"
            decide = decide_stopped_test if session.kind == "test" else decide_stopped_restore
            outcome = decide(session, why)
            closed = close_restore(
                deployment.records,
                restore_id,
                status=outcome.status,
                reasons=outcome.reasons,
                totals=session.totals,
                now=now,
            )
            count_restore(closed)
            result["aborted_restores"].append(restore_id)


def _without_mount_targets(deployment: Deployment, session: RestoreSession) -> bool:
    """Remove what keeps AWS Backup from deleting the file system of a test; return whether that is done."""
    if session.kind != "test" or not session.target:
        return True
    settings, clients = deployment.settings, deployment.clients
    remove_workers(clients, settings, session.restore_id, "its session is over", VERIFYING)
    efs = clients.of("efs", settings.region)
    try:
        return remove_mount_targets(efs, session.target)
    except ClientError as error:
        if not is_denied(error):
            raise
        return True  # it has not been marked yet, so it has no mount targets


def _sweep_tests(
    deployment: Deployment, now: datetime, result: Result, failures: Failures, _alive: set[str]
) -> None:
    """Start the verification of restore tests whose event did not arrive."""
    settings, clients = deployment.settings, deployment.clients
    states = clients.of("stepfunctions", settings.region)
    backup = clients.of("backup", settings.region)
    for job_id in missed_tests(backup, deployment.records, settings.deployment, now):
        with failures.collecting(f"restore job {job_id}"):
            if start_missed(states, settings.restore_test, job_id):
                result["started_tests"].append(job_id)


def _without_drilled(deployment: Deployment, session: RestoreSession) -> bool:
    """Remove the file system of a stopped drill; return whether the session can be closed.

    A file system without the tags of the drill cannot be removed. Its session is closed with a reason that
    names it.
    """
    if session.kind != "drill" or not session.created or session.is_removed:
        return True
    efs = deployment.clients.of("efs", deployment.settings.region)
    try:
        is_removed = all(remove_file_system(efs, created) for created in session.created)
    except ClientError as error:
        if not is_denied(error):
            raise
        return True
    if is_removed:
        record_removed(deployment.records, session.restore_id)
    return is_removed


def _sweep_workers(
    deployment: Deployment, _now: datetime, result: Result, failures: Failures, alive: set[str]
) -> None:
    """Remove the workers and task definitions of indexes and restores that are not in progress."""
    for place in deployment.sites.all("sweep"):
        with failures.collecting(f"account {place.account} in {place.region}"):
            _sweep_workers_at(place, deployment, result, failures, alive)


def _sweep_workers_at(
    place: Place, deployment: Deployment, result: Result, failures: Failures, alive: set[str]
) -> None:
    settings, clients = place.settings, place.clients
    ecs = clients.of("ecs", settings.region)
    for purpose in (INDEXING, PLACING):
        for worker in find_workers(clients, settings, purpose=purpose):
            with failures.collecting(f"worker {worker.worker_id}"):
                if _is_over(deployment, place, purpose, worker.run_id, alive):
                    remove_worker(clients, settings, worker, "its session is over")
                    result["workers"].append(worker.worker_id)
        for arn, run_id in registered_task_definitions(ecs, settings, purpose):
            with failures.collecting(f"task definition {arn}"):
                if _is_over(deployment, place, purpose, run_id, alive):
                    deregister_task_definition(ecs, arn)
                    result["task_definitions"].append(arn)


def _is_over(deployment: Deployment, place: Place, purpose: Purpose, run_id: str, alive: set[str]) -> bool:
    """Return whether a run is not in progress. The lists are eventually consistent, so the record decides."""
    if run_id in alive:
        return False
    if purpose is INDEXING:
        is_over = _index_is_over(deployment, place, run_id)
    else:
        is_over = _restore_is_over(deployment, run_id)
    if not is_over:
        return False
    logger.info("removed the leftovers of %s %s", purpose.name, run_id)
    return True


def _index_is_over(deployment: Deployment, place: Place, index_id: str) -> bool:
    file_system = place.file_system(index_id.rsplit("-", 2)[0])
    index = read_index(deployment.records, file_system, index_id)
    return index is None or index.ended_at is not None


def _restore_is_over(deployment: Deployment, restore_id: str) -> bool:
    try:
        return read_restore(deployment.records, restore_id).status is not SessionStatus.RUNNING
    except RestoreNotFound:
        return True


def _last_renewed(lease: Lease) -> datetime:
    return lease.expires_at - LEASE_DURATION
