"""tidemark restore-session"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.restore_progress import RestoreView, restore_steps, restore_view
from tidemark.answers.restore_results import HEADINGS, RestoreResults, restore_results
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import RESTORE_FIELDS, restore_json
from tidemark.cli.support.restore_progress import watch_restore
from tidemark.cli.support.session_progress import STATUS_STYLES, StepsTable
from tidemark.errors import RestoreNotFound
from tidemark.sessions.naming import is_session_id
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.sweep_schedule import SWEPT_WITHIN

_SHOWN = 20
HELP = f"""Show one restore session in full.

With --watch, shows its progress until it ends. Items that were not restored or not placed, and differences
between the placed files and the index, are listed with their reasons, and the directories that contain what
was not placed. Differences that the indexes prove to be changes since the backup are listed apart. A restore
test of AWS Backup also names the repository with the index of the restored point.

JSON: {RESTORE_FIELDS}; execution_ended (null, or how the execution of a session that is shown as running has
ended); problems[] with path, outcome, reason; differences[] with path, field, expected, found, verdict (loss,
changed-since-backup), evidence; left_directories[], names in the root of the file system;
exact_index_repository (null, or the URL for --repository).
"""


def restore_session(
    restore_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a restore, from: tidemark restores")],
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the restore ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if not is_session_id(restore_id):
        raise RestoreNotFound(terminal.printable(restore_id))
    connection = connect()
    client = connection.clients.of("stepfunctions", connection.resources.region)
    if watch:
        watch_restore(connection, restore_id)
    view = restore_view(connection, restore_id)
    ended = None if view.ended else executions.ended_as(client, view.session.execution_arn)
    results = restore_results(connection, view.session)
    if as_json:
        terminal.print_json(
            {
                **restore_json(view.session),
                "execution_ended": ended,
                **dataclasses.asdict(results),
            }
        )
        return
    _show(terminal.console(), view, ended, results)


def _show(out: Console, view: RestoreView, ended: str | None, results: RestoreResults) -> None:
    session, now = view.session, utc_now()
    system = session.file_system
    took = terminal.duration((session.ended_at or now) - session.started_at)
    terminal.print_facts(
        out,
        {
            "restore" if session.test is None else "restore test": Text(session.restore_id, terminal.STRONG),
            "status": Text(session.status.value, STATUS_STYLES[session.status]),
            "file system": f"{system.file_system_id} in {system.region}, account {system.account}",
            "new file system": _new_file_system(session),
            "recovery point": session.test.recovery_point_arn if session.test else None,
            "exact index": results.exact_index_repository,
            "started": f"{terminal.moment(session.started_at)} UTC",
            "ended": f"{terminal.moment(session.ended_at)} UTC, after {took}" if view.ended else None,
        },
    )
    out.print()
    out.print(StepsTable().render(restore_steps(view, now)))
    for reason in session.reasons:
        out.print(Text.assemble(("! ", terminal.CAREFUL), terminal.printable(reason)))
    if ended is not None:
        closed = terminal.duration(SWEPT_WITHIN)
        advice = f"redrive it, or restore again; it is closed within {closed}, and other restores wait"
        advice = (
            f"{advice} until then" if session.test is None else f"redrive it; it is closed within {closed}"
        )
        out.print(Text(f"! its execution is {ended}; {advice}", terminal.CAREFUL), soft_wrap=True)
    _list(out, "not placed", results.problem_lines())
    for heading, verdict in HEADINGS.items():
        _list(out, heading, results.difference_lines(verdict))
    _list(out, "left in the root, with what was not placed", results.left_paths())


def _new_file_system(session: RestoreSession) -> str | None:
    if not session.is_new:
        return None
    return f"{session.target or 'not created yet'}{', removed' if session.is_removed else ''}"


def _list(out: Console, heading: str, lines: list[str]) -> None:
    if lines:
        out.print()
        out.print(f"{heading}:")
    for text in lines[:_SHOWN]:
        out.print(f"  {terminal.printable(text)}", soft_wrap=True)
    if len(lines) > _SHOWN:
        out.print(Text(f"  and {len(lines) - _SHOWN:,} more; all with --json", terminal.QUIET))
