"""How a session ended: its status and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidemark.sessions.indexing import LONGEST_REASON, Index, IndexStatus
from tidemark.sessions.session import Session, SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A session's final status, with a reason for every deviation from the policy."""

    status: SessionStatus
    reasons: tuple[str, ...]


def decide_outcome(
    session: Session, index: Index | None, *, failure: str | None, problems: Sequence[str]
) -> Outcome:
    """Return how the session ended. A missing index always has a reason (I3).

    `failure` is the error that stopped the session, `problems` are those of its copies and its index step;
    `index` is the current record of the session's index.
    """
    reasons = [*problems] if failure is None else [failure, *problems]
    reasons += _issues(session)
    if session.index_wanted and failure is None:
        missing = _why_no_index(session, index)
        if missing is not None:
            reasons.append(missing)
    if not any(point.kind == "backup" for point in session.points):
        return Outcome(
            status=SessionStatus.FAILED, reasons=_bounded(reasons) or ("no recovery point was made",)
        )
    return Outcome(
        status=SessionStatus.WARNING if reasons else SessionStatus.SUCCESS, reasons=_bounded(reasons)
    )


def with_problem(outcome: Outcome, problem: str) -> Outcome:
    """Return the outcome with an additional reason, which turns a success into a warning."""
    warning = outcome.status is SessionStatus.SUCCESS
    return Outcome(
        status=SessionStatus.WARNING if warning else outcome.status,
        reasons=_bounded([*outcome.reasons, problem]),
    )


def decide_stopped_outcome(session: Session, index: Index | None, *, why: str) -> Outcome:
    """Return how a session ended whose execution was stopped: `why`, and the states of its jobs.

    Recovery points of completed jobs are among the session's points; `index` is as in `decide_outcome`.
    """
    made = {point.job_id for point in session.points}
    reasons = [why]
    for job in session.jobs:
        if job.is_running:
            reasons.append(
                f"the {job.kind} job to {job.vault} in {job.region} continues in AWS Backup ({job.state}): "
                f"{job.job_id}; its result will be recorded here"
            )
        elif job.job_id not in made:
            reasons.append(f"the {job.kind} job to {job.vault} in {job.region} ended {job.end}")
    reasons += _issues(session)
    if not session.jobs and not session.points:
        reasons.append("it has no recorded backup job")
    missing = _why_no_index(session, index) if session.index_wanted and session.points else None
    if missing is not None:
        reasons.append(missing)
    return Outcome(status=SessionStatus.ABORTED, reasons=_bounded(reasons))


def _bounded(reasons: Sequence[str]) -> tuple[str, ...]:
    """Return the reasons shortened to fit into a record: a step's message may have 32,768 characters."""
    return tuple(
        reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..." for reason in reasons
    )


def _issues(session: Session) -> list[str]:
    issues = [
        f"the {point.kind} in {point.region} has issues: {point.issues}"
        for point in session.points
        if point.issues
    ]
    untagged = [
        f"the {point.kind} in {point.region} has an index, but its tags do not name the index: "
        f"{point.tag_problem}"
        for point in session.points
        if point.tag_problem
    ]
    earlier = [
        f"the {point.kind} in {point.region} of {point.completed_at:%Y-%m-%d %H:%M} was made before the "
        f"redrive; the index of this attempt does not describe it"
        for point in session.earlier_points
    ]
    return issues + untagged + earlier


def _why_no_index(session: Session, index: Index | None) -> str | None:
    if session.index_id is None:
        return "not indexed: no index was assigned to the session; run the policy again"
    if index is None:
        return f"not indexed: index {session.index_id} has no record; run the policy again"
    if index.status is IndexStatus.FAILED:
        return f"not indexed: index {index.index_id} failed: {index.reason}"
    if index.status is IndexStatus.REMOVING:
        return f"not indexed: index {index.index_id} was removed by retention; run the policy again"
    if index.status is IndexStatus.RUNNING:
        return f"not indexed yet: index {index.index_id} is in progress and will be associated when complete"
    return None
