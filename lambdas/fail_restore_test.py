"""restore-test: end with the failure; after a redrive, verify again."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_test_events import TestValue
from tidemark.errors import RestoreFailed


class Event(TypedDict):
    """The test with the reasons of its failure, and the redrive count of the execution."""

    test: TestValue
    attempt: int
    redrive_count: int
    reasons: list[str]


class Result(TypedDict):
    """The attempt that starts now."""

    attempt: int


@lambda_handler
def handler(event: Event, _deployment: Deployment) -> Result:
    """Raise RestoreFailed with the reasons; after a redrive, return the next attempt.

    A redrive resumes at the failed state, which is this one, after the test was closed.
    """
    if event["redrive_count"] <= event["attempt"]:
        raise RestoreFailed(
            f"restore test {event['test']['restore_id']} failed: {'; '.join(event['reasons'])}"
        )
    return {"attempt": event["redrive_count"]}
