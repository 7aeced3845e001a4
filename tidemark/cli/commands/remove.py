"""tidemark remove"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers.conditions import moment_of
from tidemark.answers.connection import connect
from tidemark.answers.point_removal import HeldPoint, Kept, KeptPoint, RemovalPlan, Selection
from tidemark.answers.removing import delete_planned, plan_for
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.confirmation import check_can_ask
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.errors import PointsNotRemoved

_KEPT = {
    Kept.LAST: "it is the last recovery point of the file system; remove it with --last",
    Kept.LOCKED: "AWS Backup deletes no point from a locked vault before its retention ends",
    Kept.HELD: "it is under the legal hold",
    Kept.BUSY: "AWS Backup is creating or deleting it; its status is",
    Kept.UNTRUSTED: "its tags cannot be trusted",
    Kept.ELSEWHERE: "its vault belongs to another account; remove it there:",
}

HELP = """Delete recovery points and copies.

Selects the points that meet all given options; at least one is required. Points that another program has
created are never selected. The last recovery point of a file system, copies included, is kept unless --last
is given. A point in a locked vault or under a legal hold is reported and kept.

First prints the plan; --dry-run ends there; without --yes, it asks. Then deletes the points with your
credentials, one after another, and verifies that AWS Backup has deleted each. Deleted points cannot be
restored. Their indexes are removed by the next daily run, or with: tidemark prune.

\b
  tidemark remove --policy nightly --older-than 1y --dry-run
  tidemark remove --file-system fs-0123456789abcdef0 --copies

Costs one listing of each vault for each file system, and one request for the tags of each point.

JSON: {"remove": [...], "kept": [...], "size_bytes", "removed": [...], "failed": [...]}; each of remove[]
and kept[] with file_system, recovery_point_arn, kind, region, vault, created_at, policy, size_bytes; kept[]
also with why, detail. removed[] has ARNs, failed[] recovery_point_arn, message.
"""


def remove(
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="NAME", help="Only points that this policy created.")
    ] = None,
    file_systems: Annotated[
        list[str] | None,
        typer.Option("--file-system", metavar="ID", help="Only points of this file system. Repeatable."),
    ] = None,
    copies: Annotated[bool, typer.Option("--copies", help="Only copies.")] = False,
    manual: Annotated[
        bool, typer.Option("--manual", help="Only points of runs that a user started, not a schedule.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="TIME",
            help="Only points created before this time, or older than this age.",
        ),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Also delete the last recovery point of a file system.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if not (policy or file_systems or copies or manual or older_than):
        raise typer.BadParameter(
            "it would select every recovery point; give --policy, --file-system, --copies, --manual or "
            "--older-than"
        )
    check_can_ask(dry_run=dry_run, yes=yes, as_json=as_json)
    now = utc_now()
    before = None if older_than is None else moment_of(older_than, now, "--older-than")
    selection = Selection(policy=policy, copies=copies, manual=manual, before=before)
    connection = connect()
    found = plan_for(connection, file_systems or [], selection, now, last=last)
    plan = found.plan
    document: dict[str, Any] = {
        "remove": [_point(each) for each in plan.removals],
        "kept": [_point(each.held) | {"why": each.why.value, "detail": each.detail} for each in plan.kept],
        "size_bytes": sum(each.point.size_bytes for each in plan.removals),
        "removed": [],
        "failed": [],
    }
    err = terminal.console(stderr=True)
    for vault in found.unlisted:
        err.print(f"! {terminal.printable(str(vault.error))}", style=terminal.CAREFUL, soft_wrap=True)
    if not as_json:
        _show(terminal.console(), plan)
    if plan.removals and not dry_run:
        if not yes and not typer.confirm("Delete? This cannot be undone.", err=True):
            raise typer.Exit(INTERRUPTED)
        for held, why in delete_planned(connection, plan, time.sleep):
            arn = held.point.recovery_point_arn
            if why:
                document["failed"].append({"recovery_point_arn": arn, "message": why})
            else:
                document["removed"].append(arn)
                if not as_json:
                    terminal.console().print(f"deleted {arn}", soft_wrap=True)
    if as_json:
        terminal.print_json(document)
    if not dry_run:
        _report_failures(plan, document["failed"])


def _report_failures(plan: RemovalPlan, failed: list[dict[str, str]]) -> None:
    kept = [each for each in plan.kept if each.why is not Kept.LAST]
    if not failed and not kept:
        return
    lines = [f"  {each['recovery_point_arn']}: {terminal.printable(each['message'])}" for each in failed]
    lines += [f"  {each.held.point.recovery_point_arn}: {_why(each)}" for each in kept]
    raise PointsNotRemoved(len(lines), "\n".join(lines))


def _show(out: Console, plan: RemovalPlan) -> None:
    for held in plan.removals:
        out.print(f"delete {_line(held)}", soft_wrap=True)
    for kept in plan.kept:
        text = Text.assemble(f"keep   {_line(kept.held)}\n", (f"       {_why(kept)}", terminal.CAREFUL))
        out.print(text, soft_wrap=True)
    if not plan.removals:
        out.print("Nothing to delete.")
        return
    size = terminal.size(sum(each.point.size_bytes for each in plan.removals))
    out.print(f"{terminal.count(len(plan.removals), 'recovery point')}, {size} transferred by their jobs.")


def _line(held: HeldPoint) -> str:
    kind = "copy" if held.point.is_copy else "backup"
    return (
        f"{held.file_system.file_system_id}  {terminal.moment(held.point.created_at)}  {kind} in "
        f"{held.point.region}  {terminal.size(held.point.size_bytes)}  {held.point.recovery_point_arn}"
    )


def _why(kept: KeptPoint) -> str:
    return terminal.printable(f"{_KEPT[kept.why]} {kept.detail}".strip())


def _point(held: HeldPoint) -> dict[str, Any]:
    metadata = held.point.tags.metadata
    return {
        "file_system": str(held.file_system),
        "recovery_point_arn": held.point.recovery_point_arn,
        "kind": "copy" if held.point.is_copy else "backup",
        "region": held.point.region,
        "vault": held.point.vault,
        "created_at": terminal.json_time(held.point.created_at),
        "policy": None if metadata is None else metadata.policy,
        "size_bytes": held.point.size_bytes,
    }
