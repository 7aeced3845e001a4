"""Restore jobs: started once, with batches that AWS Backup accepts, and followed until they end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aws.account import FS, REGION, SETTINGS, the_clients
from tests.aws.restore_plans import plan_of, point_plan
from tidemark.aws.restore_jobs import (
    ItemsRefused,
    cut,
    describe_restore,
    jobs_for,
    next_limit,
    restore_token,
    start_restore,
)
from tidemark.errors import NotRestorable
from tidemark.escape import escape
from tidemark.restore.items import item_of
from tidemark.sessions.restore_session import Batch, RestoreJob

# Source: AWS Backup Developer Guide, StartRestoreJob for EFS.
MOST_METADATA = 200_000
POINT = point_plan(["/a"])
STARTED = datetime(2026, 11, 22, 10, tzinfo=UTC)
JOB = RestoreJob(job_id="job", point=0, first=0, end=1, attempt=0, started_at=STARTED)

# What names contain that JSON or UTF-8 writes with several bytes; escape() is the product's notation of them.
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
    | st.sampled_from('"\\\n\x1b\x7f\u00e9\U0001f600'),
    min_size=1,
    max_size=80,
).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: escape("/".join(["", *parts]).encode()))
batches = st.tuples(st.integers(0, 9), st.integers(0, 10**6), st.integers(1, 10**6)).map(
    lambda numbers: Batch(point=numbers[0], first=numbers[1], end=numbers[1] + numbers[2])
)
executions = st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True)
jobs = st.tuples(executions, st.integers(0, 100), batches)


@pytest.fixture(scope="module")
def client() -> Any:
    return the_clients().of("backup", REGION)


@given(jobs, jobs)
def test_another_session_attempt_or_batch_is_another_job(one: Any, other: Any) -> None:
    assert (restore_token(*one) == restore_token(*other)) == (one == other)


@given(executions, batches)
def test_a_redrive_and_a_longer_batch_get_another_job(name: str, batch: Batch) -> None:
    longer = replace(batch, end=batch.end + 1)
    assert len({restore_token(name, a, b) for a in (0, 1) for b in (batch, longer)}) == 4


def test_after_refusals_fewer_items_are_tried_until_one() -> None:
    tried: list[int] = []
    items: int | None = 500
    while items is not None:
        tried.append(items)
        items = next_limit(items)
    assert tried == [500, 10, 5, 1]
    assert [next_limit(items) for items in (11, 10, 7, 5, 3, 1)] == [10, 5, 5, 1, 1, None]


@given(st.lists(paths, min_size=1, max_size=40), st.integers(1, 12), st.data())
def test_the_batches_of_a_point_are_all_of_its_requests_in_order(
    requests: list[str], most: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(requests) - 1))
    start, covered = first, list[str]()
    while start < len(requests):
        batch = cut(Batch(point=0, first=start, end=len(requests)), requests, most)
        assert (batch.point, batch.first) == (0, start)
        assert 1 <= batch.end - batch.first <= most
        covered += requests[batch.first : batch.end]
        start = batch.end
    assert covered == requests[first:]


@given(st.lists(paths, min_size=1, max_size=5))
def test_a_job_is_accepted_by_its_size_whatever_the_names_are(some: list[str]) -> None:
    size = sum(map(len, some))
    requests = some * (MOST_METADATA // size)  # as escaped text, about the limit; as JSON, up to thrice that
    batch = cut(Batch(point=0, first=0, end=len(requests)), requests, len(requests))
    items = json.dumps([item_of(path) for path in requests[: batch.end]])
    assert len(items) <= MOST_METADATA - 1_000, "the other metadata"


@settings(max_examples=20)
@given(st.lists(paths, min_size=1, max_size=10))
def test_aws_backup_gets_the_names_themselves(client: Any, requests: list[str]) -> None:
    asked = json.loads(started(client, requests)["ItemsToRestore"])
    assert [escape(path.encode()) for path in asked] == requests


def test_a_batch_takes_as_much_as_the_metadata_holds() -> None:
    requests = [f"/{number:03}{'x' * 200}{'é' * 100}" for number in range(1_000)]
    batch = cut(Batch(point=0, first=0, end=1_000), requests, 1_000)
    one_more = json.dumps(requests[: batch.end + 1])
    assert len(one_more) > 180_000
    assert len(json.dumps(requests[: batch.end])) <= 190_000


@pytest.mark.parametrize(
    ("requests", "items", "jobs"), [([25], 10, 3), ([0], 10, 1), ([10, 1, 0], 10, 3), ([25, 3], 1, 28)]
)
def test_each_point_has_a_job_and_each_further_batch_one_more(
    requests: list[int], items: int, jobs: int
) -> None:
    points = [point_plan([f"/{number}" for number in range(count)]) for count in requests]
    assert jobs_for(plan_of(*points), items) == jobs


def started(client: Any, paths: list[str]) -> dict[str, str]:
    """Start a job; return the metadata that AWS Backup gets."""
    asked: list[dict[str, Any]] = []
    event = "provide-client-params.backup.StartRestoreJob"
    client.meta.events.register(event, lambda params, **_: asked.append(params), unique_id="asked")
    try:
        with Stubber(client) as stub:
            stub.add_response("start_restore_job", {"RestoreJobId": "job"})
            job = start_restore(
                client,
                POINT,
                paths,
                target=FS.file_system_id,
                original=FS.file_system_id,
                role=SETTINGS.restore_role,
                token="t",
            )
            assert job == "job"
    finally:
        client.meta.events.unregister(event, unique_id="asked")
    (params,) = asked
    assert params["RecoveryPointArn"] == POINT.recovery_point_arn
    assert params["IamRoleArn"] == SETTINGS.restore_role
    assert params["IdempotencyToken"] == "t"
    assert params["ResourceType"] == "EFS"
    return params["Metadata"]


def test_a_job_restores_into_the_existing_file_system(client: Any) -> None:
    metadata = started(client, ["/home/ann", "/home/b"])
    assert metadata["file-system-id"] == FS.file_system_id
    assert metadata["newFileSystem"] == "false"
    assert json.loads(metadata["ItemsToRestore"]) == ["/home/ann", "/home/b"]
    assert set(metadata) >= {"Encrypted", "PerformanceMode", "CreationToken"}, "required by AWS Backup"


def test_a_whole_point_is_restored_without_a_list_of_items(client: Any) -> None:
    assert "ItemsToRestore" not in started(client, [])


@pytest.mark.parametrize(
    ("code", "paths", "raised"),
    [
        ("InvalidParameterValueException", ["/a", "/b"], ItemsRefused),
        ("InvalidParameterValueException", ["/a"], ClientError),
        ("InvalidParameterValueException", [], ClientError),
        ("ResourceNotFoundException", ["/a", "/b"], NotRestorable),
        ("ResourceNotFoundException", [], NotRestorable),
        ("LimitExceededException", ["/a", "/b"], ClientError),
        ("ServiceUnavailableException", ["/a", "/b"], ClientError),
    ],
)
def test_only_a_refusal_of_several_items_may_mean_that_they_are_too_many(
    client: Any, code: str, paths: list[str], raised: type[Exception]
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_restore_job", code, "the words of AWS Backup")
        with pytest.raises(raised) as caught:
            start_restore(client, POINT, paths, target="fs-1", original="fs-1", role="arn:role", token="t")
    assert raised is ClientError or isinstance(caught.value.__cause__, ClientError)
    if raised is NotRestorable:
        assert "plan the restore again" in str(caught.value)


def test_every_state_of_a_restore_job_is_known(client: Any) -> None:
    known = client.meta.service_model.shape_for("RestoreJobStatus").enum
    runs = {state for state in known if replace(JOB, state=state).is_running}
    done = {state for state in known if replace(JOB, state=state).is_done}
    assert (runs, done) == ({"PENDING", "RUNNING"}, {"COMPLETED"})


def test_a_job_is_reported_as_aws_backup_describes_it(client: Any) -> None:
    times = [STARTED + timedelta(minutes=minutes) for minutes in (1, 9)]
    answer = {
        "Status": "FAILED",
        "StatusMessage": "no room",
        "PercentDone": "42.5",
        "CreationDate": times[0],
        "CompletionDate": times[1],
    }
    with Stubber(client) as stub:
        stub.add_response("describe_restore_job", {"Status": "PENDING"}, {"RestoreJobId": "job"})
        stub.add_response("describe_restore_job", answer, {"RestoreJobId": "job"})
        assert describe_restore(client, JOB) == JOB
        found = describe_restore(client, JOB)
    assert found == replace(
        JOB, state="FAILED", message="no room", percent="42.5", began_at=times[0], completed_at=times[1]
    )


def test_a_job_that_aws_backup_does_not_know_has_ended(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_restore_job", "ResourceNotFoundException")
        found = describe_restore(client, JOB)
        assert not found.is_running
        assert not found.is_done
        stub.add_client_error("describe_restore_job", "ServiceUnavailableException")
        with pytest.raises(ClientError):
            describe_restore(client, JOB)
