"""How a restore session ended: its status and the reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from tidemark.sessions.indexing import LONGEST_REASON
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.session import SessionStatus

# The worker's totals that are deviations from the plan: the counted thing, its plural, and the reason.
_DEVIATIONS = {
    "conflict": ("item", "items", "not placed, because something was in the way"),
    "failed": ("item", "items", "could not be placed"),
    "differences": (
        "difference",
        "differences",
        "between the placed files and the index of the recovery point",
    ),
    "not_compared": ("restore job", "restore jobs", "not compared, because the index cannot be read"),
    "left_directories": (
        "directory",
        "directories",
        "left in the root of the file system, with the items that were not placed",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOutcome:
    """A restore session's final status, with a reason for every deviation from the plan."""

    status: SessionStatus
    reasons: tuple[str, ...]

    def with_problem(self, problem: str) -> Self:
        """Return the outcome with an additional reason, which turns a success into a warning."""
        success = self.status is SessionStatus.SUCCESS
        return dataclasses.replace(
            self,
            status=SessionStatus.WARNING if success else self.status,
            reasons=(*self.reasons, problem[:LONGEST_REASON]),
        )


def decide_restore_outcome(
    session: RestoreSession, totals: Mapping[str, int], *, failure: str | None
) -> RestoreOutcome:
    """Return how the session ended.

    `failure` is the error that stopped it, `totals` are those of its worker, empty if no worker has answered.
    A session that has placed nothing has failed, and so has a drill that shows that its backup does not
    restore as indexed.
    """
    reasons = tuple(reason[:LONGEST_REASON] for reason in _reasons(session, totals, failure))
    in_place = sum(totals.get(name, 0) for name in ("placed", "merged", "renamed", "replaced", "skipped"))
    is_refuted = session.kind == "drill" and any(
        [*(totals.get(name, 0) for name in _DEVIATIONS), *failed_jobs(session)]
    )
    if failure is not None or not in_place or is_refuted:
        reasons = (*(reasons or ("nothing was restored",)), *_kept(session))
        return RestoreOutcome(status=SessionStatus.FAILED, reasons=reasons)
    return RestoreOutcome(status=SessionStatus.WARNING if reasons else SessionStatus.SUCCESS, reasons=reasons)


def decide_stopped_restore(session: RestoreSession, why: str) -> RestoreOutcome:
    """Return how a session ended whose execution was stopped from outside: `why`, and what remains."""
    reasons = [why, *(_continues(job) for job in session.jobs if job.is_running)]
    if any(job.is_done for job in session.jobs):
        reasons.append(
            "what was restored and not placed is in a directory aws-backup-restore_* in the root of the file "
            "system"
        )
    reasons += _kept(session)
    return RestoreOutcome(status=SessionStatus.ABORTED, reasons=tuple(reasons))


def _reasons(session: RestoreSession, totals: Mapping[str, int], failure: str | None) -> Iterator[str]:
    if failure is not None:
        yield failure
    yield from (_continues(job) for job in session.jobs if job.is_running)
    for job in failed_jobs(session):
        yield f"restore job {job.job_id} ended {job.state}: {job.message or 'AWS Backup gave no reason'}"
    for name, (one, several, text) in _DEVIATIONS.items():
        if number := totals.get(name, 0):
            yield f"{number:,} {one if number == 1 else several} {text}"
    for part, problem in sorted(session.problems.items()):
        yield f"the {part} of the new file system {session.target} could not be set: {problem}"


def failed_jobs(session: RestoreSession) -> list[RestoreJob]:
    """Return the jobs that have failed, and whose requests no later job has."""
    return [
        job
        for number, job in enumerate(session.jobs)
        if not (job.is_done or job.is_running)
        and not any(
            later.point == job.point and later.first < job.end and job.first < later.end
            for later in session.jobs[number + 1 :]
        )
    ]


def _kept(session: RestoreSession) -> Iterator[str]:
    """Yield the new file systems of a session that has not succeeded; only those of drills are deleted."""
    for created in () if session.is_removed else session.created:
        yield (
            f"the new file system {created} is kept, and AWS bills it; it may lack settings such as its "
            f"policy; if you do not need it, delete its mount targets, and then the file system with: "
            f"aws efs delete-file-system --file-system-id {created}"
        )


def _continues(job: RestoreJob) -> str:
    return (
        f"restore job {job.job_id} continues in AWS Backup, which cannot stop it; its files will be in a "
        f"directory aws-backup-restore_* in the root of the file system"
    )
