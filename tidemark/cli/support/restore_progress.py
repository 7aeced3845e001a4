"""The progress of a restore session, from its record and the worker's progress file; and how to watch it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.connection import Connection
from tidemark.cli.support.restore_test_progress import steps_of_test
from tidemark.cli.support.session_progress import STATUS_STYLES, State, Step, StepsTable, line
from tidemark.errors import RestoreNotFound
from tidemark.index.storage.object_store import ObjectMissing
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import read_restore, turn_holder
from tidemark.sessions.session import SessionStatus

INTERVAL_SECONDS = 2.0
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
    took = terminal.duration((session.ended_at or now) - session.started_at)
    if session.test is not None:
        return steps_of_test(session, session.test, view.progress, took)
    if session.phase == "turn" and not view.ended:
        waiting = "one restore of a file system runs at a time"
        if view.holder is not None:
            waiting += f"; waits for {terminal.printable(view.holder)}"
        return [Step(name="turn", state=State.RUNNING, detail=f"{waiting}, {took} so far")]
    return [_jobs_step(view, took), _placing_step(view)]


def _jobs_step(view: RestoreView, took: str) -> Step:
    jobs = view.session.jobs
    done = sum(job.is_done for job in jobs)
    failed = [job for job in jobs if not (job.is_done or job.is_running)]
    running = next((job for job in jobs if job.is_running), None)
    if running is not None and not view.ended:
        # AWS's examples are `0.00%`; its models do not define the text.
        percent = f", {terminal.printable(running.percent.rstrip(' %'))} %" if running.percent else ""
        text = f"AWS Backup is running job {len(jobs)}{percent}, {took} so far"
        return Step(name="restore", state=State.RUNNING, detail=text)
    if not jobs:
        state = State.FAILED if view.ended else State.RUNNING
        return Step(name="restore", state=state, detail="no restore job" if view.ended else "starting")
    text = terminal.count(done, "restore job")
    text += f", {len(failed)} failed: {terminal.printable(failed[0].message)}" if failed else ""
    state = State.DONE if done else State.FAILED
    if view.session.phase == "jobs" and not view.ended:
        state, text = State.RUNNING, f"{text} so far"
    return Step(name="restore", state=state, detail=text)


def _placing_step(view: RestoreView) -> Step:
    totals = view.session.totals or (view.progress or {}).get("totals", {})
    counts = ", ".join(
        terminal.count(totals[name], *words) for name, words in _TOTALS.items() if totals.get(name)
    )
    if view.ended:
        placed = bool(view.session.totals)
        return Step(
            name="place", state=State.DONE if placed else State.FAILED, detail=counts or "nothing was placed"
        )
    if view.session.phase != "placing":
        return Step(name="place", state=State.WAITING, detail="after the restore jobs")
    return Step(name="place", state=State.RUNNING, detail=counts or "the worker is starting")


class RestoreWatcher:
    """Polls a restore session and renders it."""

    def __init__(self, connection: Connection, restore_id: str) -> None:
        self._connection, self.restore_id = connection, restore_id
        self.view: RestoreView | None = None
        self._table = StepsTable()

    def look(self) -> None:
        """Read the session again; without effect while it has no record."""
        try:
            self.view = restore_view(self._connection, self.restore_id)
        except RestoreNotFound:
            return

    def __rich__(self) -> RenderableType:
        """Render the session; rich calls this for each frame."""
        now = utc_now()
        if self.view is None:
            return Text.assemble((self.restore_id, terminal.STRONG), ("  starting", terminal.QUIET))
        session = self.view.session
        heading = Text.assemble(
            (self.restore_id, terminal.STRONG), "  ", (session.status.value, STATUS_STYLES[session.status])
        )
        return Group(heading, self._table.render(restore_steps(self.view, now)))

    def changes(self, reported: set[str]) -> Iterator[str]:
        """Return a line for each step in a state that is not in `reported`, and add it there."""
        if self.view is None:
            return
        now, session = utc_now(), self.view.session
        lines = {
            f"{step.name} {step.state}": line(step)
            for step in restore_steps(self.view, now)
            if step.state is not State.WAITING
        }
        if self.view.ended:
            took = terminal.duration((session.ended_at or now) - session.started_at)
            lines[f"session {session.status}"] = f"restore session: {session.status.value}, after {took}"
        for key, text in lines.items():
            if key not in reported:
                reported.add(key)
                yield f"{terminal.clock(now)}  {text}"


def watch_restore(
    connection: Connection,
    restore_id: str,
    *,
    to: Console | None = None,
    interval: float = INTERVAL_SECONDS,
) -> RestoreView | None:
    """Show a restore session on standard error until it or its execution has ended; return the last view."""
    watcher, out, reported = (
        RestoreWatcher(connection, restore_id),
        to or terminal.console(stderr=True),
        set[str](),
    )
    states = connection.clients.of("stepfunctions", connection.resources.region)

    def poll() -> bool:
        # Asked before the record is read, because an execution closes its session before it ends.
        execution = executions.execution_arn(connection.resources.restore_session, restore_id)
        if watcher.view is not None:
            execution = watcher.view.session.execution_arn  # of a restore test, it has another name
        over = executions.ended_as(states, execution) is not None
        watcher.look()
        return over or (watcher.view is not None and watcher.view.ended)

    if out.is_terminal:
        with Live(watcher, console=out, refresh_per_second=10):
            while not poll():
                time.sleep(interval)
        return watcher.view
    while True:
        over = poll()
        for text in watcher.changes(reported):
            out.print(text)
        if over:
            return watcher.view
        time.sleep(interval)
