"""tidemark prune"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import connect
from tidemark.answers.pruning import KEPT, REASONS, await_pruning, plans, start_pruning
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.confirmation import check_can_ask
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.sessions.index_retention import Kept, KeptIndex, Plan, Removal

HELP = """Remove indexes that no recovery point needs any more.

An index is kept as long as a recovery point or copy refers to it, and at least for the time that its policy
sets with index: {keep: ...}. Also removes what failed indexing sessions and lost workers left. The deployment
does the same once a day.

First prints the plan; --dry-run ends there; without --yes, it asks. Then starts the state machine prune-run
and waits for it. After an interruption, run it again. The bucket keeps removed objects for 30 days.

Costs one listing of objects for each file system, and one listing of recovery points in each Region.

JSON: {"file_systems": [...], "size_bytes", "execution_arn", "result"}; each file system with file_system,
remove[] with index_id, why, objects, size_bytes; associations[] with recovery_point_arn, index_id; kept[]
with index_id, why, detail. execution_arn and result (or null) with removed, size_bytes, associations,
changed, unclear.
"""


def prune(
    file_systems: Annotated[
        list[str] | None,
        typer.Option("--file-system", metavar="ID", help="Only this file system. Repeatable. Default: all."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    check_can_ask(dry_run=dry_run, yes=yes, as_json=as_json)
    connection = connect()
    found = list(plans(connection, file_systems or [], utc_now()))
    wanted = [plan for plan in found if not plan.is_empty]
    document: dict[str, Any] = {
        "file_systems": [_document(plan) for plan in found],
        "size_bytes": sum(plan.size_bytes for plan in found),
        "execution_arn": None,
        "result": None,
    }
    if not as_json:
        _show(terminal.console(), found)
    if dry_run or not wanted:
        if as_json:
            terminal.print_json(document)
        return
    if not yes and not typer.confirm("Remove?", err=True):
        raise typer.Exit(INTERRUPTED)
    execution = start_pruning(connection, [plan.file_system for plan in wanted])
    result = await_pruning(connection, execution, time.sleep)
    if as_json:
        terminal.print_json(document | {"execution_arn": execution, "result": result})
        return
    terminal.console().print(
        f"Removed {terminal.count(result['removed'], 'index', 'indexes')}, "
        f"{terminal.size(result['size_bytes'])}. The bucket keeps the objects for 30 days.",
        soft_wrap=True,
    )


def _show(out: Console, found: list[Plan]) -> None:
    for plan in found:
        unclear = [each for each in plan.kept if each.why is Kept.UNCLEAR]
        if plan.is_empty and not unclear:
            continue
        out.print(Text(str(plan.file_system), terminal.STRONG), soft_wrap=True)
        for removal in plan.removals:
            size = terminal.size(removal.size_bytes)
            out.print(f"  {removal.index_id}  {size}: {REASONS[removal.why]}", soft_wrap=True)
        if plan.associations:
            gone = terminal.count(len(plan.associations), "recovery point")
            out.print(f"  records of {gone} that no longer exist", soft_wrap=True)
        for each in unclear:
            text = f"  ! {each.index_id} is kept: {KEPT[each.why]}: {each.detail}"
            out.print(Text(terminal.printable(text), terminal.CAREFUL), soft_wrap=True)
    if all(plan.is_empty for plan in found):
        out.print("Nothing to remove.")
        return
    size = terminal.size(sum(plan.size_bytes for plan in found))
    out.print(f"{size} in total.")


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "file_system": str(plan.file_system),
        "remove": [_removal(each) for each in plan.removals],
        "associations": [
            {"recovery_point_arn": each.recovery_point_arn, "index_id": each.index_id}
            for each in plan.associations
        ],
        "kept": [_kept(each) for each in plan.kept],
    }


def _removal(removal: Removal) -> dict[str, Any]:
    return {
        "index_id": removal.index_id,
        "why": removal.why.value,
        "objects": removal.objects,
        "size_bytes": removal.size_bytes,
    }


def _kept(kept: KeptIndex) -> dict[str, Any]:
    return {"index_id": kept.index_id, "why": kept.why.value, "detail": kept.detail}
