"""tidemark index build"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import Exit

from tidemark import __version__
from tidemark.answers.indexes import store_at
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.cli.support.index_selection import INDEX_FIELDS, manifest_json
from tidemark.index.storage.object_store import Store
from tidemark.policy.policy import check_file_system_id
from tidemark.scratch import scratch_directory
from tidemark.sessions.naming import index_id

if TYPE_CHECKING:
    from tidemark.cli.support.resumable_build import BuildParameters
    from tidemark.crawl.crawler import Crawl
    from tidemark.exclusions import Exclusion
    from tidemark.index.build.checkpoint import Checkpoint
    from tidemark.index.build.progress import BuildProgress
    from tidemark.index.format.manifest import IndexIdentity, Manifest

LOCAL = "local"  # in place of the account and the Region
CHECKPOINT_SECONDS = 60.0

HELP = f"""Crawl any directory and write its index, without a deployment.

Only reads DIR; does not follow symbolic links and does not enter other file systems below it. Leaves out the
directories that AWS Backup creates in the root of a file system on restore. Indexes names and metadata, never
contents. Indexes of the same directory of the same machine form a series: each contains the changes since the
previous one.

A PATTERN of --exclude leaves out directories with everything below them, and never a file or a link. The
syntax is that of .gitignore, as in tidemark.yaml: a pattern with a slash at its start or in its middle is a
path from DIR, any other is a name at any depth; *, ? and [a-z] match no slash; ** as a whole name matches any
number of directories; a backslash escapes the next character; \\xNN is a byte. A "!" is refused. Patterns
that match no directory are reported.

To resume an interrupted build, run the same command again: it continues from the last checkpoint, at most a
minute before the interruption. Ctrl-C waits for a checkpoint, so that it loses nothing.

\b
  tidemark index build /home --repository file:///srv/ix --exclude '/*/.cache'
  tidemark index build . --repository file:///srv/ix --exclude node_modules

JSON: {INDEX_FIELDS}, flags[], changes{{added, modified, deleted, unreadable}} or null, continued, seconds.
"""


def build(
    directory: Annotated[
        Path,
        # The crawl checks whether it is readable, and fails with its own exit code.
        typer.Argument(
            metavar="DIR", exists=True, file_okay=False, readable=False, help="Directory to index."
        ),
    ],
    repository: Annotated[
        str,
        typer.Option(
            "--repository", metavar="URL", help="Where to write: file:///path or s3://bucket/prefix."
        ),
    ],
    file_system: Annotated[
        str | None,
        typer.Option(
            "--file-system", metavar="ID", help="File system to record. Default: derived from host and DIR."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Leave out directories: /cache/*/tmp from DIR, node_modules at any depth. Repeatable.",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            max=256,
            help="Concurrent requests. Default: 8 to 64, by the latency of the file system.",
        ),
    ] = None,
    operations_per_second: Annotated[
        int | None,
        typer.Option(
            "--operations-per-second", metavar="N", min=1, help="Limit requests to the file system."
        ),
    ] = None,
    full_inodes: Annotated[
        bool,
        typer.Option(
            "--full-inodes", help="Index every inode, not only those with several names (+8 B each)."
        ),
    ] = False,
    nanoseconds: Annotated[
        bool, typer.Option("--nanoseconds", help="Index times to the nanosecond (up to +4 B per entry).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        check_file_system_id(file_system)
    from tidemark.cli.support import resumable_build
    from tidemark.crawl import open_crawl
    from tidemark.crawl.crawler import RESTORE_DIRECTORIES, ROOT, CrawlOptions
    from tidemark.crawl.latency import answer_seconds, threads_for
    from tidemark.index.build.index_writer import BuildOptions
    from tidemark.index.build.pipeline import build_index
    from tidemark.index.build.progress import BuildProgress
    from tidemark.index.format.schema import Flags

    store = store_at(repository)
    begun = utc_now()
    flags = Flags(full_inodes=full_inodes, nanoseconds=nanoseconds)
    excluded = (*RESTORE_DIRECTORIES, *map(_exclusion, exclude or ()))
    parameters = resumable_build.build_parameters(directory, excluded, flags.names())
    identity = _new_identity(file_system or file_system_id_of(directory), begun)
    checkpoint: Checkpoint | None = None
    if earlier := resumable_build.unfinished(store, identity, parameters):
        identity, checkpoint = earlier
        resumable_build.give_up(store, identity, but="checkpoint")
        _print_resuming(identity, checkpoint)
    resumable_build.record_parameters(store, identity, parameters, here=True)
    threads = threads or threads_for(answer_seconds(os.fsencode(directory)))
    crawl = open_crawl(
        os.fsencode(directory),
        CrawlOptions(threads=threads, exclude=excluded, operations_per_second=operations_per_second),
        checkpoint.pending_directories(store) if checkpoint else (ROOT,),
    )
    progress = BuildProgress()
    with (
        scratch_directory() as scratch,
        _kept_for_resume(store, identity, parameters, crawl, progress),
        _pause_on_signal(crawl) as pause_wanted,
        _progress_bar(crawl, progress, pause_wanted),
    ):
        manifest = build_index(
            crawl,
            store,
            identity,
            scratch=scratch,
            now=utc_now,
            worker=f"tidemark/{__version__}",
            excluded=excluded,
            flags=flags,
            pause_wanted=pause_wanted,
            progress=progress,
            resume=checkpoint,
            options=BuildOptions(checkpoint_seconds=CHECKPOINT_SECONDS),
        )
    resumable_build.forget_parameters(store, identity)
    took = utc_now() - begun
    for pattern in manifest.unmatched:
        _warn(f"no directory matches --exclude {terminal.quoted(pattern)}{_hint(pattern, directory)}")
    if as_json:
        terminal.print_json(_json(store, manifest, continued=checkpoint is not None, took=took))
    else:
        _print(store, manifest, terminal.duration(took))


def file_system_id_of(directory: Path) -> str:
    """Return an id in the form of a file system id, stable for a directory of a machine.

    It has 16 digits, so that it differs from the ids of EFS, which have 8 or 17.
    """
    whose = platform.node().encode() + b"\0" + os.fsencode(directory.resolve())
    return f"fs-{hashlib.sha256(whose).hexdigest()[:16]}"


def _new_identity(file_system: str, now: datetime) -> IndexIdentity:
    from tidemark.index.format.manifest import IndexIdentity

    return IndexIdentity(
        account=LOCAL,
        region=LOCAL,
        file_system_id=file_system,
        index_id=index_id(file_system, now, secrets.randbelow(16)),
    )


def _exclusion(text: str) -> Exclusion:
    from tidemark.exclusions import Exclusion

    try:
        return Exclusion.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--exclude") from error


def _hint(pattern: str, directory: Path) -> str:
    """Return the fix for a pattern that begins at the root of this machine, or an empty string."""
    inside = pattern.removeprefix(f"{directory.resolve()}/")
    return "" if inside == pattern else f"; patterns begin at DIR, so write {terminal.quoted('/' + inside)}"


@contextmanager
def _kept_for_resume(
    store: Store, identity: IndexIdentity, parameters: BuildParameters, crawl: Crawl, progress: BuildProgress
) -> Iterator[None]:
    """On an error or a pause, stop the crawl and keep the checkpoint for the next build.

    Raises Exit(INTERRUPTED) for a pause, and the error for an error.
    """
    from tidemark.cli.support.resumable_build import give_up, record_parameters
    from tidemark.index.build.checkpoint import load_checkpoint
    from tidemark.index.build.pipeline import IndexingPaused

    try:
        yield
    except IndexingPaused:
        record_parameters(store, identity, parameters, here=False)
        kept = terminal.count(progress.entries, "entry", "entries")
        _warn(f"stopped after {kept}; run the same command again to resume")
        raise Exit(INTERRUPTED) from None
    except BaseException:
        crawl.stop()
        with contextlib.suppress(Exception):  # the repository may be the cause of the error
            if checkpoint := load_checkpoint(store, identity):
                record_parameters(store, identity, parameters, here=False)
                kept = terminal.count(checkpoint.entries, "entry", "entries")
                _warn(f"{kept} kept; run the same command again to resume")
            else:
                give_up(store, identity)
        raise


@contextmanager
def _pause_on_signal(crawl: Crawl) -> Iterator[Callable[[], bool]]:
    """Pause the crawl at the first Ctrl-C, and raise KeyboardInterrupt at the second.

    Yields a function that returns whether a pause was requested.
    """
    asked = False

    def ask(_signal: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        crawl.pause()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield lambda: asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _progress_bar(crawl: Crawl, progress: BuildProgress, pause_wanted: Callable[[], bool]) -> Iterator[None]:
    """Show the progress of the build if standard error is a terminal."""
    err = terminal.console(stderr=True)
    if not err.is_terminal:
        yield
        return
    from tidemark.cli.output.progress_bar import Bar

    with Bar(err, crawl.progress, progress, pause_wanted):
        yield


def _print_resuming(identity: IndexIdentity, checkpoint: Checkpoint) -> None:
    terminal.console(stderr=True).print(
        Text(
            f"resuming {identity.index_id}, started {terminal.moment(checkpoint.started_at)}: "
            f"{terminal.count(checkpoint.entries, 'entry', 'entries')} so far",
            terminal.QUIET,
        )
    )


def _json(store: Store, manifest: Manifest, *, continued: bool, took: timedelta) -> dict[str, Any]:
    changes = manifest.changes
    return {
        **manifest_json(store, manifest),
        "flags": list(manifest.flags),
        "changes": changes
        and {
            "added": changes.added,
            "modified": changes.modified,
            "deleted": changes.deleted,
            "unreadable": changes.unreadable,
        },
        "continued": continued,
        "seconds": round(took.total_seconds(), 3),
    }


def _print(store: Store, manifest: Manifest, took: str) -> None:
    totals = manifest.totals
    out, err = terminal.console(), terminal.console(stderr=True)
    out.print(manifest.index_id)
    counted = [
        terminal.count(totals.files, "file"),
        terminal.count(totals.directories, "directory", "directories"),
        terminal.count(totals.others, "other"),
        terminal.size(totals.bytes),
    ]
    err.print(
        Text.assemble(
            (f"{terminal.done()} ", terminal.GOOD), ", ".join(counted), (f"  {took}", terminal.QUIET)
        )
    )
    if changes := manifest.changes:
        counted = [
            f"{changes.added:,} added",
            f"{changes.modified:,} changed",
            f"{changes.deleted:,} removed",
            *([f"{changes.unreadable:,} can no longer be read"] if changes.unreadable else []),
        ]
        err.print(f"  {', '.join(counted)} since {manifest.previous_index_id}", soft_wrap=True)
    problems = {
        "could not be read": totals.unreadable,
        "vanished during the crawl": totals.vanished,
        "changed while being listed": totals.changed,
    }
    for what, number in problems.items():
        if number:
            _warn(f"{number:,} {what}")
    at = f"--repository {terminal.printable(store.url)}"
    err.print(
        terminal.commands(
            (f"tidemark search NAME {at}", ""), (f"tidemark ls {manifest.index_id}:/ {at}", "")
        ),
        soft_wrap=True,  # users copy these commands
    )


def _warn(text: str) -> None:
    terminal.console(stderr=True).print(Text(f"! {text}", terminal.CAREFUL), soft_wrap=True)
