"""indexing-session: the index is whole; associate it with every session that shares it."""

from __future__ import annotations

from typing import TypedDict

from lambdas._step import Deployment, step
from tidemark.aws.clock import utc_now
from tidemark.aws.conclusion import announce
from tidemark.sessions.overlap import complete


class Event(TypedDict):
    """The index and the worker's result."""

    index_id: str
    file_system: str
    totals: dict[str, int | str]


class Result(TypedDict):
    """The sessions whose points the index describes."""

    index_id: str
    sessions: list[str]


@step
def handler(event: Event, deployment: Deployment) -> Result:
    """Return who shares the index; raise LeaseLost when it had been given up meanwhile."""
    index = complete(
        deployment.records,
        deployment.file_system(event["file_system"]),
        event["index_id"],
        event["totals"],
        utc_now(),
    )
    announce(
        deployment.records,
        deployment.tags,
        deployment.clients.of("stepfunctions", deployment.settings.region),
        index,
    )
    return {"index_id": index.index_id, "sessions": sorted(index.sessions)}
