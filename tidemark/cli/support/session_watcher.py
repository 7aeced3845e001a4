"""Watch sessions until they end: live on a terminal, otherwise with a line for each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tidemark.answers.connection import Connection
from tidemark.answers.session_progress import State, View, line, steps
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.session_progress import STATUS_STYLES, StepsTable
from tidemark.errors import SessionNotFound
from tidemark.policy.policy import Policy

# Workers write progress once a minute and backups take minutes. Two seconds look live and cost little.
INTERVAL_SECONDS = 2.0


class SessionWatcher:
    """Polls sessions and renders them until all have ended."""

    def __init__(self, connection: Connection, sessions: Sequence[tuple[str, Policy | None]]) -> None:
        self._connection = connection
        self._policies = dict(sessions)
        self._views: dict[str, View] = {}
        self._tables = {session_id: StepsTable() for session_id in self._policies}

    def look(self) -> None:
        """Read the sessions again that have not ended."""
        for session_id, policy in self._policies.items():
            seen = self._views.get(session_id)
            if seen is not None and seen.ended:
                continue
            try:
                self._views[session_id] = self._connection.view(session_id, policy)
            except SessionNotFound:
                continue  # its execution has not opened it yet

    @property
    def views(self) -> list[View]:
        """The last snapshot of each session that has been opened."""
        return list(self._views.values())

    @property
    def ended(self) -> bool:
        """Whether every session has been opened and closed."""
        return len(self._views) == len(self._policies) and all(view.ended for view in self.views)

    def __rich__(self) -> RenderableType:
        """Render all sessions; rich calls this for each frame."""
        now = utc_now()
        shown: list[RenderableType] = []
        for session_id, table in self._tables.items():
            view = self._views.get(session_id)
            shown.append(_heading(session_id, view))
            if view is not None:
                shown.append(table.render(steps(view, now)))
        return Group(*shown)

    def changes(self, reported: set[tuple[str, str, str]]) -> Iterator[str]:
        """Return a line for each step in a state that is not in `reported`, and add it there."""
        now = utc_now()
        for view in self.views:
            session = view.session
            # Several sessions are distinguished by the time at the end of their names; one needs no prefix.
            whose = f"{session.session_id.rpartition('-')[2]}  " if len(self._policies) > 1 else ""
            lines = {
                (step.name, step.state.value): line(step)
                for step in steps(view, now)
                if step.state is not State.WAITING
            }
            if view.ended:
                took = terminal.duration((session.ended_at or now) - session.opened_at)
                lines["session", session.status.value] = f"session: {session.status.value}, after {took}"
            for key, text in lines.items():
                if (session.session_id, *key) not in reported:
                    reported.add((session.session_id, *key))
                    yield f"{terminal.clock(now)}  {whose}{text}"


def follow(
    connection: Connection,
    sessions: Sequence[tuple[str, Policy | None]],
    *,
    interval: float = INTERVAL_SECONDS,
    until: Callable[[], bool] = lambda: False,
    to: Console | None = None,
) -> SessionWatcher:
    """Show sessions on standard error until all have ended or `until` returns true; return the watcher."""
    watcher = SessionWatcher(connection, sessions)
    out = to or terminal.console(stderr=True)
    if out.is_terminal:
        with Live(watcher, console=out, refresh_per_second=10):
            _watch(watcher, interval, until, lambda: None)
    else:
        reported: set[tuple[str, str, str]] = set()

        def show() -> None:
            for text in watcher.changes(reported):
                out.print(text, soft_wrap=True)

        _watch(watcher, interval, until, show)
    return watcher


def _watch(
    watcher: SessionWatcher, interval: float, until: Callable[[], bool], show: Callable[[], object]
) -> None:
    while True:
        stop = until()  # called before the read, so that the last snapshot is newer
        watcher.look()
        show()
        if watcher.ended or stop:
            return
        time.sleep(interval)


def _heading(session_id: str, view: View | None) -> Text:
    if view is None:
        return Text.assemble(session_id, ("  is being opened", terminal.QUIET))
    session = view.session
    took = terminal.duration((session.ended_at or utc_now()) - session.opened_at)
    return Text.assemble(
        (session_id, terminal.STRONG),
        "  ",
        (session.status.value, STATUS_STYLES[session.status]),
        (f", {took}", terminal.QUIET),
    )
