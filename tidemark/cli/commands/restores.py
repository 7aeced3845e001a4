"""tidemark restores"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from tidemark.answers.conditions import LARGEST
from tidemark.answers.connection import connect
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import RESTORE_FIELDS, restore_json
from tidemark.cli.support.places import Account, Region, account_id, places_of
from tidemark.cli.support.session_progress import STATUS_STYLES
from tidemark.policy.policy import id_of
from tidemark.sessions.restores import restores_since

_A_YEAR = timedelta(days=366)

HELP = f"""List restore sessions of the past year, newest first, with the restore tests of AWS Backup.

JSON: {{"restores": [...]}}, each with {RESTORE_FIELDS}.
"""


def restores(
    file_system: Annotated[
        str | None,
        typer.Option("--file-system", metavar="ID", help="List only restores of this file system."),
    ] = None,
    account: Account = None,
    region: Region = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=LARGEST, help="Maximum number of restores.")
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
        for session in restores_since(connection.records, now - _A_YEAR, now)
        if file_system in (None, session.file_system.file_system_id)
        and whose in (None, session.file_system.account)
        and region in (None, session.file_system.region)
    )
    found = list(islice(matching, limit))
    if as_json:
        terminal.print_json({"restores": [restore_json(session) for session in found]})
        return
    out = terminal.console()
    if not found:
        terminal.console(stderr=True).print("No restores yet. Start one with:")
        terminal.console(stderr=True).print(terminal.commands(("tidemark restore PATH --file-system ID", "")))
        return
    places = places_of(connection, [session.file_system for session in found])
    where = f"{'place':<{places.width}}  " if places.width else ""
    out.print(
        Text(f"{'status':<8} {'took':>12} {'placed':>9}  {'kind':<7}  {where}restore session", terminal.QUIET)
    )
    for session in found:
        took = terminal.duration((session.ended_at or now) - session.started_at)
        out.print(
            Text.assemble(
                (f"{session.status.value:<8}", STATUS_STYLES[session.status]),
                f" {took:>12} {session.totals.get('placed', 0) or '-':>9}  {session.kind:<7}  ",
                places.column(session.file_system),
                session.restore_id,
            ),
            soft_wrap=True,
        )
