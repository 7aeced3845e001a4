"""Watch a restore session until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tidemark.answers.connection import Connection
from tidemark.answers.restore_planning import restore_execution
from tidemark.answers.restore_progress import RestoreView, restore_steps, restore_view
from tidemark.answers.session_progress import State, line
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.session_progress import STATUS_STYLES, StepsTable
from tidemark.errors import RestoreNotFound

INTERVAL_SECONDS = 2.0


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
        execution = restore_execution(connection, restore_id)
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
