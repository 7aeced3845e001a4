"""tidemark index build"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tidemark import __version__
from tidemark.aws.clock import utc_now
from tidemark.cli import terminal
from tidemark.cli.indexes import INDEX_FIELDS, manifest_json, store_at
from tidemark.errors import IndexDamaged, IndexFormatNotSupported
from tidemark.index.store import Store
from tidemark.policy.policy import check_file_system_id
from tidemark.sessions.naming import index_id

if TYPE_CHECKING:
    from tidemark.crawl.crawler import Crawl
    from tidemark.index.manifest import IndexIdentity, Manifest

LOCAL = "local"  # where an account and a Region would stand
_THREADS = 8  # a local disk is not slower with them; a network's latency wants more

HELP = f"""Crawl any directory and write its index, without a deployment.

DIR is only read: symbolic links are not followed and other file systems below it are not entered. What AWS
Backup leaves in the root of a file system after a restore is left out. Names and sizes are indexed, never
contents. Indexes of the same directory of the same machine belong together: the next one holds the changes.

JSON: {INDEX_FIELDS}.
"""


def build(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="What to index.")
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
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, max=256, help="Requests at a time; 64 suit NFS.")
    ] = _THREADS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """See HELP."""
    if file_system is not None:
        check_file_system_id(file_system)
    from tidemark.crawl import open_crawl
    from tidemark.crawl.crawler import CrawlOptions
    from tidemark.index.build import build_index
    from tidemark.index.manifest import IndexIdentity

    store = store_at(repository)
    begun = utc_now()
    whose = file_system or file_system_id_of(directory)
    identity = IndexIdentity(
        account=LOCAL,
        region=LOCAL,
        file_system_id=whose,
        index_id=index_id(whose, begun, secrets.token_hex(3)),
    )
    options = CrawlOptions(threads=threads)
    crawl = open_crawl(os.fsencode(directory), options)
    with (
        tempfile.TemporaryDirectory(prefix="tidemark-index-") as scratch,
        _nothing_left_of_a_failure(store, identity, crawl),
        _progress(crawl, _entries_before(store, identity)) as show,
    ):
        manifest = build_index(
            crawl,
            store,
            identity,
            scratch=Path(scratch),
            now=utc_now,
            worker=f"tidemark/{__version__}",
            excluded=options.exclude,
            may_continue=show,
        )
    if as_json:
        terminal.print_json(manifest_json(store, manifest))
    else:
        took = terminal.duration(utc_now() - begun)
        _print(store, manifest, took)


def file_system_id_of(directory: Path) -> str:
    """Return an id of the form of a file system's, the same for the same directory of the same machine.

    Its 16 digits tell it from EFS's own, which have 8 or 17.
    """
    whose = platform.node().encode() + b"\0" + os.fsencode(directory.resolve())
    return f"fs-{hashlib.sha256(whose).hexdigest()[:16]}"


def _entries_before(store: Store, identity: IndexIdentity) -> int | None:
    """Return what the previous index has counted: the best guess of what there is."""
    from tidemark.index.catalogue import index_before

    try:
        before = index_before(store, identity)
    except (IndexDamaged, IndexFormatNotSupported):
        return None
    return before.totals.entries if before else None


@contextmanager
def _nothing_left_of_a_failure(store: Store, identity: IndexIdentity, crawl: Crawl) -> Iterator[None]:
    """Stop the crawl when something goes wrong, and give up what has been written of the index."""
    try:
        yield
    except BaseException:
        crawl.stop()
        with contextlib.suppress(Exception):  # the repository may be what went wrong
            keys = store.list_keys(identity.prefix)
            for key in keys:
                store.discard(key)
        raise


@contextmanager
def _progress(crawl: Crawl, entries_before: int | None) -> Iterator[Callable[[], None]]:
    """Show on a terminal how far the crawl is; return what to call now and then."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[counted]}"),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if entries_before else []),
    )
    err = terminal.console(stderr=True)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("crawling", total=entries_before, counted="")

        def show() -> None:
            now = crawl.progress()
            counted = f"{now.entries:,} entries, {terminal.size(now.bytes)}"
            if now.directories_queued:
                counted += f", {terminal.count(now.directories_queued, 'directory', 'directories')} waiting"
                progress.update(task, completed=now.entries, counted=counted)
            else:  # all is listed; how long the rest takes is not known
                progress.update(task, description="writing", total=None, counted=counted)

        yield show


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
    err.print(Text.assemble(("✓ ", terminal.GOOD), ", ".join(counted), (f"  {took}", terminal.QUIET)))
    problems = {
        "could not be read": totals.unreadable,
        "vanished meanwhile": totals.vanished,
        "changed while they were listed": totals.changed,
    }
    for what, number in problems.items():
        if number:
            err.print(Text(f"! {number:,} {what}", terminal.CAREFUL))
    at = f"--repository {terminal.printable(store.url)}"
    err.print(
        terminal.commands((f"tidemark search NAME {at}", ""), (f"tidemark ls {manifest.index_id}:/ {at}", ""))
    )
