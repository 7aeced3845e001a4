"""Hypothesis strategies for the records of the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from tidemark.sessions.indexing import Association, Index, IndexStatus, Lease
from tidemark.sessions.session import FileSystem, Job, Point, Session, SessionStatus

# DynamoDB stores any text but lone surrogates, and no empty set.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True)
times = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (the strategy adds the zone)
file_systems = st.builds(
    FileSystem,
    account=st.from_regex(r"[0-9]{12}", fullmatch=True),
    region=st.sampled_from(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
    file_system_id=st.from_regex(r"fs-[0-9a-f]{17}", fullmatch=True),
)
attached = st.frozensets(names, min_size=1, max_size=4)
points = st.builds(
    Point,
    recovery_point_arn=texts,
    kind=st.sampled_from(["backup", "copy"]),
    account=names,
    region=names,
    vault=names,
    job_id=names,
    size_bytes=st.integers(0, 10**18),
    completed_at=times,
    issues=st.just("") | texts,
)


jobs = st.builds(
    Job,
    job_id=names,
    kind=st.sampled_from(["backup", "copy"]),
    account=names,
    region=names,
    vault=names,
    started_at=times,
    state=st.sampled_from(["CREATED", "RUNNING", "COMPLETED", "FAILED", "EXPIRED", "MISSING"]),
    message=st.just("") | texts,
    keep_days=st.none() | st.integers(0, 36_500),
    cold_after_days=st.none() | st.integers(1, 36_500),
)


def _one_after_the_other(started: list[Job]) -> tuple[Job, ...]:
    by_id = {job.job_id: job for job in started}
    return tuple(sorted(by_id.values(), key=lambda job: (job.started_at, job.job_id)))


def _in_order(made: list[Point]) -> tuple[Point, ...]:
    by_arn = {point.recovery_point_arn: point for point in made}
    return tuple(sorted(by_arn.values(), key=lambda point: (point.completed_at, point.recovery_point_arn)))


sessions: st.SearchStrategy[Session] = st.builds(
    Session,
    session_id=names,
    policy=names,
    file_system=file_systems,
    execution_arn=names,
    opened_at=times,
    index_wanted=st.booleans(),
    status=st.sampled_from(SessionStatus),
    reasons=st.lists(texts, max_size=3).map(tuple),
    ended_at=st.none() | times,
    index_id=st.none() | names,
    points=st.lists(points, max_size=4).map(_in_order),
    waiting_token=st.none() | texts,
    jobs=st.lists(jobs, max_size=3).map(_one_after_the_other),
    flags=st.lists(st.sampled_from("DWMY"), unique=True).map(tuple),
    is_manual=st.booleans(),
    index_keep_days=st.none() | st.integers(0, 36_500),
)
leases = st.builds(
    Lease, file_system=file_systems, index_id=names, owner=names, expires_at=times, sessions=attached
)
indexes = st.builds(
    Index,
    file_system=file_systems,
    index_id=names,
    status=st.sampled_from(IndexStatus),
    started_at=times,
    ended_at=st.none() | times,
    reason=st.none() | texts,
    sessions=st.just(frozenset()) | attached,
    totals=st.dictionaries(names, st.integers(0, 10**15) | texts, max_size=4),
    last_associated=st.none() | texts,
)
associations = st.builds(
    Association, file_system=file_systems, recovery_point_arn=texts, index_id=names, session_id=names
)
records: st.SearchStrategy[Any] = st.one_of(sessions, leases, indexes, associations)
