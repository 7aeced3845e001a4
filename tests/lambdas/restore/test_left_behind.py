"""Stopped workers of restore sessions, and what their aborted executions leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, FS, MACHINES, NIGHTLY, REGION
from tests.lambdas.test_worker_stopped import TASK, expect, instance_event, run_instance, task_event
from tests.sessions.restore_examples import new_restore
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.executions import execution_arn
from tidemark.aws.fargate import register_task_definition, registered_task_definitions
from tidemark.aws.workers import PLACING, find_workers
from tidemark.errors import RestoreNotFound, WorkerNotRecorded
from tidemark.sessions.restore_session import RestoreJob
from tidemark.sessions.restores import (
    close_restore,
    open_restore,
    read_restore,
    record_restore_job,
    record_restore_worker,
    take_turn,
)
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.sweep_schedule import SWEEP_GRACE

RUN = "restore-1"


def end(deployment: Deployment, name: str, status: SessionStatus) -> None:
    close_restore(deployment.records, name, status=status, reasons=(), totals={}, now=utc_now())


# stopped workers


@pytest.fixture
def waiting(deployment: Deployment) -> Deployment:
    """A restore session that waits for the task TASK with the token `token`."""
    open_restore(deployment.records, new_restore(RUN, FS))
    record_restore_worker(deployment.records, RUN, worker_id=TASK, task_token="token")
    return deployment


@pytest.fixture
def states(clients: Clients) -> Iterator[Stubber]:
    with Stubber(clients.of("stepfunctions", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_stopped_task_fails_the_step_that_waits_for_it(
    call: Any, waiting: Deployment, states: Stubber
) -> None:
    expect(states, "WorkerCannotRun", f"the worker of restore {RUN} could not get its image")
    found = call("worker_stopped", task_event(startedBy=RUN))
    assert found == {"run_id": RUN, "error": "WorkerCannotRun"}


def test_a_stopped_instance_fails_the_step_that_waits_for_it(
    call: Any, clients: Clients, waiting: Deployment, states: Stubber
) -> None:
    instance = run_instance(clients, deployment="tidemark", restore=RUN)
    record_restore_worker(waiting.records, RUN, worker_id=instance, task_token="token")
    clients.of("ec2", REGION).terminate_instances(InstanceIds=[instance])
    expect(states, "WorkerStopped", f"the worker of restore {RUN} lost its instance")
    found = call("worker_stopped", instance_event(instance))
    assert found == {"run_id": RUN, "error": "WorkerStopped"}


@pytest.mark.parametrize(
    "changes",
    [
        {"stopCode": "EssentialContainerExited", "containers": [{"exitCode": 0}]},
        {"taskArn": TASK.replace("/1", "/2")},
        {"startedBy": "restore-2"},
        {"startedBy": "ecs-svc/123"},
    ],
)
def test_other_tasks_fail_nothing(
    call: Any, waiting: Deployment, states: Stubber, changes: dict[str, Any]
) -> None:
    assert call("worker_stopped", task_event(**{"startedBy": RUN, **changes}))["error"] == ""


def test_a_worker_that_stops_while_it_is_launched_is_handled_later(
    call: Any, waiting: Deployment, states: Stubber
) -> None:
    record_restore_worker(waiting.records, RUN, worker_id="", task_token="token")
    with pytest.raises(WorkerNotRecorded, match=f"restore {RUN}"):
        call("worker_stopped", task_event(startedBy=RUN))


def test_a_closed_session_waits_for_no_worker(call: Any, waiting: Deployment, states: Stubber) -> None:
    end(waiting, RUN, SessionStatus.WARNING)
    assert call("worker_stopped", task_event(startedBy=RUN))["error"] == ""


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_step_that_has_its_result_keeps_it(
    call: Any, waiting: Deployment, states: Stubber, code: str
) -> None:
    states.add_client_error("send_task_failure", code)
    assert call("worker_stopped", task_event(startedBy=RUN))["error"] == ""


# sweeps

NAMES = ("lost", "living", "young", "forgotten")


@pytest.fixture
def left(clients: Clients, deployment: Deployment) -> Deployment:
    """Restore sessions of several file systems, each with an instance and a task definition: one whose
    execution was aborted, one that runs, one whose execution has not started, one without any execution."""
    client = clients.of("stepfunctions", REGION)
    client.create_state_machine(
        name="tidemark-restore-session",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}',
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
    )
    machine = f"{MACHINES}-restore-session"
    for number, name in enumerate(NAMES):
        file_system = replace(FS, file_system_id=f"fs-{number:017}")
        age = timedelta(seconds=30) if name == "young" else SWEEP_GRACE + timedelta(minutes=1)
        session = replace(
            new_restore(name, file_system),
            execution_arn=execution_arn(machine, name),
            started_at=utc_now() - age,
        )
        open_restore(deployment.records, session)
        take_turn(deployment.records, file_system, name)
        register_task_definition(
            clients.of("ecs", REGION),
            deployment.settings,
            file_system.file_system_id,
            name,
            NIGHTLY.worker,
            PLACING,
        )
        run_instance(clients, deployment="tidemark", restore=name)
    for name in ("lost", "living"):
        arn = client.start_execution(stateMachineArn=machine, name=name)["executionArn"]
        if name == "lost":
            client.stop_execution(executionArn=arn)
    return deployment


def workers(deployment: Deployment) -> set[str]:
    found = find_workers(deployment.clients, deployment.settings, purpose=PLACING)
    return {worker.run_id for worker in found}


def definitions(deployment: Deployment) -> set[str]:
    ecs = deployment.clients.of("ecs", REGION)
    return {run for _, run in registered_task_definitions(ecs, deployment.settings, PLACING)}


def test_aborted_sessions_are_closed_and_running_and_starting_ones_are_kept(
    call: Any, left: Deployment
) -> None:
    job = RestoreJob(job_id="job", point=0, first=0, end=1, attempt=0, started_at=utc_now(), state="RUNNING")
    record_restore_job(left.records, "lost", job)
    done = call("sweep", {})
    assert set(done["aborted_restores"]) == {"lost", "forgotten"}
    assert workers(left) == definitions(left) == {"living", "young"}
    assert len(done["workers"]) == len(done["task_definitions"]) == 2
    for name in ("living", "young"):
        assert read_restore(left.records, name).status is SessionStatus.RUNNING
    lost = read_restore(left.records, "lost")
    assert (lost.status, lost.phase) == (SessionStatus.ABORTED, "ended")
    assert "ABORTED; redrive it, or restore again" in lost.reasons[0]
    assert any("restore job job continues in AWS Backup" in reason for reason in lost.reasons)


def test_the_next_session_of_the_file_system_has_its_turn_after_the_sweep(
    call: Any, left: Deployment
) -> None:
    file_system = read_restore(left.records, "lost").file_system
    arn = execution_arn(f"{MACHINES}-restore-session", "next")
    following = replace(new_restore("next", file_system), execution_arn=arn, started_at=utc_now())
    open_restore(left.records, following)
    assert take_turn(left.records, file_system, "next") == "lost"
    call("sweep", {})
    assert take_turn(left.records, file_system, "next") is None


def test_a_second_sweep_has_nothing_left_to_do(call: Any, left: Deployment) -> None:
    call("sweep", {})
    again = call("sweep", {})
    assert not any(again[name] for name in ("aborted_restores", "workers", "task_definitions"))


def test_a_worker_without_a_record_of_its_session_is_removed(call: Any, deployment: Deployment) -> None:
    run_instance(deployment.clients, deployment="tidemark", restore="unknown")
    run_instance(deployment.clients, deployment="cellar", restore="unknown")
    with pytest.raises(RestoreNotFound):
        read_restore(deployment.records, "unknown")
    assert len(call("sweep", {})["workers"]) == 1
    assert workers(deployment) == set()


def test_an_error_with_one_session_does_not_block_the_others(
    call: Any, clients: Clients, left: Deployment
) -> None:
    clients.of("dynamodb", REGION).update_item(
        TableName="tidemark-restores",
        Key={"restore_id": {"S": "lost"}},
        UpdateExpression="REMOVE execution_arn",
    )
    with pytest.raises(KeyError):
        call("sweep", {})
    assert read_restore(left.records, "forgotten").status is SessionStatus.ABORTED
