"""Find the repository and the indexes that a command reads."""

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
        help="file:///path or s3://bucket/prefix, to read without a deployment. Default: the deployment's.",
    ),
]
CLAMPED = 2**63 - 1  # the first indexes store this for a directory that holds more
INDEX_FIELDS = (
    "index_id, account, region, file_system, location, crawl_started_at, crawl_ended_at, worker, "
    "excluded[], unmatched[] (patterns of excluded[] that matched no directory), previous_index_id, entries, "
    "files, directories, others, bytes (each hard-linked file once), unreadable, vanished, changed"
)


def store_at(url: str, *, to_read: bool = False) -> Store:
    """Return the store at a repository URL; S3 is accessed with the user's credentials.

    Raises ConfigurationError for an invalid URL and, with `to_read`, for a directory that does not exist.
    """
    if not url.startswith("s3:"):
        return file_store(url, to_read=to_read)
    from tidemark.aws.clients import Clients
    from tidemark.aws.s3_store import open_store

    return open_store(url, Clients().of("s3"))


def deployment_or(url: str | None) -> tuple[Store, Connection | None]:
    """Return the repository at a URL, or else the deployment's with the connection to the deployment.

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
    """Yield the repository and the index that `resolve` returns, inside `skipping_unreadable`."""
    with skipping_unreadable() as skip_index:
        yield resolve(source, url, skip_index)


def resolve(source: str, url: str | None, skip_index: SkipIndex) -> tuple[Store, Manifest]:
    """Return the repository and the index of an index id, a file system id or a recovery point ARN.

    A file system id selects its newest readable index. Raises IndexNotFound, RecoveryPointNotFound, and
    IndexDamaged or IndexFormatNotSupported if the index that `source` names cannot be read.
    """
    from tidemark.index.storage.catalog import newest_index, open_index

    if not source.startswith("arn:"):
        repository, _ = deployment_or(url)
        if FILE_SYSTEM_ID.fullmatch(source):
            return repository, newest_index(repository, source, skip_index)
        return repository, index_of(repository, source)
    if url is not None:
        raise typer.BadParameter(
            "a recovery point can be found only through a deployment; name its index instead"
        )
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
    """Return an index by its id; raise IndexNotFound, also for a malformed id."""
    from tidemark.index.storage.catalog import open_index

    if not is_index_id(index_id):
        raise IndexNotFound(
            f"{terminal.quoted(index_id)} is not an index id, a file system id or the ARN of a recovery "
            f"point; list the indexes with: tidemark index list --repository {repository.url}"
        )
    return open_index(repository, index_id)


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


def every_index(repository: Store, file_system: str | None, skip_index: SkipIndex) -> list[Manifest]:
    """Return all indexes, or those of one file system, sorted by file system and then oldest first.

    Raises IndexNotFound if there are none.
    """
    from tidemark.index.storage.catalog import list_indexes, no_index_of

    found = list_indexes(repository, file_system, skip_index)
    if not found and file_system is not None:
        raise no_index_of(repository, file_system)
    if not found:
        raise no_index_yet(repository)
    return sorted(found, key=whose)  # a stable sort keeps the order by time


def whose(manifest: Manifest) -> tuple[str, str, str]:
    """Return the account, Region and id of the file system that an index describes."""
    return manifest.identity.file_system


def no_index_yet(repository: Store) -> IndexNotFound:
    """Return the error for a repository without any index."""
    return IndexNotFound(
        f"{repository.url} has no index yet; create one with: tidemark run POLICY --wait (with index: true), "
        f"or of any directory with: tidemark index build DIR --repository URL"
    )


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
