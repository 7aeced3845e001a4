"""tidemark demo"""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tidemark.answers import points
from tidemark.answers.checks.runner import run_checks, scope_of
from tidemark.answers.connection import Connection
from tidemark.answers.session_progress import View
from tidemark.aws.clock import utc_now
from tidemark.cli.commands import browse, recovery_points, restore, run
from tidemark.cli.commands import check as check_command
from tidemark.cli.commands.run import Started
from tidemark.cli.output import terminal
from tidemark.cli.output.entry_lines import entry_line
from tidemark.cli.support.extras import require_browse, require_local_cloud
from tidemark.cli.support.local_deployment import (
    COPY_REGION,
    REGION,
    LocalDeployment,
    ReportProgress,
    check,
    deploy_locally,
    no_progress,
)
from tidemark.cli.support.session_watcher import follow
from tidemark.errors import IndexingFailed, SessionNotFound
from tidemark.policy.policy import Policy
from tidemark.scratch import scratch_directory
from tidemark.sessions.indexing import IndexStatus
from tidemark.sessions.queries import associations_of

if TYPE_CHECKING:
    from tidemark.index.format.manifest import Manifest

NAME = "demo"  # name of the file system and of its policy
SMALL = "small"  # name of a second one, used when DIR is large
_SOURCES = Path(__file__).resolve().parents[2]
TIME_SCALE = 0.005
_INTERVAL = 0.25  # seconds between two polls of a session; the local cloud is fast
_HOLD_SECONDS = 6.0  # longer than the next session takes to open
_QUICK = timedelta(seconds=20)  # if a session takes longer, the next two use SMALL
_SAMPLE = 5

HELP = f"""Demonstrate Tidemark on this machine, with your files.

Runs AWS on this machine, deploys the same CDK template that goes to AWS, checks that sessions can run, and
runs a policy for a file system that contains DIR. Then starts a session while an indexing session is running,
and shows that both share one index. Backups are real copies in a temporary directory and take two to six
times the space of DIR while the demo runs. DIR is only read.

JSON describes the first session (with --json, the others are not run): session_id, status,
recovery_point_arn, copies[] with recovery_point_arn, region, vault; index with index_id, location, files,
directories, bytes, unreadable; associations[] with recovery_point_arn, index_id. The Regions are {REGION} and
{COPY_REGION}.
"""


def demo(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Directory to back up. Default: the Python standard library.",
            show_default=False,
        ),
    ] = None,
    pages: Annotated[
        bool, typer.Option("--browse", help="Then serve the pages of these backups until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See HELP."""
    require_local_cloud("demo")
    if pages and as_json:
        raise typer.BadParameter("--browse and --json are mutually exclusive; omit one of them")
    if pages:
        require_browse("demo --browse")
    out = terminal.console()
    if directory is not None:
        directory = directory.expanduser().absolute()
        check(NAME, directory)
    if not as_json:
        out.print(f"AWS on this machine: no data leaves it, and waits run {1 / TIME_SCALE:.0f}x faster.")
    say = no_progress if as_json else terminal.working(out)
    with (
        _root(directory, say) as root,
        deploy_locally({NAME: root, SMALL: _SOURCES}, time_scale=TIME_SCALE, say=say) as bench,
    ):
        connection = bench.connection
        policy = connection.policy(NAME)
        if as_json:
            view = _run(connection, policy, Console(quiet=True))
            terminal.print_json(_document(connection, view))
            return
        _heading(out, "Check that sessions can run, without starting one")
        out.print(terminal.commands((f"tidemark check {NAME}", "")))
        check_command.show(out, run_checks(scope_of(connection, NAME)))
        what = terminal.printable(str(root)) if directory else "the Python standard library"
        _heading(out, f"A session: back up {what}, copy, index")
        out.print(terminal.commands((f"tidemark run {NAME} --wait", "")))
        view = _run(connection, policy, out)
        _show_points(out, connection, bench.cloud.file_systems[NAME].id)
        _show_search(out, connection, _manifest(connection, view))
        quick = view.session.ended_at is not None and view.session.ended_at - view.session.opened_at < _QUICK
        _show_overlap(out, bench, policy if quick else connection.policy(SMALL))
        _show_restore(out, bench, NAME if quick else SMALL)
        if pages:
            _heading(out, "Find, compare and restore in the browser")
            browse.serve(connection.repository, connection, None)
    _show_next(out, directory)


@contextmanager
def _root(directory: Path | None, say: ReportProgress) -> Iterator[Path]:
    """Yield the directory to back up: the user's, or a copy of the Python standard library."""
    if directory is not None:
        yield directory
        return
    with scratch_directory() as scratch:
        library = scratch / "python"
        others = shutil.ignore_patterns("site-packages", "dist-packages", "__pycache__")
        with say("Copying the Python standard library"):
            shutil.copytree(sysconfig.get_path("stdlib"), library, symlinks=True, ignore=others)
        yield library


def _run(connection: Connection, policy: Policy, out: Console) -> View:
    """Run the policy once and return the session as it ended; raise SessionFailed."""
    started = _start(connection, policy)
    watcher = run.watch(connection, policy, started, interval=_INTERVAL, to=out)
    run.print_outcome(connection, started, watcher)
    return watcher.views[0]


def _start(connection: Connection, policy: Policy) -> Started:
    run.preflight(connection, policy, None)
    return run.start(connection, policy, None)


def _manifest(connection: Connection, view: View) -> Manifest:
    from tidemark.index.storage.catalog import open_index

    if view.index is None or view.index.status is not IndexStatus.COMPLETE:
        raise IndexingFailed(
            f"session {view.session.session_id} has no index: {'; '.join(view.session.reasons)}"
        )
    return open_index(connection.repository, view.index.index_id)


def _show_points(out: Console, connection: Connection, file_system_id: str) -> None:
    _heading(out, "List the recovery points in AWS Backup, with the metadata in their encrypted tags")
    out.print(terminal.commands((f"tidemark recovery-points {file_system_id}", "")))
    recovery_points.show(out, points.find(connection, file_system_id).points)


def _show_search(out: Console, connection: Connection, manifest: Manifest) -> None:
    pattern = _sample_pattern(connection, manifest)
    _heading(out, "Search the backup, directly in the repository")
    out.print(terminal.commands((f"tidemark search '{pattern}'", "")))
    from tidemark.index.query.search import search

    begun = utc_now()
    found = list(search(connection.repository, manifest, pattern))
    took = terminal.duration(utc_now() - begun)
    for entry in found[:_SAMPLE]:
        out.print(entry_line(entry, entry.path), soft_wrap=True)
    rest = len(found) - _SAMPLE
    out.print(
        Text(
            f"{f'and {rest:,} more; ' if rest > 0 else ''}"
            f"{terminal.count(manifest.totals.entries, 'name')} read in {took}",
            "dim",
        )
    )


def _sample_pattern(connection: Connection, manifest: Manifest) -> str:
    """Return a glob for the first plain extension in the index, so that the search has matches."""
    from tidemark.index.query.search import search

    for entry in search(connection.repository, manifest, "*.*"):
        if entry.type == "f" and entry.ext and entry.ext.isascii() and entry.ext.isalnum():
            return f"*.{entry.name.rpartition('.')[2]}"
    return "*"


def _show_overlap(out: Console, bench: LocalDeployment, policy: Policy) -> None:
    connection = bench.connection
    _heading(out, "Start a session while an indexing session is running")
    if policy.name == SMALL:
        out.print(
            "To save time, this uses a small file system: Tidemark's own sources.", style=terminal.QUIET
        )
    out.print(
        f"Crawling this directory takes only a moment. The local cloud delays the worker's\n"
        f"last write by {_HOLD_SECONDS:.0f} s, so that the first crawl is still running when the second\n"
        f"session starts. Nothing else is changed.",
        style=terminal.QUIET,
    )
    from localcloud.core.faults import Fault

    hold = Fault(
        service="s3",
        operation="PutObject",
        action="delay",
        match=r"proposal\.json",
        calls=(1, 1),
        seconds=_HOLD_SECONDS,
    )
    bench.cloud.faults.add(hold)
    first = _start(connection, policy)
    with terminal.working(out)("Waiting for the crawl of the first session"):
        _await_crawl(connection, policy, first)
    second = _start(connection, policy)
    both = Started(execution_arn=second.execution_arn, sessions=first.sessions | second.sessions)
    watcher = run.watch(connection, policy, both, interval=_INTERVAL, to=out)
    run.print_outcome(connection, both, watcher)
    bench.cloud.faults.clear()
    _print_shared(out, connection, watcher.views)


def _show_restore(out: Console, bench: LocalDeployment, name: str) -> None:
    """Delete a file in the local cloud's copy of the directory, find it in the backups, and restore it."""
    from tidemark.index.query.search import search
    from tidemark.index.storage.catalog import newest_index

    connection, file_system = bench.connection, bench.cloud.file_systems[name].id
    _heading(out, "Delete a file, find it in the backups, and put it back")
    with terminal.working(out)("Copying the directory, because the demo only reads yours"):
        root = bench.cloud.writable_directory_of(file_system)
    manifest = newest_index(connection.repository, file_system)
    files = (entry for entry in search(connection.repository, manifest, "*.*") if entry.type == "f")
    file = next(files, None)
    if file is None:
        out.print("The directory has no file to delete.", style=terminal.QUIET)
        return
    place = Path(os.fsdecode(os.fsencode(root) + file.raw_path))
    place.unlink()
    path, name = (shlex.quote(terminal.printable(text)) for text in (file.path, file.name))
    out.print(terminal.commands((f"rm {path}", ""), (f"tidemark search {name}", "")))
    begun = utc_now()
    for found in search(connection.repository, manifest, file.name, mode="exact"):
        out.print(entry_line(found, found.path), soft_wrap=True)
    out.print(terminal.commands((f"tidemark restore {path} --file-system {file_system} --wait", "")))
    restore.restore_now(connection, file_system, [file.path], interval=_INTERVAL, to=out)
    took = terminal.duration(utc_now() - begun)
    if place.exists():
        out.print(Text.assemble((f"{path} is back", terminal.STRONG), f", {took} after the search."))


def _await_crawl(connection: Connection, policy: Policy, started: Started) -> None:
    """Wait until the session's index is being built, or the session has ended."""
    (name,) = started.sessions

    def crawls() -> bool:
        try:
            view = connection.view(name, policy)
        except SessionNotFound:
            return False
        return view.ended or (view.index is not None and view.index.status is IndexStatus.RUNNING)

    follow(connection, [(name, policy)], interval=_INTERVAL, until=crawls, to=Console(quiet=True))


def _print_shared(out: Console, connection: Connection, views: list[View]) -> None:
    described = {
        association.recovery_point_arn: association.index_id
        for view in views
        for point in view.session.points
        for association in associations_of(connection.records, point.recovery_point_arn)
    }
    indexes = sorted(set(described.values()))
    out.print()
    if len(indexes) == 1:
        out.print(
            Text.assemble(
                "Both sessions share one crawl: index ",
                (indexes[0], terminal.STRONG),
                f"\ndescribes all {len(described)} of their recovery points and copies.",
            ),
            soft_wrap=True,
        )
    else:  # on a slow machine: the first index was complete before the second session opened
        out.print(
            f"The second session opened after the first crawl had ended: {len(indexes)} indexes.",
            style=terminal.CAREFUL,
        )


def _show_next(out: Console, directory: Path | None) -> None:
    tidemark = terminal.program()
    _heading(out, "Next steps")
    shown = shlex.quote(terminal.printable(str(directory or "/some/tree")))
    out.print(
        terminal.commands((f"{tidemark} local up --file-system home={shown}", "")),
        soft_wrap=True,
    )
    out.print("    keeps the cloud running, for the other commands and the AWS CLI", style=terminal.QUIET)
    tree = "" if directory is None else f" {shown}"
    out.print(terminal.commands((f"{tidemark} demo --browse{tree}", "")), soft_wrap=True)
    out.print(
        "    ends with these backups in your browser, to find, compare and restore", style=terminal.QUIET
    )
    out.print(
        terminal.commands(
            (f"{tidemark} --help", "all commands"), ("README.md, Deploy", "deploy to an AWS account")
        )
    )


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(text, style=terminal.STRONG)


def _document(connection: Connection, view: View) -> dict[str, Any]:
    session, manifest = view.session, _manifest(connection, view)
    backup = next(point for point in session.points if point.kind == "backup")
    return {
        "session_id": session.session_id,
        "status": session.status.value,
        "recovery_point_arn": backup.recovery_point_arn,
        "copies": [
            {"recovery_point_arn": point.recovery_point_arn, "region": point.region, "vault": point.vault}
            for point in session.points
            if point.kind == "copy"
        ],
        "index": {
            "index_id": manifest.index_id,
            "location": f"{connection.repository.url}/{manifest.identity.prefix}",
            "files": manifest.totals.files,
            "directories": manifest.totals.directories,
            "bytes": manifest.totals.bytes,
            "unreadable": manifest.totals.unreadable,
        },
        "associations": [
            {"recovery_point_arn": found.recovery_point_arn, "index_id": found.index_id}
            for point in session.points
            for found in associations_of(connection.records, point.recovery_point_arn)
        ],
    }
