"""Find the repository and the indexes that a command or a page reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import quoted, visible
from tidemark.errors import IndexNotFound, NoCredentials, NotDeployed, RecoveryPointNotFound
from tidemark.index.storage.object_store import Store, file_store
from tidemark.policy.policy import FILE_SYSTEM_ID
from tidemark.sessions.naming import is_index_id

if TYPE_CHECKING:  # importing the AWS SDK takes longer than most answers; a local repository needs none of it
    from tidemark.answers.connection import Connection
    from tidemark.index.format.manifest import Manifest
    from tidemark.index.storage.catalog import SkipIndex


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
    from tidemark.answers.connection import connect

    try:
        connection = connect()
    except (NoCredentials, NotDeployed) as error:
        error.add_note("to read a repository without a deployment, name it with: --repository URL")
        raise
    return connection.repository, connection


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
        raise InvalidRequest(
            "a recovery point can be found only through a deployment; name its index instead"
        )
    from tidemark.answers.connection import connect
    from tidemark.sessions.queries import associations_of

    connection = connect()
    association = next(associations_of(connection.records, source), None)
    if association is None:
        raise RecoveryPointNotFound(
            f"no index describes {visible(source)}; see the points and their indexes with: "
            f"tidemark recovery-points FILE-SYSTEM"
        )
    repository = connection.repository
    return repository, open_index(repository, association.index_id)


def index_of(repository: Store, index_id: str) -> Manifest:
    """Return an index by its id; raise IndexNotFound, also for a malformed id."""
    from tidemark.index.storage.catalog import open_index

    if not is_index_id(index_id):
        raise IndexNotFound(
            f"{quoted(index_id)} is not an index id, a file system id or the ARN of a recovery "
            f"point; list the indexes with: tidemark index list --repository {repository.url}"
        )
    return open_index(repository, index_id)


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


def newest_of(repository: Store, file_system: str | None, skip_index: SkipIndex) -> list[Manifest]:
    """Return the indexes to search: the newest of the file system, or of each file system."""
    from tidemark.index.storage.catalog import newest_index, newest_indexes

    if file_system is not None:
        return [newest_index(repository, file_system, skip_index)]
    newest = newest_indexes(repository, skip_index)
    if not newest:
        raise no_index_yet(repository)
    return newest


def whose(manifest: Manifest) -> tuple[str, str, str]:
    """Return the account, Region and id of the file system that an index describes."""
    return manifest.identity.file_system


def no_index_yet(repository: Store) -> IndexNotFound:
    """Return the error for a repository without any index."""
    return IndexNotFound(
        f"{repository.url} has no index yet; create one with: tidemark run POLICY --wait (with index: true), "
        f"or of any directory with: tidemark index build DIR --repository URL"
    )
