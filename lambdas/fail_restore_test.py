"""restore-test: end with the failure; after a redrive, verify again."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.restore_test_events import TestValue
from tidemark.errors import RestoreFailed
from tidemark.sessions.restore_tests import enter_test_phase
from tidemark.sessions.restores import read_restore


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
def handler(event: Event, deployment: Deployment) -> Result:
    """Raise RestoreFailed with the reasons; after a redrive, open the test again and return the next attempt.

    A redrive resumes at the failed state, which is this one, after the test was closed.
    """
    restore_id = event["test"]["restore_id"]
    if event["redrive_count"] <= event["attempt"]:
        raise RestoreFailed(f"restore test {restore_id} failed: {'; '.join(event['reasons'])}")
    enter_test_phase(deployment.records, read_restore(deployment.records, restore_id), "mounting")
    return {"attempt": event["redrive_count"]}
