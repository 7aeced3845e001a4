"""A deployment with restore sessions: their plans, jobs of AWS Backup that a test ends, and their workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from lambdas._handler import Deployment
from tests.aws.account import REGION
from tests.aws.restore_plans import plan_of, point_plan
from tests.lambdas.answers import answered
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.restore_plans import write_plan
from tidemark.restore.plan import Plan
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.restores import read_restore

RUN = "restore-1"
TWO_POINTS = plan_of(
    point_plan([f"/a/{number}" for number in range(3)]), point_plan(["/b"], number=2), items_per_job=2
)


class Backup:
    """AWS Backup's restore jobs: one for each idempotency token."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []  # the parameters of every call, repeated ones included
        self.jobs: dict[str, str] = {}  # by token
        self.states: dict[str, str] = {}
        self.most_items: int | None = None
        self.error: str | None = None  # of StartRestoreJob

    def start(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer StartRestoreJob."""
        self.started.append(params)
        items = params["Metadata"].get("ItemsToRestore", "[]").count('"') // 2
        error = self.error
        if self.most_items is not None and items > self.most_items:
            error = "InvalidParameterValueException"
        if error:
            raise ClientError({"Error": {"Code": error, "Message": "no"}}, "StartRestoreJob")
        job = self.jobs.setdefault(params["IdempotencyToken"], f"job-{len(self.jobs)}")
        self.states.setdefault(job, "RUNNING")
        return {"RestoreJobId": job}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeRestoreJob."""
        return {
            "Status": self.states[params["RestoreJobId"]],
            "CreationDate": utc_now(),
            "CompletionDate": utc_now() + timedelta(minutes=1),
        }


@contextmanager
def answering(clients: Clients, backup: Backup) -> Iterator[None]:
    """Let a Backup answer in place of AWS Backup."""
    answers = {"StartRestoreJob": backup.start, "DescribeRestoreJob": backup.describe}
    with answered(clients.of("backup", REGION), answers):
        yield


class Session:
    """One restore session, as its state machine runs it."""

    def __init__(self, call: Any, deployment: Deployment, plan: Plan, name: str = RUN) -> None:
        self.call, self.deployment, self.name = call, deployment, name
        s3 = deployment.clients.of("s3", REGION)
        if not s3.list_buckets()["Buckets"]:
            location: Any = {"LocationConstraint": REGION}
            s3.create_bucket(Bucket="repository", CreateBucketConfiguration=location)
        self.plan = plan
        self.sha256 = write_plan(s3, deployment.settings.repository, plan)

    @property
    def value(self) -> Any:
        """The value of the session that its steps pass on."""
        return {
            "restore_id": self.name,
            "plan": self.plan.plan_id,
            "sha256": self.sha256,
            "file_system": self.plan.file_system_id,
            "policy": "nightly",
            "is_new": self.plan.new_file_system is not None,
            "is_drill": bool(self.plan.drill),
        }

    @property
    def record(self) -> RestoreSession:
        """The recorded session."""
        return read_restore(self.deployment.records, self.name)

    def open(self, **changes: Any) -> Any:
        """Call the first step."""
        return self.call("open_restore", {**self.value, "execution_arn": f"arn:{self.name}", **changes})

    def take(self, waited: int = 0) -> Any:
        """Call the step that takes the turn."""
        return self.call("take_restore_turn", {"restore": self.value, "waited_seconds": waited})

    def start(self, attempt: int = 0) -> Any:
        """Call the step that starts a job."""
        return self.call("start_restore_job", {"restore": self.value, "attempt": attempt})

    def check(self, job: Any) -> Any:
        """Call the step that polls a job."""
        return self.call("check_restore_job", {"restore": self.value, "job": job})

    def launch(self, token: str = "token") -> None:  # noqa: S107 - a task token
        """Call the step that launches the worker."""
        self.call("launch_restore_worker", {"restore": self.value, "task_token": token})

    def close(self, **result: Any) -> Any:
        """Call the last step."""
        return self.call("close_restore", {"restore": self.value, **result})

    def run_jobs(self, backup: Backup, states: dict[int, str] | None = None, attempt: int = 0) -> int:
        """Start and end all jobs; `states` are those that end differently, by their number. Return how many
        of the session have restored their items."""
        while (job := self.start(attempt))["job_id"]:
            number = int(job["job_id"].removeprefix("job-"))
            backup.states[job["job_id"]] = (states or {}).get(number, "COMPLETED")
            assert self.check(job)["finished"]
        return int(job["restored"])
