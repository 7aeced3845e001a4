"""An account with executions that were aborted, that run, and that have not started."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, IMAGE, MACHINES, NIGHTLY, REGION
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.executions import execution_arn
from tidemark.aws.fargate import register_task_definition
from tidemark.aws.workers import find_workers
from tidemark.sessions.indexing import Lease
from tidemark.sessions.overlap import claim, open_session
from tidemark.sessions.records import read_lease
from tidemark.sessions.session import FileSystem

FILE_SYSTEMS = {
    name: FileSystem(ACCOUNT, REGION, f"fs-{number:017}")
    for number, name in enumerate(("lost", "living", "young"))
}


@dataclass
class Account:
    """Three file systems: one with aborted executions, one with running ones, one whose executions have not
    started."""

    clients: Clients
    deployment: Deployment

    def index_id(self, name: str) -> str:
        return f"{FILE_SYSTEMS[name].file_system_id}-20261122T020000Z-0a1b2c"

    def lease(self, name: str) -> Lease | None:
        return read_lease(self.deployment.records, FILE_SYSTEMS[name])

    def workers(self) -> set[str]:
        return {worker.run_id for worker in find_workers(self.clients, self.deployment.settings)}

    def task_definitions(self) -> set[str]:
        arns = self.clients.of("ecs", REGION).list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        return {
            name for name in FILE_SYSTEMS if any(FILE_SYSTEMS[name].file_system_id in arn for arn in arns)
        }

    def begin(self, name: str, at: datetime) -> None:
        """Record a session and its lease, and create its worker's resources."""
        records, settings = self.deployment.records, self.deployment.settings
        session = new_session(name)
        values = {f: getattr(session, f) for f in ("session_id", "policy", "index_wanted")}
        opened = type(session)(
            **values,
            file_system=FILE_SYSTEMS[name],
            execution_arn=execution_arn(f"{MACHINES}-backup-session", name),
            opened_at=at,
        )
        open_session(records, opened, at)
        claim(records, name, self.index_id(name), at)
        ecs, ec2 = self.clients.of("ecs", REGION), self.clients.of("ec2", REGION)
        file_system_id = FILE_SYSTEMS[name].file_system_id
        register_task_definition(ecs, settings, file_system_id, self.index_id(name), NIGHTLY.worker)
        tags = {"tidemark:deployment": "tidemark", "tidemark:index": self.index_id(name)}
        ec2.run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        )

    def execute(self, name: str) -> list[str]:
        """Start the session's execution and its index's; return their ARNs."""
        states = self.clients.of("stepfunctions", REGION)
        return [
            states.start_execution(stateMachineArn=f"{MACHINES}-{machine}", name=execution)["executionArn"]
            for machine, execution in (("backup-session", name), ("indexing-session", self.index_id(name)))
        ]


def aborted_account(clients: Clients, deployment: Deployment) -> Account:
    states = clients.of("stepfunctions", REGION)
    for machine in ("backup-session", "indexing-session"):
        states.create_state_machine(
            name=f"tidemark-{machine}",
            definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}',
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
        )
    found = Account(clients, deployment)
    half_an_hour_ago = utc_now() - timedelta(minutes=30)
    found.begin("lost", half_an_hour_ago)
    found.begin("living", half_an_hour_ago)
    found.begin("young", utc_now() - timedelta(seconds=30))
    for arn in found.execute("lost"):
        states.stop_execution(executionArn=arn)
    found.execute("living")
    return found
