"""Find the repository and the indexes that a command reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import Exit

from tidemark.answers.directory_names import Directory
from tidemark.answers.indexes import resolve
from tidemark.cli.output import terminal
from tidemark.errors import (
    IndexDamaged,
    IndexFormatNotSupported,
    IndexNotFound,
    PathNotFound,
)
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:  # importing the AWS SDK takes longer than most answers; a local repository needs none of it
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex

Repository = Annotated[
    str | None,
    typer.Option(
        "--repository",
        metavar="URL",
        help="file:///path or s3://bucket/prefix, to read without a deployment. Default: the deployment's.",
    ),
]
CLAMPED = 2**63 - 1  # the first indexes store this for a directory that holds more
INDEX_FIELDS = (
    "index_id, account, region, file_system, location, crawl_started_at, crawl_ended_at, worker, "
    "excluded[], unmatched[] (patterns of excluded[] that matched no directory), previous_index_id, entries, "
    "files, directories, others, bytes (each hard-linked file once), unreadable, vanished, changed"
)


@contextmanager
def opened(source: str, url: str | None) -> Iterator[tuple[Store, Manifest]]:
    """Yield the repository and the index that `resolve` returns, inside `skipping_unreadable`."""
    with skipping_unreadable() as skip_index:
        yield resolve(source, url, skip_index)


@contextmanager
def skipping_unreadable() -> Iterator[SkipIndex]:
    """Yield a function that reports a skipped index; exit with the code of the reason if any was skipped.

    Prints one line per skipped index. The exit code reports to programs that the result may be incomplete. If
    the other indexes have no result, the error is raised as the class of the reason, for the same purpose.
    """
    # By message: a search for the newest index and one through all indexes may skip the same one.
    skipped: dict[str, IndexDamaged | IndexFormatNotSupported] = {}

    def skip(error: IndexDamaged | IndexFormatNotSupported) -> None:
        message = f"! skipped: {terminal.printable(str(error))}"
        if message not in skipped:
            skipped[message] = error
            terminal.console(stderr=True).print(Text(message, terminal.CAREFUL), soft_wrap=True)

    def worst() -> type[IndexDamaged | IndexFormatNotSupported]:
        return min((type(error) for error in skipped.values()), key=lambda each: each.exit_code)

    try:
        yield skip
    except (IndexNotFound, PathNotFound) as error:
        if not skipped:
            raise
        raise worst()(f"in the readable indexes: {error}") from error
    if skipped:
        raise Exit(worst().exit_code)


def print_directory_line(directory: Directory) -> None:
    """Print the directory that a name stands for; nothing for a path from the root."""
    if directory.line is not None:
        line = Text(terminal.printable(directory.line), terminal.QUIET)
        terminal.console(stderr=True).print(line, soft_wrap=True)


def print_note(note: str) -> None:
    """Print a sentence about an answer to standard error."""
    terminal.console(stderr=True).print(Text(terminal.printable(note), terminal.QUIET), soft_wrap=True)


def print_index_line(manifest: Manifest) -> None:
    """Print the id and the time of the index that a result comes from."""
    when = terminal.moment(manifest.crawl_started_at)
    terminal.console(stderr=True).print(
        Text(f"{manifest.index_id}, crawled {when} UTC", terminal.QUIET), soft_wrap=True
    )


def note_hard_links(each_name: int, once: int) -> None:
    """Print the size of an index with each hard-linked file counted once, if it looks different."""
    shown, less = terminal.size(each_name), terminal.size(once)
    if shown != less and each_name != CLAMPED:
        note = (
            f"Hard-linked files count once for each of their names here: {shown} in the whole index, "
            f"{less} with each file counted once."
        )
        terminal.console(stderr=True).print(Text(note, terminal.QUIET), soft_wrap=True)


def manifest_json(repository: Store, manifest: Manifest) -> dict[str, Any]:
    """Return the facts of an index's manifest, with INDEX_FIELDS."""
    identity, totals = manifest.identity, manifest.totals
    return {
        "index_id": manifest.index_id,
        "account": identity.account,
        "region": identity.region,
        "file_system": identity.file_system_id,
        "location": f"{repository.url}/{identity.prefix}",
        "crawl_started_at": terminal.json_time(manifest.crawl_started_at),
        "crawl_ended_at": terminal.json_time(manifest.crawl_ended_at),
        "worker": manifest.worker,
        "excluded": list(manifest.excluded),
        "unmatched": list(manifest.unmatched),
        "previous_index_id": manifest.previous_index_id,
        "entries": totals.entries,
        "files": totals.files,
        "directories": totals.directories,
        "others": totals.others,
        "bytes": totals.bytes,
        "unreadable": totals.unreadable,
        "vanished": totals.vanished,
        "changed": totals.changed,
    }
