from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.sessions import examples
from tests.sessions.world import FS, START, new_session, point
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.outcome import decide_outcome, decide_stopped_outcome
from tidemark.sessions.session import Session, SessionStatus

BACKED_UP = replace(new_session("s"), index_id="index", points=(point("s", "backup"),))
COMPLETE = Index(file_system=FS, index_id="index", status=IndexStatus.COMPLETE, started_at=START)


def test_a_session_with_its_point_and_its_index_is_a_success() -> None:
    outcome = decide_outcome(BACKED_UP, COMPLETE, failure=None, problems=())
    assert (outcome.status, outcome.reasons) == (SessionStatus.SUCCESS, ())


def test_a_session_without_indexing_lacks_no_index() -> None:
    session = replace(BACKED_UP, index_id=None, index_wanted=False)
    assert decide_outcome(session, None, failure=None, problems=()).status is SessionStatus.SUCCESS


@given(
    session=examples.sessions,
    index=st.none() | examples.indexes,
    failure=st.none() | examples.texts,
    problems=st.lists(examples.texts, max_size=3),
)
def test_everything_missing_is_reported(
    session: Session, index: Index | None, failure: str | None, problems: list[str]
) -> None:
    outcome = decide_outcome(session, index, failure=failure, problems=problems)
    assert set(problems) <= set(outcome.reasons)
    assert failure is None or outcome.reasons[0] == failure
    has_point = any(made.kind == "backup" for made in session.points)
    indexed = session.index_id is not None and index is not None and index.status is IndexStatus.COMPLETE
    if session.index_wanted and not indexed:
        assert outcome.reasons, "silently without an index (I3)"
    if not has_point:
        assert outcome.status is SessionStatus.FAILED
        assert outcome.reasons
    else:
        assert outcome.status is (SessionStatus.WARNING if outcome.reasons else SessionStatus.SUCCESS)


@given(session=examples.sessions, index=st.none() | examples.indexes)
def test_a_stopped_session_reports_the_result_of_each_job_and_why_it_has_no_index(
    session: Session, index: Index | None
) -> None:
    outcome = decide_stopped_outcome(session, index, why="it was stopped")
    assert outcome.status is SessionStatus.ABORTED
    assert outcome.reasons[0] == "it was stopped"
    said = outcome.reasons[1:]
    made = {point.job_id for point in session.points}
    for job in session.jobs:
        assert job.job_id in made or any(job.region in reason and job.state in reason for reason in said)
    none_known = not session.jobs and not session.points
    assert ("it has no recorded backup job" in said) == none_known
    indexed = session.index_id is not None and index is not None and index.status is IndexStatus.COMPLETE
    if session.index_wanted and session.points and not indexed:
        assert any(reason.startswith("not indexed") for reason in said), "I3"
    else:
        assert not any(reason.startswith("not indexed") for reason in said), "nothing is missing"


def test_a_point_with_issues_is_a_warning() -> None:
    flawed = replace(point("s", "copy"), issues="COMPLETED: no access to some files")
    session = replace(BACKED_UP, points=(*BACKED_UP.points, flawed))
    outcome = decide_outcome(session, COMPLETE, failure=None, problems=())
    assert outcome.status is SessionStatus.WARNING
    assert outcome.reasons == (f"the copy in {flawed.region} has issues: COMPLETED: no access to some files",)


def test_the_reason_for_a_missing_index_names_the_index_and_its_failure() -> None:
    failed = replace(COMPLETE, status=IndexStatus.FAILED, reason="no mount target")
    assert decide_outcome(BACKED_UP, failed, failure=None, problems=()).reasons == (
        "not indexed: index index failed: no mount target",
    )
    running = replace(COMPLETE, status=IndexStatus.RUNNING)
    assert "in progress" in decide_outcome(BACKED_UP, running, failure=None, problems=()).reasons[0]
    assert "no record" in decide_outcome(BACKED_UP, None, failure=None, problems=()).reasons[0]
