"""tidemark restore"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tidemark.answers.conditions import moment_of
from tidemark.answers.connection import Connection, connect
from tidemark.answers.directory_names import Directory, DirectoryNames
from tidemark.answers.restore_planning import (
    CONFLICT_POLICIES,
    ITEMS_PER_JOB,
    Held,
    Wish,
    checked_paths,
    conflict_policy,
    destination_of,
    held_points,
    new_file_system_wish,
    plan_restore,
    split_paths,
    start_restore,
)
from tidemark.answers.restore_progress import RestoreView
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.new_file_systems import PARTS, NewFileSystemWish
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import RESTORE_FIELDS, restore_json
from tidemark.cli.output.restore_plan import show_plan
from tidemark.cli.support.confirmation import check_can_ask
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.cli.support.index_selection import print_directory_line, skipping_unreadable
from tidemark.cli.support.restore_progress import watch_restore
from tidemark.errors import NotRestorable, RestoreFailed
from tidemark.escape import unescape
from tidemark.policy.policy import id_of
from tidemark.restore.plan import Destination, Plan
from tidemark.sessions.session import SessionStatus

HELP = f"""Restore files and directories from recovery points.

PATH begins at the root of the file system; a directory includes everything below it. Names may be given as
other commands show them, with \\xNN. Without PATH, restores the whole file system. Each path is restored from
the newest recovery point that holds it; --point or --at selects another one. PATH and DIR may be
accesspoint:NAME[:/PATH] or pvc:[NAMESPACE/]NAME[:/PATH]; see: access-points.

First prints the plan: recovery points, items, restore jobs, time and cost. --dry-run ends there; without
--yes, it asks. Then AWS Backup restores into a new directory of the file system, and a worker moves the
files to their places, compares them with the index, and removes the directory. Existing files are never
overwritten unless --on-conflict replace is given.

--new-file-system restores to a new file system instead, with the tags, throughput, lifecycle, policy and
mount targets of the original. It is kept if the restore fails. AWS bills it until you delete it.

\b
  tidemark restore /home/ann/thesis.tex --file-system fs-0123456789abcdef0
  tidemark search '*.tex' --print0 |
    tidemark restore --from0 - --file-system fs-0123456789abcdef0 --yes

JSON: plan as docs/restore.md describes it; with --dry-run nothing else; otherwise restore_id, execution_arn,
console_url, and with --wait session with {RESTORE_FIELDS}.
"""


def restore(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Paths from the root, such as /home/a.txt."),
    ] = None,
    file_system: Annotated[
        str, typer.Option("--file-system", metavar="ID", help="The file system to restore.")
    ] = ...,  # type: ignore[assignment]  # typer's notation for a required option
    from0: Annotated[
        str | None,
        typer.Option(
            "--from0", metavar="FILE", help="Read paths from a file, each ending with NUL; - for stdin."
        ),
    ] = None,
    point: Annotated[
        str | None, typer.Option("--point", metavar="ARN", help="Restore from this recovery point.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="Restore the newest recovery point at this time, or of this age."
        ),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Restore to the original paths. The default.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Restore below this directory of the file system, with the paths kept.",
        ),
    ] = None,
    new_file_system: Annotated[
        bool,
        typer.Option("--new-file-system", help="Restore to a new file system with the original's settings."),
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="|".join(PARTS),
            help="Do not give the new file system these settings of the original. Repeatable.",
        ),
    ] = None,
    subnets: Annotated[
        list[str] | None,
        typer.Option(
            "--subnet",
            metavar="ID",
            help="Subnet of a mount target of the new file system, instead of the original's. Repeatable.",
        ),
    ] = None,
    security_groups: Annotated[
        list[str] | None,
        typer.Option(
            "--security-group",
            metavar="ID",
            help="Security group of the new mount targets, instead of the original's. Repeatable.",
        ),
    ] = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            "--on-conflict",
            metavar="|".join(CONFLICT_POLICIES),
            help="If a target exists: report it, keep the existing one, rename the restored one, or replace.",
        ),
    ] = "fail",
    items_per_job: Annotated[
        int,
        typer.Option(
            "--items-per-job", metavar="N", min=1, max=ITEMS_PER_JOB, help="Most paths per restore job."
        ),
    ] = ITEMS_PER_JOB,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, restore nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the progress until the restore has ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    file_system = id_of(file_system)
    now = utc_now()
    names = DirectoryNames()
    named = [names.resolve(path, file_system) for path in paths or []]
    target = None if to is None else names.resolve(to, file_system)
    new = _new_file_system(without or [], subnets or [], security_groups or [], wanted=new_file_system)
    if new is not None and (to is not None or in_place or on_conflict != "fail"):
        raise typer.BadParameter(
            "--new-file-system excludes --to, --in-place and --on-conflict: the file system is empty"
        )
    wish = Wish(
        paths=_paths(named, from0),
        destination=_destination(target, in_place=in_place)
        if new is None
        else Destination(kind="new-file-system"),
        # Only the root exists, which gets the restored attributes.
        on_conflict=conflict_policy(on_conflict) if new is None else "replace",
        new_file_system=new,
        items_per_job=items_per_job,
        point=point,
        at=None if at is None else moment_of(at, now, "--at"),
    )
    if point is not None and at is not None:
        raise typer.BadParameter("--point and --at exclude each other")
    check_can_ask(dry_run=dry_run, yes=yes, as_json=as_json)
    if not as_json:
        for directory in [*named, *([] if target is None else [target])]:
            print_directory_line(directory)
    connection = connect()
    with skipping_unreadable() as skip_index:
        held = held_points(connection, file_system, now, skip_index)
        plan = plan_restore(connection, file_system, held, wish, now)
        _execute(connection, held, plan, dry_run=dry_run, yes=yes, wait=wait, as_json=as_json)


def _execute(
    connection: Connection, held: Held, plan: Plan, *, dry_run: bool, yes: bool, wait: bool, as_json: bool
) -> None:
    document: dict[str, Any] = {"plan": plan.to_dict()}
    if not as_json:
        show_plan(terminal.console(), plan)
    _warn(held)
    if dry_run or not plan.points:
        if as_json:
            terminal.print_json(document)
        if plan.missing:
            raise _nothing(plan)
        return
    if not yes and not typer.confirm("Restore?", err=True):
        raise typer.Exit(INTERRUPTED)
    restore_id, execution = start_restore(connection, plan, utc_now())
    client = connection.clients.of("stepfunctions", connection.resources.region)
    document |= {
        "restore_id": restore_id,
        "execution_arn": execution,
        "console_url": executions.console_url(client, execution),
    }
    view = None
    if wait:
        try:
            view = watch_restore(connection, restore_id)
        except KeyboardInterrupt:
            _print_started(restore_id)
            raise typer.Exit(INTERRUPTED) from None
        document["session"] = None if view is None else restore_json(view.session)
    if as_json:
        terminal.print_json(document)
    elif not wait:
        _print_started(restore_id)
    if wait:
        print_restored(connection, restore_id, execution, view)
    if plan.missing:
        raise _nothing(plan)


def restore_now(
    connection: Connection, file_system_id: str, paths: list[str], *, interval: float, to: Console
) -> None:
    """Restore paths, escaped, to their places, without asking, and wait; raise RestoreFailed."""
    now = utc_now()
    with skipping_unreadable() as skip_index:
        held = held_points(connection, file_system_id, now, skip_index)
    wish = Wish(
        paths=paths,
        destination=Destination(kind="in-place"),
        on_conflict="fail",
        items_per_job=ITEMS_PER_JOB,
        point=None,
        at=None,
    )
    plan = plan_restore(connection, file_system_id, held, wish, now)
    restore_id, execution = start_restore(connection, plan, utc_now())
    view = watch_restore(connection, restore_id, interval=interval, to=to)
    print_restored(connection, restore_id, execution, view)


def print_restored(connection: Connection, restore_id: str, execution: str, view: RestoreView | None) -> None:
    """Print how a restore session ended; raise RestoreFailed unless everything was restored."""
    if view is None or not view.ended:
        client = connection.clients.of("stepfunctions", connection.resources.region)
        why = executions.failure_of(client, execution) or "its execution ended without closing it"
        # Without a record, `why` already ends with the next step.
        more = f"; see: tidemark restore-session {restore_id}" if view is not None else ""
        raise RestoreFailed(f"{restore_id}: {why}{more}")
    if view.session.status is not SessionStatus.SUCCESS:
        reasons = "\n".join(f"  {reason}" for reason in view.session.reasons)
        raise RestoreFailed(
            f"the restore ended with {view.session.status.value}:\n{reasons}\nsee the items with: "
            f"tidemark restore-session {restore_id}"
        )


def _paths(given: list[Directory], from0: str | None) -> list[str]:
    """Return the requested paths, escaped; `/` if none are named."""
    raw = [unescape(directory.path) for directory in given]
    if from0 is not None:
        content = sys.stdin.buffer.read() if from0 == "-" else _read(Path(from0))
        raw += split_paths(content)
        if not raw:
            raise NotRestorable(f"{from0} names no path; nothing was restored")
    return checked_paths(raw) or ["/"]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror}", param_hint="--from0") from error


def _destination(to: Directory | None, *, in_place: bool) -> Destination:
    if to is not None and in_place:
        raise typer.BadParameter("--in-place and --to exclude each other")
    return destination_of(None if to is None else to.path)


def _new_file_system(
    without: list[str], subnets: list[str], security_groups: list[str], *, wanted: bool
) -> NewFileSystemWish | None:
    if not wanted:
        if without or subnets or security_groups:
            raise typer.BadParameter("--without, --subnet and --security-group require --new-file-system")
        return None
    return new_file_system_wish(without, subnets, security_groups)


def _nothing(plan: Plan) -> NotRestorable:
    paths = terminal.count(len(plan.missing), "path")
    first = plan.missing[0]
    restored = "; the others are listed in the plan" if len(plan.missing) > 1 else ""
    # Lines of a file that was to be separated by NUL.
    split = any("\\x0a/" in f"{each.path}/" for each in plan.missing)
    advice = (
        "end each path with NUL, as search --print0 and find -print0 do"
        if split
        else ("look for it with: tidemark search NAME --all, or restore without it")
    )
    return NotRestorable(
        f"{paths} cannot be restored: {terminal.printable(first.path)}: {first.reason}{restored}; {advice}"
    )


def _warn(held: Held) -> None:
    err = terminal.console(stderr=True)
    if held.without_index:
        points = terminal.count(held.without_index, "recovery point")
        err.print(f"! {points} without an index not considered", style=terminal.CAREFUL)
    for vault in held.unlisted:
        err.print(f"! {terminal.printable(str(vault.error))}", style=terminal.CAREFUL)


def _print_started(restore_id: str) -> None:
    out = terminal.console()
    out.print(f"Started restore session {restore_id}. It runs in AWS; watch it with:")
    out.print(terminal.commands((f"tidemark restore-session {restore_id} --watch", "")))
