"""Render the progress of a session for a terminal."""

from __future__ import annotations

from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tidemark.answers.session_progress import State, Step
from tidemark.cli.output.encoding import sign
from tidemark.cli.output.terminal import BAD, CAREFUL, GOOD, QUIET, spinner
from tidemark.sessions.session import SessionStatus

_MARKS = {
    State.WAITING: ("·", ".", QUIET),
    State.DONE: ("✓", "+", GOOD),
    State.FAILED: ("✗", "x", BAD),
    State.UNKNOWN: ("?", "?", CAREFUL),
}
_STYLES = {
    State.WAITING: QUIET,
    State.RUNNING: "",
    State.DONE: "",
    State.FAILED: BAD,
    State.UNKNOWN: CAREFUL,
}

STATUS_STYLES = {
    SessionStatus.RUNNING: "cyan",
    SessionStatus.SUCCESS: GOOD,
    SessionStatus.WARNING: CAREFUL,
    SessionStatus.FAILED: BAD,
    SessionStatus.ABORTED: BAD,
}


def _mark(state: State) -> Text:
    preferred, plain, style = _MARKS[state]
    return Text(sign(preferred, plain), style)


class StepsTable:
    """Renders steps as a table with marks. A live display needs one object, so that its spinners turn."""

    def __init__(self) -> None:
        self._spinner = Spinner(spinner(), style="cyan")

    def render(self, found: list[Step]) -> Table:
        """Return the table for the current steps."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for step in found:
            mark = self._spinner if step.state is State.RUNNING else _mark(step.state)
            style = _STYLES[step.state]
            table.add_row(mark, Text(step.name, style), Text(step.detail, style or QUIET))
        return table
