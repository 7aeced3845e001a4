"""tidemark run"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Annotated

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from tidemark.answers.connection import Connection, connect
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import code_of, translated
from tidemark.aws.preflight import check_file_system, check_opt_in, check_vaults
from tidemark.cli.output import terminal
from tidemark.cli.output.json_output import session_json
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.cli.support.session_progress import STATUS_STYLES
from tidemark.cli.support.session_watcher import INTERVAL_SECONDS, SessionWatcher, follow
from tidemark.errors import AccessDenied, FileSystemNotFound, NoMountTarget, SessionFailed, TidemarkError
from tidemark.policy.policy import Policy, id_of
from tidemark.policy.sites import file_system_id_of
from tidemark.sessions.naming import session_id
from tidemark.sessions.session import SessionStatus

HELP = """Back up a policy's file systems now.

Validates first: the policy, the file systems, their mount targets, AWS Backup's opt-in for EFS in each
Region, and every vault with the limits of its lock. If any of these is invalid, starts nothing; --file-system
runs the valid file systems one by one. With --wait, shows the steps until every session has ended, and exits
with code 32 if one failed; interrupting it does not stop the sessions.

JSON: execution_arn, console_url (null if AWS_ENDPOINT_URL names another cloud), sessions[] with
session_id and file_system, with --wait with the fields of "tidemark sessions".
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run that has been started, and its sessions."""

    execution_arn: str
    sessions: dict[str, str]  # session id -> file system id


def run(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name of the policy in tidemark.yaml.")],
    file_system: Annotated[
        str | None,
        typer.Option("--file-system", metavar="ID", help="Back up only this file system of the policy."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the steps until every session has ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        id_of(file_system)
    connection = connect()
    deployed = connection.policy(policy).for_run(())  # a manual run carries no flags
    if file_system is not None:
        file_system = connection.file_system(file_system).name_at(connection.resources.home)
    preflight(connection, deployed, file_system)
    started = start(connection, deployed, file_system)
    client = connection.clients.of("stepfunctions", connection.resources.region)
    link = executions.console_url(client, started.execution_arn)
    if wait:
        if link is not None:
            terminal.console(stderr=True).print(Text(link, terminal.QUIET), soft_wrap=True)
        try:
            watcher = watch(connection, deployed, started)
        except KeyboardInterrupt:
            _print_stopped(started)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        seen = {view.session.session_id: session_json(view.session) for view in watcher.views} if wait else {}
        terminal.print_json(
            {
                "execution_arn": started.execution_arn,
                "console_url": link,
                "sessions": [
                    seen.get(name, {"session_id": name, "file_system": system})
                    for name, system in started.sessions.items()
                ],
            }
        )
    elif not wait:
        _print_started(policy, started, link)
    if wait:
        print_outcome(connection, started, watcher)


def preflight(connection: Connection, policy: Policy, file_system: str | None) -> None:
    """Return if the policy can be run for one of its file systems, or for all.

    Checks file systems in the deployment's account. Raises the first error. The errors of further file
    systems are its notes; if some file systems are valid, the last note lists the commands that run them.
    """
    asked = policy.file_systems if file_system is None else (file_system,)
    account = connection.resources.account
    # Only sessions can call in other accounts, and they repeat these checks with their own permissions.
    own = {each: there for each in asked if (there := connection.file_system(each)).account == account}
    for site in dict.fromkeys(there.site for there in own.values()):
        with contextlib.suppress(AccessDenied), translated():
            check_opt_in(connection.clients, policy.at(*site))
        check_vaults(connection.clients, policy.at(*site))
    wrong: dict[str, TidemarkError] = {}
    for each, there in own.items():
        try:
            check_file_system(connection.clients, policy, there)
        except (FileSystemNotFound, NoMountTarget) as error:
            wrong[each] = error
    if not wrong:
        return
    first, *others = wrong.values()
    for other in others:
        first.add_note(str(other))
    rest = [each for each in asked if each not in wrong]
    if rest:
        commands = "".join(f"\n  tidemark run {policy.name} --file-system {each}" for each in rest)
        first.add_note(f"nothing was started; run the valid file systems one by one with:{commands}")
    raise first


def start(connection: Connection, policy: Policy, file_system: str | None) -> Started:
    """Start the policy for all of its file systems, or for one."""
    resources = connection.resources
    client = connection.clients.of("stepfunctions", resources.region)
    now = utc_now()
    if file_system is None:
        # The time names the sessions, so that they can be followed before they exist.
        moment = now.isoformat(timespec="seconds")
        request = {"policy": policy.name, "scheduled_time": moment, "manual": True}
        arn = executions.start(client, resources.policy_run, None, request)
        sessions = {
            session_id(policy.name, file_system_id_of(each), now): each for each in policy.file_systems
        }
    else:
        name = session_id(policy.name, file_system_id_of(file_system), now)
        one = {"policy": policy.name, "file_system": file_system}
        arn = executions.start(client, resources.backup_session, name, one)
        sessions = {name: file_system}
    return Started(execution_arn=arn, sessions=sessions)


def print_outcome(connection: Connection, started: Started, watcher: SessionWatcher) -> None:
    """Print how the sessions ended; raise SessionFailed if one of them ended without a recovery point."""
    err = terminal.console(stderr=True)
    views = {view.session.session_id: view for view in watcher.views}
    failed: list[str] = []
    for name in started.sessions:
        view = views.get(name)
        if view is None:
            failed.append(f"{name}: {_reason(connection, started, name)}")
            continue
        if not view.ended:
            failed.append(f"{name}: its execution ended without closing it, see: tidemark session {name}")
            continue
        status = view.session.status
        for reason in view.session.reasons:
            err.print(Text.assemble((f"{status.value}: ", STATUS_STYLES[status]), terminal.printable(reason)))
        if status in (SessionStatus.FAILED, SessionStatus.ABORTED):
            failed.append(f"{name}: {'; '.join(view.session.reasons) or status.value}")
    if failed:
        raise SessionFailed(
            "\n".join(failed) + "\nrun it again when the cause is fixed, or redrive it in the console"
        )


def _reason(connection: Connection, started: Started, session: str) -> str:
    """Return why a session was not opened: the failure of its execution or, without one, of the run."""
    client = connection.clients.of("stepfunctions", connection.resources.region)
    own = executions.execution_arn(connection.resources.backup_session, session)
    for arn in dict.fromkeys((own, started.execution_arn)):
        try:
            failure = executions.failure_of(client, arn)
        except ClientError as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise
            continue
        if failure:
            return failure
    return "its execution ended before it opened the session"


def watch(
    connection: Connection,
    policy: Policy,
    started: Started,
    *,
    interval: float = INTERVAL_SECONDS,
    to: Console | None = None,
) -> SessionWatcher:
    """Show the sessions until all have ended, or every execution that could end them has ended.

    Two runs of a policy that start in the same second have the same sessions: the second run ends
    immediately, and the sessions continue.
    """
    client = connection.clients.of("stepfunctions", connection.resources.region)
    machine = connection.resources.backup_session
    arns = [started.execution_arn, *(executions.execution_arn(machine, name) for name in started.sessions)]
    return follow(
        connection,
        [(name, policy) for name in started.sessions],
        interval=interval,
        until=lambda: all(executions.ended_as(client, arn) is not None for arn in arns),
        to=to,
    )


def _print_stopped(started: Started) -> None:
    name = next(iter(started.sessions))
    terminal.console(stderr=True).print(
        f"stopped watching; the run continues, see: tidemark session {name} --watch", soft_wrap=True
    )


def _print_started(policy: str, started: Started, link: str | None) -> None:
    out = terminal.console()
    out.print(f"Started policy {policy}: {terminal.count(len(started.sessions), 'session')}.")
    for name in started.sessions:
        out.print(Text(f"  {name}", terminal.STRONG), soft_wrap=True)
    if link is not None:
        out.print(Text(f"  {link}", terminal.QUIET), soft_wrap=True)
    out.print("Follow it with:")
    for name in started.sessions:
        out.print(terminal.commands((f"tidemark session {name} --watch", "")), soft_wrap=True)
