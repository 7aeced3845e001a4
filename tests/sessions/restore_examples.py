"""Restore sessions for tests: Hypothesis strategies, and one that waits for its turn."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.sessions import examples
from tests.sessions.world import FS, START
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.session import FileSystem, SessionStatus

# Source: the model of AWS Backup, RestoreJobStatus; `MISSING` is Tidemark's.
STATES = ("PENDING", "RUNNING", "COMPLETED", "ABORTED", "FAILED", "MISSING")

restore_jobs = st.builds(
    RestoreJob,
    job_id=st.uuids().map(str),
    point=st.integers(0, 5),
    first=st.integers(0, 10**6),
    end=st.integers(1, 10**6),
    attempt=st.integers(0, 100),
    started_at=examples.times,
    state=st.sampled_from(STATES),
    message=st.just("") | examples.texts,
    percent=st.sampled_from(["", "0.0", "42.5", "100.00%"]),
    began_at=st.none() | examples.times,
    completed_at=st.none() | examples.times,
    created=st.sampled_from(["", "fs-0123456789abcdef1", "fs-0123456789abcdef2"]),
)


def _oldest_first(jobs: list[RestoreJob]) -> tuple[RestoreJob, ...]:
    by_id = {job.job_id: job for job in jobs}
    return tuple(sorted(by_id.values(), key=lambda job: (job.started_at, job.job_id)))


restore_sessions: st.SearchStrategy[RestoreSession] = st.builds(
    RestoreSession,
    restore_id=examples.names,
    plan_id=examples.names,
    file_system=examples.file_systems,
    execution_arn=examples.names,
    started_at=examples.times,
    status=st.sampled_from(SessionStatus),
    phase=st.sampled_from(["turn", "jobs", "placing", "ended"]),
    reasons=st.lists(examples.texts, max_size=3).map(tuple),
    ended_at=st.none() | examples.times,
    most_items=st.sampled_from([0, 10, 5, 1]),
    jobs=st.lists(restore_jobs, max_size=4).map(_oldest_first),
    totals=st.dictionaries(examples.texts, st.integers(0, 10**15), max_size=4),
    worker_id=st.just("") | examples.texts,
    worker_token=st.just("") | examples.texts,
    is_new=st.booleans(),
    problems=st.dictionaries(examples.texts, examples.texts, max_size=2),
)


def new_restore(name: str, file_system: FileSystem = FS) -> RestoreSession:
    """Return the restore session that `name` is about to open."""
    return RestoreSession(
        restore_id=name,
        plan_id=f"plan-of-{name}",
        file_system=file_system,
        execution_arn=f"arn:{name}",
        started_at=START,
    )
