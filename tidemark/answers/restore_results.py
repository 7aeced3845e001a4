"""What a restore session did not place, and where the placed files differ from the index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemark.answers.connection import Connection
from tidemark.aws.restore_plans import plan_key
from tidemark.index.storage.object_store import ObjectMissing, Store
from tidemark.restore.plan import Plan
from tidemark.sessions.restore_outcome import failed_jobs
from tidemark.sessions.restore_session import RestoreSession

# Differences of sessions that ran with an older version have no verdict.
HEADINGS = {"different from the index": "loss", "changed since the backup": "changed-since-backup"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResults:
    """The results of a restore session, as its worker wrote them. Paths and names are escaped."""

    problems: list[dict[str, Any]]  # path, outcome, reason
    differences: list[dict[str, Any]]  # path, field, expected, found, verdict, evidence
    left_directories: list[str]  # in the root of the file system, with what was not placed
    exact_index_repository: str | None  # URL of the repository with the index of a restored point

    def problem_lines(self) -> list[str]:
        """Return a line for each item that was not restored or not placed."""
        return [f"{each['path']}: {each['outcome']}: {each['reason']}" for each in self.problems]

    def difference_lines(self, verdict: str) -> list[str]:
        """Return a line for each difference of this verdict; see HEADINGS."""
        return [_difference(each) for each in self.differences if each.get("verdict", "loss") == verdict]

    def left_paths(self) -> list[str]:
        """Return the paths of the directories that the worker left."""
        return [f"/{name}" for name in self.left_directories]


def restore_results(connection: Connection, session: RestoreSession) -> RestoreResults:
    """Return the results of a restore session that have been written by now."""
    problems, differences = (
        list(_results(connection, session, kind)) for kind in ("problems", "differences")
    )
    return RestoreResults(
        problems=[*_not_restored(connection, session), *problems],
        differences=differences,
        left_directories=_left_directories(connection, session),
        exact_index_repository=_exact_repository(connection, session),
    )


def _results(connection: Connection, session: RestoreSession, kind: str) -> Iterator[dict[str, Any]]:
    """Yield what the worker wrote about each job: a JSON object per line."""
    above = _results_of(session)
    for job in session.jobs:
        lines = _read(connection.repository, f"{above}{kind}-{job.job_id}.jsonl")
        yield from map(json.loads, (lines or b"").splitlines())


def _not_restored(connection: Connection, session: RestoreSession) -> Iterator[dict[str, Any]]:
    """Yield the requests of failed restore jobs, from the plan, as the worker writes its problems."""
    failed = failed_jobs(session)
    if not failed:
        return
    key = plan_key(session.file_system, session.plan_id)
    raw = _read(connection.repository, key)
    if raw is None:
        return
    plan = Plan.from_json(raw, f"{connection.repository.url}/{key}")
    for job in failed:
        for path in plan.points[job.point].requests[job.first : job.end] or ("/",):
            yield {"path": path, "outcome": "not-restored", "reason": job.message or job.state}


def _left_directories(connection: Connection, session: RestoreSession) -> list[str]:
    raw = _read(connection.repository, f"{_results_of(session)}left.json")
    return [] if raw is None else [str(name) for name in json.loads(raw)]


def _exact_repository(connection: Connection, session: RestoreSession) -> str | None:
    """Return the URL of the repository with the index of the restored point, once it is complete."""
    if session.test is None or not session.totals:
        return None
    return f"{connection.repository.url}/restores/{session.file_system}/{session.restore_id}"


def _results_of(session: RestoreSession) -> str:
    return f"restores/{session.file_system}/{session.restore_id}/results/"


def _read(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key)
    except ObjectMissing:
        return None


def _difference(each: Mapping[str, Any]) -> str:
    fact = f"{each['path']}: {each['field']}"
    if each["field"] not in ("missing", "extra", "unreadable"):
        fact += f" {each['found']} instead of {each['expected']}"
    return f"{fact}: {each['evidence']}" if each.get("evidence") else fact
