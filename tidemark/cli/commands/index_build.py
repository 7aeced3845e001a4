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
from tidemark.aws.clock import utc_now
from tidemark.cli.output import terminal
from tidemark.cli.support.exit_codes import INTERRUPTED
from tidemark.cli.support.index_selection import INDEX_FIELDS, manifest_json, store_at
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

LOCAL = "local"  # where an account and a Region would stand
CHECKPOINT_SECONDS = 60.0

HELP = f"""Crawl any directory and write its index, without a deployment.

DIR is only read: symbolic links are not followed and other file systems below it are not entered. What AWS
Backup leaves in the root of a file system after a restore is left out. Names and sizes are indexed, never
contents. Indexes of the same directory of the same machine belong together: the next one holds the changes.

A PATTERN of --exclude leaves out directories with all below them, and never a file or a link. It is that of
a .gitignore file, as in tidemark.yaml: a path from DIR where a slash is at its beginning or in its middle,
else a name at any depth; *, ? and [a-z] match no slash; ** as a whole name is any number of directories; a
backslash takes the meaning from the next character; \\xNN is a byte. A "!" is refused. A pattern that no
directory matches is reported.

A build that was interrupted, in whatever way, goes on when the same command is given again, from where it was
a minute before; Ctrl-C loses nothing.

\b
  tidemark index build /home --repository file:///srv/ix --exclude '/*/.cache'
  tidemark index build . --repository file:///srv/ix --exclude node_modules

JSON: {INDEX_FIELDS}, flags[], changes{{added, modified, deleted, unreadable}} or null, continued, seconds.
"""


def build(
    directory: Annotated[
        Path,
        # Whether it can be read, the crawl says, with the code that says so.
        typer.Argument(metavar="DIR", exists=True, file_okay=False, readable=False, help="What to index."),
    ],
    repository: Annotated[
        str,
        typer.Option("--repository", metavar="URL", help="file:///path or s3://bucket/prefix, to write to."),
    ],
    file_system: Annotated[
        str | None,
        typer.Option(
            "--file-system", metavar="ID", help="Whose index it is. Default: made from host and DIR."
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
            help="Requests at a time. Default: 8 to 64, by how long the file system takes to answer.",
        ),
    ] = None,
    operations_per_second: Annotated[
        int | None,
        typer.Option("--operations-per-second", metavar="N", min=1, help="Ask the file system no faster."),
    ] = None,
    full_inodes: Annotated[
        bool,
        typer.Option("--full-inodes", help="Index every inode, not only those of several names (+8 B each)."),
    ] = False,
    nanoseconds: Annotated[
        bool, typer.Option("--nanoseconds", help="Index times to the nanosecond (up to +4 B an entry).")
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
        _say_goes_on(identity, checkpoint)
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
        _left_to_go_on_with(store, identity, parameters, crawl, progress),
        _pause_asked_for(crawl) as pause_wanted,
        _shown(crawl, progress, pause_wanted),
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
    """Return an id of the form of a file system's, the same for the same directory of the same machine.

    Its 16 digits tell it from EFS's own, which have 8 or 17.
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
    """Return what to write instead of a pattern that begins at the root of this machine."""
    inside = pattern.removeprefix(f"{directory.resolve()}/")
    return "" if inside == pattern else f"; patterns begin at DIR, so write {terminal.quoted('/' + inside)}"


@contextmanager
def _left_to_go_on_with(
    store: Store, identity: IndexIdentity, parameters: BuildParameters, crawl: Crawl, progress: BuildProgress
) -> Iterator[None]:
    """Stop the crawl when something goes wrong; keep what the next build can go on with, and say so."""
    from tidemark.cli.support.resumable_build import give_up, record_parameters
    from tidemark.index.build.checkpoint import load_checkpoint
    from tidemark.index.build.pipeline import IndexingPaused

    try:
        yield
    except IndexingPaused:
        record_parameters(store, identity, parameters, here=False)
        _warn(f"stopped after {progress.entries:,} entries; give the same command again to go on")
        raise Exit(INTERRUPTED) from None
    except BaseException:
        crawl.stop()
        with contextlib.suppress(Exception):  # the repository may be what went wrong
            if checkpoint := load_checkpoint(store, identity):
                record_parameters(store, identity, parameters, here=False)
                _warn(f"{checkpoint.entries:,} entries are kept; give the same command again to go on")
            else:
                give_up(store, identity)
        raise


@contextmanager
def _pause_asked_for(crawl: Crawl) -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C for the wish to end at a checkpoint, and the second for the one to end now."""
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
def _shown(crawl: Crawl, progress: BuildProgress, pause_wanted: Callable[[], bool]) -> Iterator[None]:
    """Show on a terminal how far the build is."""
    err = terminal.console(stderr=True)
    if not err.is_terminal:
        yield
        return
    from tidemark.cli.output.progress_bar import Bar

    with Bar(err, crawl.progress, progress, pause_wanted):
        yield


def _say_goes_on(identity: IndexIdentity, checkpoint: Checkpoint) -> None:
    terminal.console(stderr=True).print(
        Text(
            f"going on with {identity.index_id}, begun {terminal.moment(checkpoint.started_at)}: "
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
            *([f"{changes.unreadable:,} could not be read again"] if changes.unreadable else []),
        ]
        err.print(f"  {', '.join(counted)} since {manifest.previous_index_id}", soft_wrap=True)
    problems = {
        "could not be read": totals.unreadable,
        "vanished meanwhile": totals.vanished,
        "changed while they were listed": totals.changed,
    }
    for what, number in problems.items():
        if number:
            _warn(f"{number:,} {what}")
    at = f"--repository {terminal.printable(store.url)}"
    err.print(
        terminal.commands(
            (f"tidemark search NAME {at}", ""), (f"tidemark ls {manifest.index_id}:/ {at}", "")
        ),
        soft_wrap=True,  # commands to copy must not be broken
    )


def _warn(text: str) -> None:
    terminal.console(stderr=True).print(Text(f"! {text}", terminal.CAREFUL), soft_wrap=True)
