"""The recovery points of a file system, compared with the records."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidemark.answers.connection import Connection
from tidemark.answers.recorded_points import recorded_elsewhere
from tidemark.aws.clock import utc_now
from tidemark.aws.recovery_points import RecoveryPoint, Unlisted, recovery_points_of
from tidemark.sessions.indexing import Index
from tidemark.sessions.queries import associations_of
from tidemark.sessions.records import read_index
from tidemark.tags import Finding, TagProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file system's points, each with the id of the index that describes it, and the vaults not listed."""

    points: list[tuple[RecoveryPoint, str | None]]
    unlisted: list[Unlisted]


def find(connection: Connection, file_system: str) -> Found:
    """Return a file system's points and the vaults that could not be listed.

    The points in vaults of other accounts, which users of this one cannot list, are those of the records.
    """
    whose = connection.file_system(file_system)
    listing = recovery_points_of(
        connection.clients,
        whose,
        vaults=connection.resources.vaults,
        keys=connection.tag_keys,
        deployment=connection.deployment,
    )
    found = [*listing.points, *recorded_elsewhere(connection, whose, utc_now())]
    found.sort(key=lambda point: point.created_at, reverse=True)
    points = [(point, _index_of(connection, point)) for point in found]
    named = {index_id for _, index_id in points if index_id is not None}  # a backup's copies share one
    recorded = {each: read_index(connection.records, whose, each) for each in named}
    return Found(
        points=[
            (with_index_compared(point, index_id, recorded.get(index_id or "")), index_id)
            for point, index_id in points
        ],
        unlisted=listing.unlisted,
    )


def with_index_compared(point: RecoveryPoint, index_id: str | None, index: Index | None) -> RecoveryPoint:
    """Return the point, with a problem added if its tags do not name the index that the records name.

    `index` is the record of the index `index_id`. Tags written by earlier versions contain no digest.
    """
    metadata = point.tags.metadata
    published = None if index is None else index.manifest_sha256
    if metadata is None:
        return point
    if metadata.index != index_id:
        message = f"its tags name {metadata.index or 'no index'}, but the records name {index_id or 'none'}"
    elif metadata.manifest_sha256 is not None and metadata.manifest_sha256 != published:
        message = f"its tags and the records name different manifests of {index_id}"
    else:
        return point
    problem = TagProblem(finding=Finding.OTHER_INDEX, tag_key="", field="index", message=message)
    return replace(point, tags=replace(point.tags, problems=(*point.tags.problems, problem)))


def _index_of(connection: Connection, point: RecoveryPoint) -> str | None:
    association = next(associations_of(connection.records, point.recovery_point_arn), None)
    return None if association is None else association.index_id
