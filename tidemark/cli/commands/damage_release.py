"""tidemark damage release"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.damage_release import Released, alarm_of, release
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.confirmation import check_can_ask
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.policy.policy import id_of
from tidemark.sessions.damage_alarms import DamageAlarm

HELP = """Accept the suspicious changes of a file system, and release what their alarm holds.

Copies start again, and recovery points whose deletion was postponed get their earlier retention. A point
whose time has passed is kept for another 7 days. Later indexes treat the accepted changes as usual ones.
Shows the alarm first; without --yes, it asks. Restore what is damaged before you release the alarm: see
damage show.

JSON: file_system; released (false if there is no open alarm); accepted_until (index id), set_back[] and
problems[] (points that keep the longer retention, with the reason; release again to retry).
"""


def release_(
    file_system: Annotated[str, typer.Argument(metavar="FS", help="The id of the file system.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    id_of(file_system)  # raises MalformedFileSystemId
    check_can_ask(dry_run=False, yes=yes, as_json=as_json)
    connection = connect()
    alarm = alarm_of(connection, file_system)
    if alarm is None:
        _print_none(file_system, as_json=as_json)
        return
    if not as_json:
        _show(alarm)
    if not yes and not typer.confirm("Accept these changes?", err=True):
        raise typer.Exit(INTERRUPTED)
    released = release(connection, alarm, utc_now())
    if as_json:
        terminal.print_json(
            {
                "file_system": file_system,
                "released": not released.alarm.is_open,
                "accepted_until": released.alarm.accepted_until,
                "set_back": [point.recovery_point_arn for point in released.set_back],
                "problems": list(released.problems),
            }
        )
        return
    _print(file_system, released)


def _show(alarm: DamageAlarm) -> None:
    out = terminal.console()
    out.print(f"Alarm since index {alarm.first_index_id}", soft_wrap=True)
    for finding in alarm.findings:
        out.print(Text(f"  {terminal.printable(finding)}", terminal.QUIET), soft_wrap=True)
    for point in alarm.held:
        out.print(
            f"  held: {terminal.printable(point.recovery_point_arn)}, {terminal.kept(point.held_days)} "
            f"instead of {terminal.kept(point.keep_days)}",
            soft_wrap=True,
        )


def _print(file_system: str, released: Released) -> None:
    out = terminal.console()
    if released.alarm.is_open:
        out.print(
            f"A newer index raised the alarm again; look at it with: tidemark damage show {file_system}",
            soft_wrap=True,
        )
        return
    out.print(
        f"Accepted until index {released.alarm.accepted_until}; "
        f"{terminal.count(len(released.set_back), 'recovery point')} got the earlier retention.",
        soft_wrap=True,
    )
    for problem in released.problems:
        out.print(Text(f"  {terminal.printable(problem)}", terminal.CAREFUL), soft_wrap=True)


def _print_none(file_system: str, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(
            {
                "file_system": file_system,
                "released": False,
                "accepted_until": None,
                "set_back": [],
                "problems": [],
            }
        )
        return
    terminal.console().print(f"{file_system} has no open damage alarm.")
