"""tidemark session"""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import Connection, connect
from tidemark.answers.session_progress import View, steps
from tidemark.answers.sessions import view_of
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import JOB_FIELDS, POINT_FIELDS, SESSION_FIELDS, index_json, session_json
from tidemark.cli.support.session_progress import STATUS_STYLES, StepsTable
from tidemark.cli.support.session_watcher import INTERVAL_SECONDS, follow
from tidemark.errors import SessionNotFound
from tidemark.sessions.naming import is_session_id, moment_of
from tidemark.sessions.queries import associations_of
from tidemark.sessions.sweep_schedule import SWEPT_WITHIN

# A run of a policy names its sessions some seconds before their executions start.
_STARTING = timedelta(minutes=2)
_MINUTES = SWEPT_WITHIN // timedelta(minutes=1)
_CLOSED = f"the sweeper polls AWS Backup and closes the session within {_MINUTES} minutes"

HELP = f"""Show one backup session in full.

With --watch, shows its steps and the worker's progress until it ends; waits for a session that is just being
started.

A session that was stopped from outside is shown as running until the sweeper closes it. The results of its
AWS Backup jobs are still added to it later.

JSON: {SESSION_FIELDS}; each point with {POINT_FIELDS}; each job of AWS Backup with {JOB_FIELDS};
execution_ended (null, or how the execution of a session that is shown as running has ended: FAILED,
TIMED_OUT, ABORTED, MISSING or SUCCEEDED); index (or null) with index_id, status, started_at, ended_at,
reason, sessions[], files, directories, others, bytes, unreadable; progress (or null) as the worker wrote it;
associations[] with recovery_point_arn, index_id. With --watch, prints it when the session ends.
"""


def session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="Session id, from: tidemark sessions")],
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the session ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if not is_session_id(session_id):
        raise SessionNotFound(terminal.printable(session_id))
    connection = connect()
    view = _opened(connection, session_id, wait=watch)
    policy = connection.policy_if_any(view.session.policy)
    client = connection.clients.of("stepfunctions", connection.resources.region)
    execution = view.session.execution_arn
    if watch and not view.ended:
        follow(
            connection,
            [(session_id, policy)],
            until=lambda: executions.ended_as(client, execution) is not None,
        )
    view = view_of(connection, session_id, policy)
    if as_json:
        terminal.print_json(_document(connection, view))
        return
    show(terminal.console(), connection, view)


def _opened(connection: Connection, session_id: str, *, wait: bool) -> View:
    """Return the session; with `wait`, poll for it while it is being started. Raises SessionNotFound."""
    reported = False
    while True:
        with contextlib.suppress(SessionNotFound):
            return connection.view(session_id, None)
        _check_starting(connection, session_id)
        if not wait:
            way_out = f"wait for it with: tidemark session {session_id} --watch"
            raise SessionNotFound(
                session_id, f"session {session_id} is starting and has no record yet; {way_out}"
            )
        if not reported:
            reported = True
            now = terminal.clock(utc_now())
            terminal.console(stderr=True).print(f"{now}  session: starting, waiting for its record")
        time.sleep(INTERVAL_SECONDS)


def _check_starting(connection: Connection, session_id: str) -> None:
    """Return if a session without a record may still be opened; otherwise raise SessionNotFound."""
    client = connection.clients.of("stepfunctions", connection.resources.region)
    execution = executions.execution_arn(connection.resources.backup_session, session_id)
    ended = executions.ended_as(client, execution)
    if ended == "MISSING":
        named = moment_of(session_id)
        if named is None or abs(utc_now() - named) > _STARTING:
            raise SessionNotFound(session_id)
    elif ended is not None:
        why = executions.failure_of(client, execution) or "it was stopped"
        raise SessionNotFound(
            session_id,
            f"session {session_id} was not opened, its execution is {ended}: {why}; run its policy again",
        )


def show(out: Console, connection: Connection, view: View) -> None:
    """Print a session for people."""
    session = view.session
    now = utc_now()
    system = session.file_system
    took = terminal.duration((session.ended_at or now) - session.opened_at)
    terminal.print_facts(
        out,
        {
            "session": Text(session.session_id, terminal.STRONG),
            "status": Text(session.status.value, STATUS_STYLES[session.status]),
            "policy": session.policy,
            "flags": " ".join(session.flags) or None,
            "file system": f"{system.file_system_id} in {system.region}, account {system.account}",
            "opened": f"{terminal.moment(session.opened_at)} UTC",
            "ended": f"{terminal.moment(session.ended_at)} UTC, after {took}" if view.ended else None,
            "index": session.index_id,
        },
    )
    out.print()
    out.print(StepsTable().render(steps(view, now)))
    for reason in session.reasons:
        out.print(Text.assemble(("! ", terminal.CAREFUL), terminal.printable(reason)))
    if view.execution_ended is not None:
        what = executions.way_out(view.execution_ended, session.policy)
        note = f"its execution is {view.execution_ended}; {what} ({_CLOSED})"
        out.print(Text.assemble(("! ", terminal.CAREFUL), note), soft_wrap=True)
    for point in session.points:
        described = any(associations_of(connection.records, point.recovery_point_arn))
        out.print()
        where = f"{point.kind} in {point.region}, vault {point.vault}"
        note = "" if described or not session.index_wanted else "; no index describes it"
        out.print(Text.assemble(where, (note, terminal.CAREFUL)))
        out.print(Text(f"  {point.recovery_point_arn}", terminal.QUIET), soft_wrap=True)


def _document(connection: Connection, view: View) -> dict[str, object]:
    associations = [
        {"recovery_point_arn": found.recovery_point_arn, "index_id": found.index_id}
        for point in view.session.points
        for found in associations_of(connection.records, point.recovery_point_arn)
    ]
    return {
        **session_json(view.session),
        "execution_ended": view.execution_ended,
        "index": None if view.index is None else index_json(view.index),
        "progress": None if view.progress is None else dict(view.progress),
        "associations": associations,
    }
