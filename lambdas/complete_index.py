"""indexing-session: publish the complete index, and associate it with every session that shares it."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.clock import utc_now
from tidemark.aws.notify_sessions import notify_sessions
from tidemark.aws.publication import publish, read_proposal
from tidemark.damage.verdict import Status
from tidemark.sessions.overlap import complete, hold


class Event(TypedDict):
    """The index and the worker's result."""

    index_id: str
    file_system: str
    totals: dict[str, int | str]


class Result(TypedDict):
    """The sessions that share the index, and what it records about damage."""

    index_id: str
    sessions: list[str]
    suspicious: bool  # whether the worker judges the changes as damage
    damage_key: str  # of the record about damage, relative to the repository


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the sessions that share the index; raise LeaseLost if the lease was lost meanwhile.

    The manifest is written under the lease, which is renewed first, and before the record is marked complete:
    no association refers to an invisible index. Raises IndexingFailed.
    """
    records, s3 = deployment.records, deployment.clients.of("s3", deployment.settings.region)
    file_system = deployment.file_system(event["file_system"])
    index_id, totals = event["index_id"], event["totals"]
    hold(records, file_system, index_id, utc_now())
    repository = deployment.settings.repository
    key, sha256 = str(totals["manifest_key"]), str(totals["manifest_sha256"])
    manifest = read_proposal(s3, repository, file_system, index_id, key=key, sha256=sha256)
    totals = {**totals, "manifest_key": publish(s3, repository, file_system, index_id, manifest)}
    index = complete(records, file_system, index_id, totals, utc_now())
    notify_sessions(
        records,
        deployment.tags,
        deployment.clients.of("stepfunctions", deployment.settings.region),
        index,
    )
    return {
        "index_id": index.index_id,
        "sessions": sorted(index.sessions),
        "suspicious": totals.get("damage") == Status.SUSPICIOUS,
        "damage_key": str(totals.get("damage_key", "")),
    }
