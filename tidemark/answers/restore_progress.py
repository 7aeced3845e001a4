"""The progress of a restore session, from its record and the worker's progress file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from tidemark.answers.connection import Connection
from tidemark.answers.restore_test_progress import steps_of_test
from tidemark.answers.session_progress import State, Step
from tidemark.answers.text import count, duration, visible
from tidemark.index.storage.object_store import ObjectMissing
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import read_restore, turn_holder
from tidemark.sessions.session import SessionStatus

# The worker's totals that people see, in this order, with the words for one and for several.
_TOTALS = {
    **{name: (name, name) for name in ("placed", "merged", "renamed", "replaced", "skipped")},
    "conflict": ("conflict", "conflicts"),
    "failed": ("failed", "failed"),
    "differences": ("difference", "differences"),
    "changed_since_backup": ("changed since the backup", "changed since the backup"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreView:
    """A snapshot of a restore session."""

    session: RestoreSession
    progress: Mapping[str, Any] | None  # the worker's progress.json
    holder: str | None = None  # the id of the restore session that this one waits for

    @property
    def ended(self) -> bool:
        """Whether the session has been closed."""
        return self.session.status is not SessionStatus.RUNNING


def restore_view(connection: Connection, restore_id: str) -> RestoreView:
    """Return the current state of a restore session; raise RestoreNotFound."""
    session = read_restore(connection.records, restore_id)
    progress, holder = None, None
    if session.phase == "turn" and session.status is SessionStatus.RUNNING:
        holder = turn_holder(connection.records, session)
    if session.phase in ("placing", "verifying"):
        try:
            key = f"restores/{session.file_system}/{restore_id}/results/progress.json"
            progress = cast(Mapping[str, Any], json.loads(connection.repository.get(key)))
        except (ObjectMissing, ValueError):
            progress = None  # before the worker's first heartbeat
    return RestoreView(session=session, progress=progress, holder=holder)


def restore_steps(view: RestoreView, now: datetime) -> list[Step]:
    """Return the steps of a restore session in their order."""
    session = view.session
    took = duration((session.ended_at or now) - session.started_at)
    if session.test is not None:
        return steps_of_test(session, session.test, view.progress, took)
    if session.phase == "turn" and not view.ended:
        waiting = "one restore of a file system runs at a time"
        if view.holder is not None:
            waiting += f"; waits for {visible(view.holder)}"
        return [Step(name="turn", state=State.RUNNING, detail=f"{waiting}, {took} so far")]
    return [_jobs_step(view, took), _placing_step(view)]


def _jobs_step(view: RestoreView, took: str) -> Step:
    jobs = view.session.jobs
    done = sum(job.is_done for job in jobs)
    failed = [job for job in jobs if not (job.is_done or job.is_running)]
    running = next((job for job in jobs if job.is_running), None)
    if running is not None and not view.ended:
        # AWS's examples are `0.00%`; its models do not define the text.
        percent = f", {visible(running.percent.rstrip(' %'))} %" if running.percent else ""
        text = f"AWS Backup is running job {len(jobs)}{percent}, {took} so far"
        return Step(name="restore", state=State.RUNNING, detail=text)
    if not jobs:
        state = State.FAILED if view.ended else State.RUNNING
        return Step(name="restore", state=state, detail="no restore job" if view.ended else "starting")
    text = count(done, "restore job")
    text += f", {len(failed)} failed: {visible(failed[0].message)}" if failed else ""
    state = State.DONE if done else State.FAILED
    if view.session.phase == "jobs" and not view.ended:
        state, text = State.RUNNING, f"{text} so far"
    return Step(name="restore", state=state, detail=text)


def _placing_step(view: RestoreView) -> Step:
    totals = view.session.totals or (view.progress or {}).get("totals", {})
    counts = ", ".join(count(totals[name], *words) for name, words in _TOTALS.items() if totals.get(name))
    if view.ended:
        placed = bool(view.session.totals)
        return Step(
            name="place", state=State.DONE if placed else State.FAILED, detail=counts or "nothing was placed"
        )
    if view.session.phase != "placing":
        return Step(name="place", state=State.WAITING, detail="after the restore jobs")
    return Step(name="place", state=State.RUNNING, detail=counts or "the worker is starting")
