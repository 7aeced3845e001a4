"""prune-run: remove the indexes of one file system whose time has passed and that no recovery point needs."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, count, lambda_handler, logger
from tidemark.aws.clock import utc_now
from tidemark.aws.pruning import plan_for, remove_planned
from tidemark.sessions.index_retention import Kept
from tidemark.sessions.metrics import INDEX_BYTES_REMOVED, INDEXES_REMOVED
from tidemark.sessions.session import FileSystem


class Event(TypedDict):
    """The file system, <account>/<Region>/<id>."""

    file_system: str


class Result(TypedDict):
    """Numbers only: the results of 1,000 file systems must fit into 256 KiB. The log contains the ids."""

    file_system: str
    removed: int  # indexes, and files of lost attempts next to an index
    size_bytes: int
    associations: int
    changed: int  # indexes that changed meanwhile; the next run decides on them
    unclear: int  # indexes that are kept because a recovery point cannot be looked up


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Remove what retention removes of the file system, and return how much. Idempotent."""
    file_system, settings = FileSystem.parse(event["file_system"]), deployment.settings
    s3, records = deployment.clients.of("s3", settings.region), deployment.records
    planned = plan_for(
        s3,
        records,
        settings.repository,
        lambda account: deployment.sites.clients_of(account, f"prune-{file_system.file_system_id}"),
        file_system,
        utc_now(),
    )
    unclear = [each for each in planned.kept if each.why is Kept.UNCLEAR]
    for each in unclear:
        logger.warning("%s is kept: recovery point %s cannot be looked up", each.index_id, each.detail)
    pruned = remove_planned(s3, records, settings.repository, planned)
    for removal in pruned.removed:
        logger.info("removed %s of %s: %s", removal.index_id, file_system, removal.why.value)
    size_bytes = sum(removal.size_bytes for removal in pruned.removed)
    count(INDEXES_REMOVED, len(pruned.removed))
    count(INDEX_BYTES_REMOVED, size_bytes)
    return {
        "file_system": str(file_system),
        "removed": len(pruned.removed),
        "size_bytes": size_bytes,
        "associations": pruned.associations,
        "changed": len(pruned.changed),
        "unclear": len(unclear),
    }
