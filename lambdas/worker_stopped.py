"""Invoked by EventBridge: a worker's task or instance has stopped. Fail the step that waits for its answer.

Events are delivered at least once and sometimes not at all: the heartbeat timeout finds workers without an
event. Ignores a worker that has sent its result or has been replaced.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from botocore.exceptions import ClientError

from lambdas._handler import Deployment, lambda_handler, logger
from tidemark.aws.errors import code_of
from tidemark.aws.sites import Place
from tidemark.aws.stopped_workers import instance_error, task_error
from tidemark.aws.workers import INDEXING, PLACING, Purpose, stopped_instance
from tidemark.errors import RestoreNotFound, TidemarkError, WorkerNotRecorded
from tidemark.sessions.attempts import read_attempt
from tidemark.sessions.indexing import Attempt
from tidemark.sessions.naming import is_index_id
from tidemark.sessions.restores import read_restore

# The step has its result, has timed out, or its execution was aborted. Source: SendTaskFailure, Errors.
_NOT_AWAITED = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
_CAUSE_LENGTH = 32_768  # Source: SendTaskFailure, cause


# `detail-type` is not an identifier.
Event = TypedDict(
    "Event",
    {
        "source": str,
        "detail-type": str,
        "account": NotRequired[str],  # of the machine; EventBridge sets both
        "region": NotRequired[str],
        "detail": dict[str, Any],
    },
)
Event.__doc__ = """An event of `aws.ecs` or `aws.ec2`, as EventBridge delivers it."""


class Result(TypedDict):
    """The error sent to the waiting step; empty if no step waited for this machine."""

    run_id: str  # the worker's index or restore session
    error: str


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the error sent to the session. Raise WorkerNotRecorded, which makes Lambda retry."""
    home_account, home_region = deployment.sites.home
    place = deployment.sites.at(
        event.get("account", home_account), event.get("region", home_region), "worker_stopped"
    )
    if event["source"] == "aws.ecs":
        return _task(deployment, place, event["detail"])
    return _instance(deployment, place, event["detail"]["instance-id"])


def _task(deployment: Deployment, place: Place, detail: dict[str, Any]) -> Result:
    run_id = detail.get("startedBy", "")
    purpose = INDEXING if is_index_id(run_id) else PLACING
    error = task_error(f"{purpose.name} {run_id}", detail)  # type: ignore[arg-type]  # as ECS documents it
    return _fail(deployment, place, purpose, run_id, detail["taskArn"], error)


def _instance(deployment: Deployment, place: Place, instance_id: str) -> Result:
    """Handle an instance. All instances of the account send events; only workers have the deployment's
    tag."""
    found = stopped_instance(place.clients, deployment.settings.deployment, place.region, instance_id)
    if found is None:
        return {"run_id": "", "error": ""}
    error = instance_error(f"{found.purpose.name} {found.run_id}", found.code, found.message)
    return _fail(deployment, place, found.purpose, found.run_id, instance_id, error)


def _fail(
    deployment: Deployment,
    place: Place,
    purpose: Purpose,
    run_id: str,
    worker_id: str,
    error: TidemarkError | None,
) -> Result:
    nothing: Result = {"run_id": run_id, "error": ""}
    if error is None or not run_id:
        return nothing
    attempt = _attempt(deployment, place, purpose, run_id)
    if attempt is None:
        return nothing
    if not attempt.worker_id:
        raise WorkerNotRecorded(f"{purpose.name} {run_id}", worker_id)
    if attempt.worker_id != worker_id:
        return nothing  # another worker has replaced it
    states = deployment.clients.of("stepfunctions", deployment.settings.region)
    name = type(error).__name__
    try:
        states.send_task_failure(taskToken=attempt.task_token, error=name, cause=str(error)[:_CAUSE_LENGTH])
    except ClientError as refused:
        if code_of(refused) not in _NOT_AWAITED:
            raise
        return nothing
    logger.warning("%s: %s", name, error)
    return {"run_id": run_id, "error": name}


def _attempt(deployment: Deployment, place: Place, purpose: Purpose, run_id: str) -> Attempt | None:
    """Return the launch that the run waits for; None if it waits for none.

    A machine belongs to a run of its own site, whatever its tags name.
    """
    if purpose is INDEXING:
        return read_attempt(deployment.records, place.file_system(run_id.rsplit("-", 2)[0]), run_id)
    try:
        session = read_restore(deployment.records, run_id)
    except RestoreNotFound:
        return None
    if not session.worker_token:
        return None
    return Attempt(worker_id=session.worker_id, task_token=session.worker_token)
