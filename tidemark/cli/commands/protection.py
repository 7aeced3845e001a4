"""tidemark protection"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.protection import Level, Protection, protections
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.encoding import sign

HELP = """Report whether each file system is protected.

For each file system that a policy names: its newest backup and copies, whether the backup has an index, how
the last session and the last drill ended, and what is wrong, with the next step. A backup is late after two
intervals of the schedule. Makes the requests of "recovery-points" for each file system.

JSON: file_systems[], the worst first, each with file_system, policies[], level (ok, warning or unprotected),
newest_recovery_point_arn, newest_created_at, backups (number), index_id, copies[] with region, vault,
newest_created_at; session_id, session_status, drill_id and drill_status of the last ones;
damage_since_index_id (of an open damage alarm); findings[] with level, what, next_step.
"""
_STYLES = {Level.OK: terminal.GOOD, Level.WARNING: terminal.CAREFUL, Level.UNPROTECTED: terminal.BAD}


def protection(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """See HELP."""
    found = protections(connect(), utc_now())
    if as_json:
        terminal.print_json({"file_systems": [_document(each) for each in found]})
        return
    out = terminal.console()
    for number, each in enumerate(found):
        if number:
            out.print()
        heading = Text.assemble(
            (each.file_system_id, terminal.STRONG), "  ", (each.level.value, _STYLES[each.level])
        )
        out.print(heading)
        newest = "none" if each.newest is None else f"{terminal.moment(each.newest.created_at)} UTC"
        facts: dict[str, str | Text | None] = {
            "  policies": ", ".join(policy.name for policy in each.policies),
            "  newest backup": f"{newest}, {terminal.count(each.backups, 'backup')}",
        }
        for copies in each.copies:
            copied = "none" if copies.newest is None else f"{terminal.moment(copies.newest.created_at)} UTC"
            facts[f"  copy in {copies.target.region}"] = copied
        facts["  index"] = each.index_id or "none"
        drill = each.drill
        facts["  drill"] = (
            f"{terminal.moment(drill.started_at)} UTC, {drill.status.value}" if drill else "none"
        )
        terminal.print_facts(out, facts)
        for finding in each.findings:
            mark = sign("✗", "x") if finding.level is Level.UNPROTECTED else "!"
            out.print(Text.assemble((f"  {mark} ", _STYLES[finding.level]), terminal.printable(finding.what)))
            out.print(Text(f"    {terminal.printable(finding.next_step)}", terminal.QUIET))


def _document(each: Protection) -> dict[str, Any]:
    newest = each.newest
    return {
        "file_system": each.file_system_id,
        "policies": [policy.name for policy in each.policies],
        "level": each.level.value,
        "newest_recovery_point_arn": None if newest is None else newest.recovery_point_arn,
        "newest_created_at": None if newest is None else terminal.json_time(newest.created_at),
        "backups": each.backups,
        "index_id": each.index_id,
        "copies": [
            {
                "region": copies.target.region,
                "vault": copies.target.vault,
                "newest_created_at": terminal.json_time(copies.newest.created_at) if copies.newest else None,
            }
            for copies in each.copies
        ],
        "session_id": None if each.session is None else each.session.session_id,
        "drill_id": None if each.drill is None else each.drill.restore_id,
        "drill_status": None if each.drill is None else each.drill.status.value,
        "damage_since_index_id": None if each.alarm is None else each.alarm.first_index_id,
        "session_status": None if each.session is None else each.session.status.value,
        "findings": [
            {"level": finding.level.value, "what": finding.what, "next_step": finding.next_step}
            for finding in each.findings
        ],
    }
