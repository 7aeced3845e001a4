from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.events import checked_job, started_job, words


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        ("VaultNotFound", json.dumps({"errorMessage": "no vault", "errorType": "VaultNotFound"}), "no vault"),
        ("CrawlFailed", "the mount is gone", "the mount is gone"),
        ("States.Timeout", "", "States.Timeout"),
        ("States.Timeout", "null", "null"),
        ("X", "[]", "[]"),
        ("X", json.dumps({"errorMessage": ""}), json.dumps({"errorMessage": ""})),
    ],
)
def test_a_failure_is_described_by_the_message_of_its_error(error: str, cause: str, said: str) -> None:
    assert words({"Error": error, "Cause": cause}) == said


@given(st.text(min_size=1), st.text())
def test_every_failure_has_a_description(error: str, cause: str) -> None:
    assert words({"Error": error, "Cause": cause})


def test_a_failure_may_have_no_cause() -> None:
    assert words({"Error": "States.Timeout"}) == "States.Timeout"  # type: ignore[typeddict-item]  # what AWS may do


@given(st.integers(1, 100))
def test_the_waits_of_a_job_add_up(polls: int) -> None:
    job = started_job("job", "")
    total = 0
    for _ in range(polls):
        total += job["wait_seconds"]
        job = checked_job(job, "", finished=False)
        assert job["waited_seconds"] == total


def test_a_reported_recovery_point_is_kept() -> None:
    job = checked_job(started_job("job", "arn:1"), "", finished=True)
    assert (job["recovery_point_arn"], job["finished"]) == ("arn:1", True)
