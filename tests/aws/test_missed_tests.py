"""Restore tests whose event did not arrive are found once, and no other restore job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from tests.aws.account import ACCOUNT, MACHINES, REGION, the_clients
from tests.sessions.memory_store import MemoryStore
from tests.sessions.test_restore_tests import JOB as VERIFIED
from tests.sessions.test_restore_tests import new_test
from tidemark.aws.missed_tests import missed_tests, start_missed
from tidemark.policy.restore_testing import LONGEST_VALIDATION
from tidemark.sessions.restore_tests import open_test
from tidemark.sessions.sweep_schedule import SWEEP_GRACE

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PLAN = f"arn:aws:backup:{REGION}:{ACCOUNT}:restore-testing-plan:tidemark__nightly-1a2b"


def job(name: str, *, plan: str | None = PLAN, status: str | None = "VALIDATING") -> dict[str, Any]:
    listed: dict[str, Any] = {"RestoreJobId": name, "Status": "COMPLETED"}
    if plan is not None:
        listed["CreatedBy"] = {"RestoreTestingPlanArn": plan}
    if status is not None:
        listed["ValidationStatus"] = status
    return listed


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield the_clients().of("backup", REGION)


def test_only_tests_of_the_deployment_that_wait_for_a_result_are_missed(client: Any) -> None:
    store = MemoryStore()
    open_test(store, new_test())
    pages = [
        [job("missed"), job(VERIFIED), job("on-demand", plan=None, status=None)],
        [
            job("of-another-deployment", plan=PLAN.replace("tidemark__", "cellar__")),
            job("answered", status="SUCCESSFUL"),
            job("too-late", status="TIMED_OUT"),
            job("also-missed"),
        ],
    ]
    with Stubber(client) as stub:
        for number, jobs in enumerate(pages):
            expected: dict[str, Any] = {
                "ByStatus": "COMPLETED",
                "ByResourceType": "EFS",
                "ByCompleteAfter": NOW - LONGEST_VALIDATION,
                "ByCompleteBefore": NOW - SWEEP_GRACE,
            }
            more = {"NextToken": "more"} if number == 0 else {}
            expected |= {"NextToken": ANY} if number else {}
            stub.add_response("list_restore_jobs", {"RestoreJobs": jobs, **more}, expected)
        assert list(missed_tests(client, store, "tidemark", NOW)) == ["missed", "also-missed"]
        stub.assert_no_pending_responses()


def test_a_missed_test_is_started_once() -> None:
    with mock_aws():
        states = the_clients().of("stepfunctions", REGION)
        machine = f"{MACHINES}-restore-test"
        with Stubber(states) as stub:
            request = {
                "stateMachineArn": machine,
                "name": "missed-J",
                "input": '{"restore_job_id": "J"}',
            }
            started = {"executionArn": f"{machine}:missed-J", "startDate": NOW}
            stub.add_response("start_execution", started, request)
            stub.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=request)
            assert start_missed(states, machine, "J")
            assert not start_missed(states, machine, "J")
