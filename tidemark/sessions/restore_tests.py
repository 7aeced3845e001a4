"""Restore tests in the records: one for each restore job, whose event may arrive several times."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from tidemark.errors import RestoreNotFound
from tidemark.sessions.indexing import LONGEST_REASON
from tidemark.sessions.restore_outcome import RestoreOutcome
from tidemark.sessions.restore_session import RUNNING_MARK, Phase, RestoreSession
from tidemark.sessions.restore_test import Answer, RestoreTest
from tidemark.sessions.restores import read_restore
from tidemark.sessions.schema import RESTORES
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.transactions import (
    ConditionNotMet,
    Put,
    Store,
    Update,
    absent,
    equal,
)

# The worker's totals that are losses: the counted thing, its plural, and the fact.
_LOSSES = {
    "missing": ("path", "paths", "missing"),
    "different": ("path", "paths", "different from the index"),
    "extra": ("path", "paths", "not in the index"),
    "unreadable": ("path", "paths", "that cannot be read"),
}
_OTHERS = {
    "changed_since_backup": ("path", "paths", "changed between the backup and the index"),
    "not_compared": ("path", "paths", "not compared, because the index could not read them"),
}

_NO_INDEX = (
    "the recovery point has no complete index to compare it with; see the reasons of its session: "
    "tidemark sessions"
)


def id_of_test(restore_job_id: str) -> str:
    """Return the id of the session that verifies a restore job."""
    return f"test-{restore_job_id}"


def open_test(store: Store, session: RestoreSession) -> RestoreSession | None:
    """Record the session of a restore test and return it; None if another execution verifies the job.

    An execution takes the job over from one that has ended without an answer. A repeated call returns the
    recorded session.
    """
    while True:
        try:
            store.transact(Put(table=RESTORES, item=session.to_item(), conditions=(absent("restore_id"),)))
        except ConditionNotMet:
            pass
        else:
            return session
        try:
            recorded = read_restore(store, session.restore_id)
        except RestoreNotFound:
            continue
        if recorded.execution_arn == session.execution_arn:
            return recorded
        if recorded.status is SessionStatus.RUNNING or (recorded.test and recorded.test.answer):
            return None
        unchanged = (
            equal("execution_arn", recorded.execution_arn),
            equal("status", recorded.status.value),
        )
        try:
            store.transact(Put(table=RESTORES, item=session.to_item(), conditions=unchanged))
        except ConditionNotMet:
            continue
        return session


def enter_test_phase(store: Store, session: RestoreSession, phase: Phase) -> RestoreSession:
    """Record what the session waits for, and return it.

    A session that the sweeper has closed is opened again: a redrive resumes its execution. Raises
    ConditionNotMet if another execution verifies the job by now.
    """
    store.transact(
        Update(
            table=RESTORES,
            key={"restore_id": session.restore_id},
            conditions=(equal("execution_arn", session.execution_arn),),
            set={"phase": phase, "status": SessionStatus.RUNNING.value, "running": RUNNING_MARK},
            remove=("ended_at",),
        )
    )
    return read_restore(store, session.restore_id)


def record_answer(store: Store, session: RestoreSession, answer: Answer) -> None:
    """Record the verdict that AWS Backup has accepted."""
    test = point_of(session)
    store.transact(
        Update(
            table=RESTORES,
            key={"restore_id": session.restore_id},
            conditions=(equal("execution_arn", session.execution_arn),),
            set={"test": dataclasses.replace(test, answer=answer).to_map()},
        )
    )


def point_of(session: RestoreSession) -> RestoreTest:
    """Return what the session of a restore test verifies; raise RestoreNotFound for another session."""
    if session.test is None:
        raise RestoreNotFound(session.restore_id)
    return session.test


def decide_test_outcome(
    session: RestoreSession, totals: Mapping[str, int], *, failure: str | None
) -> tuple[RestoreOutcome, Answer]:
    """Return how a restore test ended, and the answer to AWS Backup.

    Without an answer, the test can be redriven until AWS Backup deletes the file system: something other than
    the backup has failed.
    """
    job = session.jobs[0]
    if not job.is_done:
        reason = (
            f"restore job {job.job_id} ended {job.state}: {job.message or 'AWS Backup gave no reason'}; see "
            f"AWS Backup, Restore testing, for the plan and its role"
        )
        return RestoreOutcome(status=SessionStatus.FAILED, reasons=(reason[:LONGEST_REASON],)), ""
    if failure is not None:
        remains = (
            f"the file system {session.target} was not verified; redrive the execution before AWS Backup "
            f"deletes it at the end of the validation window"
        )
        reasons = (failure[:LONGEST_REASON], remains)
        return RestoreOutcome(status=SessionStatus.FAILED, reasons=reasons), ""
    if not point_of(session).index_id:
        return RestoreOutcome(status=SessionStatus.FAILED, reasons=(_NO_INDEX,)), "FAILED"
    losses = tuple(_counted(totals, _LOSSES))
    others = tuple(_counted(totals, _OTHERS))
    if losses:
        return RestoreOutcome(status=SessionStatus.FAILED, reasons=(*losses, *others)), "FAILED"
    # A change after the backup is no defect, so it is only a total.
    return RestoreOutcome(status=SessionStatus.SUCCESS, reasons=()), "SUCCESSFUL"


def validation_message(session: RestoreSession, outcome: RestoreOutcome, totals: Mapping[str, int]) -> str:
    """Return the text of the answer to AWS Backup."""
    compared = f"{totals.get('compared', 0):,} entries compared with index {point_of(session).index_id}"
    facts = outcome.reasons or (compared, *_counted(totals, _OTHERS))
    return f"Tidemark: {'; '.join(facts)}; details: tidemark restore-session {session.restore_id}"


def decide_stopped_test(session: RestoreSession, why: str) -> RestoreOutcome:
    """Return how a restore test ended whose execution was stopped from outside: `why`."""
    return RestoreOutcome(
        status=SessionStatus.ABORTED, reasons=(why, f"the file system {session.target} was not verified")
    )


def _counted(totals: Mapping[str, int], names: Mapping[str, tuple[str, str, str]]) -> Iterator[str]:
    for name, (one, several, fact) in names.items():
        if number := totals.get(name, 0):
            yield f"{number:,} {one if number == 1 else several} {fact}"
