"""The progress of a session, derived from its records and the progress of its index.

The records contain the completed steps; the running steps follow from the order of the steps. So this module
makes no request to AWS Backup, and a poll of a session costs two or three small reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidemark.answers.text import count, duration, size, visible
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.session import Job, Point, Session, SessionStatus

_NEARLY = timedelta(seconds=5)


class State(StrEnum):
    """The state of a step."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # its job continues in AWS Backup without the execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a session."""

    name: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot of a session."""

    session: Session
    policy: Policy | None  # None when it is no longer deployed
    index: Index | None
    owner: str | None  # the session that launched the index's worker, if known
    progress: Mapping[str, float | int | str | None] | None  # the worker's progress.json
    execution_ended: str | None = None  # how the execution ended if the record is still running

    @property
    def ended(self) -> bool:
        """Whether the session has been closed."""
        return self.session.status is not SessionStatus.RUNNING

    @property
    def stopped(self) -> bool:
        """Whether the execution was stopped from outside, so that its jobs continue without it."""
        return self.session.status is SessionStatus.ABORTED or self.execution_ended is not None

    @property
    def shared(self) -> bool:
        """Whether another session's worker makes the index."""
        return self.owner is not None and self.owner != self.session.session_id


def steps(view: View, now: datetime) -> list[Step]:
    """Return the steps of a session in their order."""
    session = view.session
    backup = next((point for point in session.points if point.kind == "backup"), None)
    since = duration((session.ended_at or now) - session.opened_at)
    found = [_backup(backup, view, since=since)]
    copies = [point for point in session.points if point.kind == "copy"]
    for target in view.policy.copies if view.policy else ():
        made = next((point for point in copies if _is_of(point, target)), None)
        jobs = [job for job in session.jobs if job.kind == "copy" and _is_of(job, target)]
        found.append(_copy(made, target.region, view, jobs, backed_up=backup is not None))
        copies = [point for point in copies if point is not made]
    found += [_copy(point, point.region, view, [], backed_up=True) for point in copies]
    if session.index_wanted:
        found.append(_index(view, now, backed_up=backup is not None))
    return found


def _is_of(made: Point | Job, target: CopyTarget) -> bool:
    return (
        made.region == target.region and made.vault == target.vault and target.account in (None, made.account)
    )


def _backup(point: Point | None, view: View, *, since: str) -> Step:
    if point is not None:
        return Step(name="backup", state=State.DONE, detail=_where(point))
    if view.stopped:
        return _left_alone("backup", view, [job for job in view.session.jobs if job.kind == "backup"])
    if view.ended:
        return Step(name="backup", state=State.FAILED, detail="no recovery point")
    return Step(name="backup", state=State.RUNNING, detail=f"AWS Backup is running the job, {since} so far")


def _copy(point: Point | None, region: str, view: View, jobs: Sequence[Job], *, backed_up: bool) -> Step:
    name = f"copy to {region}"
    if point is not None:
        return Step(name=name, state=State.DONE, detail=_where(point))
    if view.stopped and backed_up:
        return _left_alone(name, view, jobs)
    if view.ended or view.stopped:
        return Step(name=name, state=State.FAILED, detail="no copy")
    if backed_up:
        return Step(name=name, state=State.RUNNING, detail="AWS Backup is running the job")
    return Step(name=name, state=State.WAITING, detail="after the backup")


def _left_alone(name: str, view: View, jobs: Sequence[Job]) -> Step:
    """Return a step, without a point, of a stopped session, whose jobs continue without the execution."""
    look = f"see: tidemark recovery-points {view.session.file_system.file_system_id}"
    if not jobs:
        if view.session.jobs:
            return Step(name=name, state=State.FAILED, detail="not started")
        # Earlier versions recorded no jobs.
        return Step(name=name, state=State.UNKNOWN, detail=f"AWS Backup may hold it; {look}")
    job = jobs[-1]
    if job.is_running:
        left = f"left to AWS Backup, {job.state} at the last poll, job {job.job_id}; {look}"
        return Step(name=name, state=State.UNKNOWN, detail=visible(left))
    return Step(name=name, state=State.FAILED, detail=visible(job.end))


def _where(point: Point) -> str:
    return f"{size(point.size_bytes)} in vault {point.vault}"


def _index(view: View, now: datetime, *, backed_up: bool) -> Step:
    index = view.index
    if index is None:
        if view.ended or view.stopped:
            return Step(name="index", state=State.FAILED, detail="no index")
        detail = "a worker is being started" if backed_up else "after the backup"
        return Step(name="index", state=State.RUNNING if backed_up else State.WAITING, detail=detail)
    if index.status is IndexStatus.FAILED:
        return Step(name="index", state=State.FAILED, detail=visible(index.reason or "failed"))
    if index.status is IndexStatus.COMPLETE:
        return Step(name="index", state=State.DONE, detail=_totals(index, view))
    if index.status is IndexStatus.REMOVING:
        return Step(name="index", state=State.FAILED, detail="removed by retention")
    return Step(name="index", state=State.RUNNING, detail=_working(view, now))


def _totals(index: Index, view: View) -> str:
    files, directories = int(index.totals.get("files", 0)), int(index.totals.get("directories", 0))
    text = f"{count(files, 'file')}, {count(directories, 'directory', 'directories')}"
    unreadable = int(index.totals.get("unreadable", 0))
    if unreadable:
        text += f", {unreadable:,} unreadable"
    unmatched = int(index.totals.get("unmatched", 0))
    if unmatched:
        text += f", {count(unmatched, 'pattern')} of exclude matched nothing"
    others = len(index.sessions - {view.session.session_id})
    return text + (f"; shared with {count(others, 'other session')}" if others else "")


def _working(view: View, now: datetime) -> str:
    whose = f"made by session {view.owner}; shared" if view.shared else None
    if view.progress is None:
        return whose or "the worker is starting"
    progress = view.progress
    entries, rate = int(progress["entries"] or 0), float(progress["entries_per_second"] or 0)
    queued = int(progress["directories_queued"] or 0)
    doing = (
        "being sorted and written"
        if progress.get("phase") == "writing"
        else f"{rate:,.0f}/s, {count(queued, 'directory', 'directories')} to go"
    )
    text = f"{count(entries, 'entry', 'entries')}, {doing}{_left(progress, now)}"
    return f"{text}; shared" if whose else text


def _left(progress: Mapping[str, float | int | str | None], now: datetime) -> str:
    """Return the remaining time of the worker, if it has a previous index to estimate from."""
    seconds, at = progress.get("seconds_left"), progress.get("updated_at")
    if seconds is None or at is None:
        return ""
    left = timedelta(seconds=float(seconds)) - (now - datetime.fromisoformat(str(at)))
    return f", about {duration(left)} left" if left >= _NEARLY else ", nearly done"


def line(step: Step) -> str:
    """Return a step as one line, for outputs that cannot be redrawn."""
    return f"{step.name}: {step.state}, {step.detail}"
