"""tidemark drill"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemark.answers.conditions import byte_size
from tidemark.answers.connection import Connection, connect
from tidemark.answers.restore_planning import ITEMS_PER_JOB, start_restore
from tidemark.answers.restore_progress import RestoreView
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import RESTORE_FIELDS, restore_json
from tidemark.cli.output.restore_plan import show_plan
from tidemark.cli.support.confirmation import check_can_ask
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.cli.support.restore_progress import watch_restore
from tidemark.errors import RestoreFailed, TidemarkError
from tidemark.policy.policy import FILE_SYSTEM_ID, MOST_DRILLED, DrillSettings
from tidemark.restore.estimate import DOCUMENTED_PATHS
from tidemark.sessions.session import SessionStatus

if TYPE_CHECKING:  # these import pyarrow, which the help of commands does not need
    from tidemark.restore.plan import Plan

HELP = f"""Prove that backups restore: restore a sample, compare it, remove it.

NAME is a file system or a policy, which stands for all of its file systems. Chooses files of the newest
recovery point: large and small, old and new, with unusual names, links, and of each owner. AWS Backup
restores them to a temporary new file system, a worker compares them with the index, and the file system is
removed. No existing file system is changed.

First prints the plan with the files, time and cost. --dry-run ends there; without --yes, it asks. A policy
can have drills on a schedule: see "drill" in tidemark.yaml. "tidemark restores" lists drills, too.

\b
  tidemark drill nightly --yes --wait
  tidemark drill fs-0123456789abcdef0 --files 100 --dry-run

Exits with code 34 if a drill failed: a file is missing or differs, or could not be restored.

JSON: drills[] with plan as docs/restore.md describes it, whose drill[] names the files with path and stratum;
without --dry-run also restore_id, execution_arn, console_url, and with --wait session with {RESTORE_FIELDS}.
"""


def drill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A file system id, or the name of a policy.")],
    files: Annotated[
        int | None,
        typer.Option(
            "--files",
            metavar="N",
            min=1,
            max=MOST_DRILLED,
            help="Files of each file system to restore. Default: as the policy's drill, or 20.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="SIZE",
            help="Most bytes to restore of each file system, such as 50G. Default: as --files, or 10G.",
        ),
    ] = None,
    items_per_job: Annotated[
        int,
        typer.Option(
            "--items-per-job",
            metavar="N",
            min=1,
            max=ITEMS_PER_JOB,
            help="Most paths per restore job. AWS documents 5; more make a drill cheaper.",
        ),
    ] = DOCUMENTED_PATHS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, restore nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the progress until the drills have ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    most_bytes = None if size is None else byte_size(size, "--size")
    check_can_ask(dry_run=dry_run, yes=yes, as_json=as_json)
    connection = connect()
    plans, failures = _plans(connection, name, files, most_bytes, items_per_job)
    if plans:
        for failure in failures:
            terminal.console(stderr=True).print(
                f"! {terminal.printable(str(failure))}", style=terminal.CAREFUL
            )
    documents: list[dict[str, Any]] = [{"plan": plan.to_dict()} for plan in plans]
    out = terminal.console()
    if not as_json:
        for number, plan in enumerate(plans):
            if number:
                out.print()
            show_plan(out, plan)
    if plans and not dry_run:
        if not yes and not typer.confirm(f"Start {terminal.count(len(plans), 'drill')}?", err=True):
            raise typer.Exit(INTERRUPTED)
        failures += _run(connection, plans, documents, wait=wait, as_json=as_json)
    if as_json:
        terminal.print_json({"drills": documents})
    if failures:
        raise _joined(failures)


def _plans(
    connection: Connection, name: str, files: int | None, most_bytes: int | None, items_per_job: int
) -> tuple[list[Plan], list[TidemarkError]]:
    """Return the plans of the drills, and why file systems of a policy have none.

    Raises the error of the only file system.
    """
    from tidemark.aws.drill_plans import plan_drill

    systems: tuple[str, ...] = (name,)
    settings = DrillSettings()
    if not FILE_SYSTEM_ID.fullmatch(name):
        policy = connection.policy(name)
        systems, settings = policy.file_systems, policy.drill
    wish = DrillSettings(files=files or settings.files, most_bytes=most_bytes or settings.most_bytes)
    plans: list[Plan] = []
    failures: list[TidemarkError] = []
    region = connection.resources.region
    for each in systems:
        try:
            plans.append(
                plan_drill(
                    connection.file_system(each),
                    wish,
                    items_per_job=items_per_job,
                    records=connection.records,
                    repository=connection.repository,
                    backup=connection.clients.of("backup", region),
                    efs=connection.clients.of("efs", region),
                    now=utc_now(),
                )
            )
        except TidemarkError as error:
            if len(systems) == 1:
                raise
            failures.append(error)
    return plans, failures


def _run(
    connection: Connection, plans: list[Plan], documents: list[dict[str, Any]], *, wait: bool, as_json: bool
) -> list[TidemarkError]:
    """Start the drills, complete their documents, and with `wait` return how they failed."""
    client = connection.clients.of("stepfunctions", connection.resources.region)
    out, failures, started = terminal.console(), list[TidemarkError](), list[tuple[str, str]]()
    for plan, document in zip(plans, documents, strict=True):
        restore_id, execution = start_restore(connection, plan, utc_now())
        started.append((restore_id, execution))
        document |= {
            "restore_id": restore_id,
            "execution_arn": execution,
            "console_url": executions.console_url(client, execution),
        }
    if not wait:
        if not as_json:
            _print_started(started)
        return []
    for (restore_id, _), plan, document in zip(started, plans, documents, strict=True):
        try:
            view = watch_restore(connection, restore_id)
        except KeyboardInterrupt:
            _print_started(started)
            raise typer.Exit(INTERRUPTED) from None
        document["session"] = None if view is None else restore_json(view.session)
        failure = _failure(restore_id, view)
        if failure is not None:
            failures.append(failure)
        elif not as_json:
            number = terminal.count(len(plan.drill), "file")
            out.print(f"{plan.file_system_id}: {number} restored, all as in the index")
    return failures


def _failure(restore_id: str, view: RestoreView | None) -> RestoreFailed | None:
    more = f"see: tidemark restore-session {restore_id}"
    if view is None or not view.ended:
        return RestoreFailed(f"drill {restore_id}: its execution ended without closing it; {more}")
    if view.session.status is SessionStatus.SUCCESS:
        return None
    reasons = "\n".join(f"  {reason}" for reason in view.session.reasons)
    return RestoreFailed(f"drill {restore_id} ended with {view.session.status.value}:\n{reasons}\n{more}")


def _joined(failures: list[TidemarkError]) -> TidemarkError:
    first, *others = failures
    for other in others:
        first.add_note(str(other))
    return first


def _print_started(started: list[tuple[str, str]]) -> None:
    out = terminal.console()
    out.print(f"Started {terminal.count(len(started), 'drill')} in AWS; watch with:")
    out.print(
        terminal.commands(
            *((f"tidemark restore-session {restore_id} --watch", "") for restore_id, _ in started)
        )
    )
