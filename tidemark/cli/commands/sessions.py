"""tidemark sessions"""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from tidemark.answers.conditions import LARGEST
from tidemark.answers.connection import connect
from tidemark.answers.sessions import recent_sessions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import JOB_FIELDS, POINT_FIELDS, SESSION_FIELDS, session_json
from tidemark.cli.support.places import Account, Region, account_id, places_of
from tidemark.cli.support.session_progress import STATUS_STYLES
from tidemark.policy.policy import id_of

HELP = f"""List backup sessions, newest first.

Reads the sessions of the past year, one query per month, until enough are found.

JSON: {{"sessions": [...]}}, each with {SESSION_FIELDS}; each point with {POINT_FIELDS};
each job of AWS Backup with {JOB_FIELDS}.
"""


def sessions(
    file_system: Annotated[
        str | None,
        typer.Option("--file-system", metavar="ID", help="List only sessions of this file system."),
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="NAME", help="List only sessions of this policy.")
    ] = None,
    account: Account = None,
    region: Region = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=LARGEST, help="Maximum number of sessions.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        file_system = id_of(file_system)
    connection = connect()
    now = utc_now()
    whose = account_id(connection, account)
    matching = (
        session
        for session in recent_sessions(connection, file_system, policy, now)
        if whose in (None, session.file_system.account) and region in (None, session.file_system.region)
    )
    found = list(islice(matching, limit))
    if as_json:
        terminal.print_json({"sessions": [session_json(session) for session in found]})
        return
    if not found:
        _print_nothing(file_system, policy)
        return
    out = terminal.console()
    places = places_of(connection, [session.file_system for session in found])
    where = f"{'place':<{places.width}}  " if places.width else ""
    out.print(Text(f"{'status':<8} {'took':>12} {'points':>7}  {where}session", terminal.QUIET))
    for session in found:
        took = terminal.duration((session.ended_at or now) - session.opened_at)
        # The id comes last and is never cut, because users copy it into other commands.
        out.print(
            Text.assemble(
                (f"{session.status.value:<8}", STATUS_STYLES[session.status]),
                f" {took:>12} {len(session.points) or '-':>7}  {places.column(session.file_system)}",
                session.session_id,
            ),
            soft_wrap=True,
        )


def _print_nothing(file_system: str | None, policy: str | None) -> None:
    wanted = [f"of {file_system}"] * (file_system is not None) + [f"of policy {policy}"] * (
        policy is not None
    )
    err = terminal.console(stderr=True)
    err.print(
        " ".join(["No sessions", *wanted, "yet; a session that was just started appears within moments."])
    )
    err.print("If none was started, start one with:")
    err.print(terminal.commands((f"tidemark run {policy or 'POLICY'}", "")))
