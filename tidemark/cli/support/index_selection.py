"""Which repository, and which of its indexes, a command is told to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.exceptions import Exit

from tidemark.cli.output import terminal
from tidemark.errors import (
    IndexDamaged,
    IndexFormatNotSupported,
    IndexNotFound,
    NoCredentials,
    NotDeployed,
    PathNotFound,
    RecoveryPointNotFound,
)
from tidemark.index.storage.object_store import Store, file_store
from tidemark.policy.policy import FILE_SYSTEM_ID
from tidemark.sessions.naming import is_index_id

if TYPE_CHECKING:  # importing the AWS SDK takes longer than most answers; a local repository needs none of it
    from tidemark.cli.support.connection import Connection
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex

Repository = Annotated[
    str | None,
    typer.Option(
        "--repository",
        metavar="URL",
        help="file:///path or s3://bucket/prefix, without any deployment. Default: the deployment's.",
    ),
]
CLAMPED = 2**63 - 1  # what the first indexes say of a directory that holds more
INDEX_FIELDS = (
    "index_id, account, region, file_system, location, crawl_started_at, crawl_ended_at, worker, "
    "excluded[], unmatched[] (of excluded[], what no directory matched), previous_index_id, entries, files, "
    "directories, others, bytes (of a hard-linked file once), unreadable, vanished, changed"
)


def store_at(url: str, *, to_read: bool = False) -> Store:
    """Return the store of a repository's URL, with the user's own credentials where it is in S3.

    Raises ConfigurationError for what is no URL of one, and to read from, where there is no such directory.
    """
    if not url.startswith("s3:"):
        return file_store(url, to_read=to_read)
    from tidemark.aws.clients import Clients
    from tidemark.aws.s3_store import open_store

    return open_store(url, Clients().of("s3"))


def deployment_or(url: str | None) -> tuple[Store, Connection | None]:
    """Return the repository at a URL; without one, the deployment's, and the connection to that.

    Raises NotDeployed, NoCredentials, ConfigurationError.
    """
    if url is not None:
        return store_at(url, to_read=True), None
    from tidemark.cli.support.connection import connect

    try:
        connection = connect()
    except (NoCredentials, NotDeployed) as error:
        error.add_note("to read a repository without a deployment, name it with: --repository URL")
        raise
    return connection.repository, connection


@contextmanager
def opened(source: str, url: str | None) -> Iterator[tuple[Store, Manifest]]:
    """Hand out an index, and its repository, as `resolve` finds it and `skipping_unreadable` ends it."""
    with skipping_unreadable() as skip_index:
        yield resolve(source, url, skip_index)


def resolve(source: str, url: str | None, skip_index: SkipIndex) -> tuple[Store, Manifest]:
    """Return an index, and its repository, by an index's id, a file system's or a recovery point's ARN.

    A file system stands for its newest index that can be read. Raises IndexNotFound, RecoveryPointNotFound;
    IndexDamaged and IndexFormatNotSupported where what is named itself cannot be read.
    """
    from tidemark.index.storage.catalog import newest_index, open_index

    if not source.startswith("arn:"):
        repository, _ = deployment_or(url)
        if FILE_SYSTEM_ID.fullmatch(source):
            return repository, newest_index(repository, source, skip_index)
        return repository, index_of(repository, source)
    if url is not None:
        raise typer.BadParameter("a recovery point is known to a deployment only; name its index instead")
    from tidemark.cli.support.connection import connect
    from tidemark.sessions.queries import associations_of

    connection = connect()
    association = next(associations_of(connection.records, source), None)
    if association is None:
        raise RecoveryPointNotFound(
            f"no index describes {terminal.printable(source)}; see the points and their indexes with: "
            f"tidemark recovery-points FILE-SYSTEM"
        )
    repository = connection.repository
    return repository, open_index(repository, association.index_id)


def index_of(repository: Store, index_id: str) -> Manifest:
    """Return an index by its id; raise IndexNotFound, also for what cannot be an id."""
    from tidemark.index.storage.catalog import open_index

    if not is_index_id(index_id):
        raise IndexNotFound(
            f"{terminal.quoted(index_id)} is neither an index's id nor a file system's nor a recovery "
            f"point's ARN; list the indexes with: tidemark index list --repository {repository.url}"
        )
    return open_index(repository, index_id)


@contextmanager
def skipping_unreadable() -> Iterator[SkipIndex]:
    """Say in a line each which indexes are passed over and why, and end with the reason's exit code.

    The answer is that of the other indexes, and programs must be able to tell that it may not be the whole
    truth. So must they where the others have none: the error has that code then.
    """
    # By what is said: a search for the newest index and one through all of them may meet the same one.
    told: dict[str, IndexDamaged | IndexFormatNotSupported] = {}

    def tell(error: IndexDamaged | IndexFormatNotSupported) -> None:
        said = f"! passed over: {terminal.printable(str(error))}"
        if said not in told:
            told[said] = error
            terminal.console(stderr=True).print(Text(said, terminal.CAREFUL), soft_wrap=True)

    def worst() -> type[IndexDamaged | IndexFormatNotSupported]:
        return min((type(error) for error in told.values()), key=lambda each: each.exit_code)

    try:
        yield tell
    except (IndexNotFound, PathNotFound) as error:
        if not told:
            raise
        raise worst()(f"of what can be read, {error}") from error
    if told:
        raise Exit(worst().exit_code)


def every_index(repository: Store, file_system: str | None, skip_index: SkipIndex) -> list[Manifest]:
    """Return every index, or those of one file system: of one after the other, each time oldest first.

    Raises IndexNotFound where there is none.
    """
    from tidemark.index.storage.catalog import list_indexes, no_index_of

    found = list_indexes(repository, file_system, skip_index)
    if not found and file_system is not None:
        raise no_index_of(repository, file_system)
    if not found:
        raise no_index_yet(repository)
    return sorted(found, key=whose)  # a stable sort: the order of time stays


def whose(manifest: Manifest) -> tuple[str, str, str]:
    """Return the account, Region and id of the file system that an index describes."""
    return manifest.identity.file_system


def no_index_yet(repository: Store) -> IndexNotFound:
    """Return what to say of a repository without any index."""
    return IndexNotFound(
        f"{repository.url} has no index yet; make one with: tidemark run POLICY --wait (with index: true), "
        f"or of any directory with: tidemark index build DIR --repository URL"
    )


def print_index_line(manifest: Manifest) -> None:
    """Say from which index an answer is, and from when that is."""
    when = terminal.moment(manifest.crawl_started_at)
    terminal.console(stderr=True).print(
        Text(f"{manifest.index_id}, crawled {when} UTC", terminal.QUIET), soft_wrap=True
    )


def note_hard_links(each_name: int, once: int) -> None:
    """Say what an index's bytes are where a hard-linked file counts once, if that shows."""
    shown, less = terminal.size(each_name), terminal.size(once)
    if shown != less and each_name != CLAMPED:
        note = (
            f"Hard-linked files count at each of their names here: {shown} in the whole index, "
            f"{less} when each counts once."
        )
        terminal.console(stderr=True).print(Text(note, terminal.QUIET), soft_wrap=True)


def manifest_json(repository: Store, manifest: Manifest) -> dict[str, Any]:
    """Return an index as its manifest has it, with INDEX_FIELDS."""
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
