"""tidemark restore-session"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import Connection, connect
from tidemark.answers.restore_progress import RestoreView, restore_steps, restore_view
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.restore_plans import plan_key
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import RESTORE_FIELDS, restore_json
from tidemark.cli.support.restore_progress import watch_restore
from tidemark.cli.support.session_progress import STATUS_STYLES, StepsTable
from tidemark.errors import RestoreNotFound
from tidemark.index.storage.object_store import ObjectMissing
from tidemark.restore.plan import Plan
from tidemark.sessions.naming import is_session_id
from tidemark.sessions.restore_outcome import failed_jobs
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.sweep_schedule import SWEPT_WITHIN

_SHOWN = 20
# Differences of sessions that ran with an older version have no verdict.
_HEADINGS = {"different from the index": "loss", "changed since the backup": "changed-since-backup"}

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
    problems, differences = (list(_results(connection, view, kind)) for kind in ("problems", "differences"))
    problems = [*_not_restored(connection, view.session), *problems]
    left = _left_directories(connection, view)
    if as_json:
        terminal.print_json(
            {
                **restore_json(view.session),
                "execution_ended": ended,
                "problems": problems,
                "differences": differences,
                "left_directories": left,
                "exact_index_repository": _exact_repository(connection, view.session),
            }
        )
        return
    exact = _exact_repository(connection, view.session)
    _show(terminal.console(), view, ended, problems, differences, left, exact)


def _results(connection: Connection, view: RestoreView, kind: str) -> Iterator[dict[str, Any]]:
    """Return what the worker wrote about each job: a JSON object per line."""
    session = view.session
    above = _results_of(session)
    for job in session.jobs:
        try:
            lines = connection.repository.get(f"{above}{kind}-{job.job_id}.jsonl").splitlines()
        except ObjectMissing:
            continue
        yield from map(json.loads, lines)


def _not_restored(connection: Connection, session: RestoreSession) -> Iterator[dict[str, Any]]:
    """Return the requests of failed restore jobs, from the plan, as the worker writes its problems."""
    failed = failed_jobs(session)
    if not failed:
        return
    key = plan_key(session.file_system, session.plan_id)
    try:
        plan = Plan.from_json(connection.repository.get(key), f"{connection.repository.url}/{key}")
    except ObjectMissing:
        return
    for job in failed:
        for path in plan.points[job.point].requests[job.first : job.end] or ("/",):
            yield {"path": path, "outcome": "not-restored", "reason": job.message or job.state}


def _left_directories(connection: Connection, view: RestoreView) -> list[str]:
    """Return the names, escaped, of the restored directories that the worker left in the root."""
    try:
        return [
            str(name)
            for name in json.loads(connection.repository.get(f"{_results_of(view.session)}left.json"))
        ]
    except ObjectMissing:
        return []


def _exact_repository(connection: Connection, session: RestoreSession) -> str | None:
    """Return the URL of the repository with the index of the restored point, once it is complete."""
    if session.test is None or not session.totals:
        return None
    return f"{connection.repository.url}/restores/{session.file_system}/{session.restore_id}"


def _results_of(session: RestoreSession) -> str:
    return f"restores/{session.file_system}/{session.restore_id}/results/"


def _show(
    out: Console,
    view: RestoreView,
    ended: str | None,
    problems: list[dict[str, Any]],
    differences: list[dict[str, Any]],
    left: list[str],
    exact: str | None,
) -> None:
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
            "exact index": exact,
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
    _list(out, "not placed", [f"{each['path']}: {each['outcome']}: {each['reason']}" for each in problems])
    for heading, verdict in _HEADINGS.items():
        _list(
            out,
            heading,
            [_difference(each) for each in differences if each.get("verdict", "loss") == verdict],
        )
    _list(out, "left in the root, with what was not placed", [f"/{name}" for name in left])


def _new_file_system(session: RestoreSession) -> str | None:
    if not session.is_new:
        return None
    return f"{session.target or 'not created yet'}{', removed' if session.is_removed else ''}"


def _difference(each: dict[str, Any]) -> str:
    fact = f"{each['path']}: {each['field']}"
    if each["field"] not in ("missing", "extra", "unreadable"):
        fact += f" {each['found']} instead of {each['expected']}"
    return f"{fact}: {each['evidence']}" if each.get("evidence") else fact


def _list(out: Console, heading: str, lines: list[str]) -> None:
    if lines:
        out.print()
        out.print(f"{heading}:")
    for text in lines[:_SHOWN]:
        out.print(f"  {terminal.printable(text)}", soft_wrap=True)
    if len(lines) > _SHOWN:
        out.print(Text(f"  and {len(lines) - _SHOWN:,} more; all with --json", terminal.QUIET))
