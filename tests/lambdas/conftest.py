"""A deployment on moto for calling any handler."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from lambdas import _handler, sweep
from tests.aws.account import ACCOUNT, NIGHTLY, REGION, SETTINGS, create_tables, the_clients
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.policy.documents import documents, list_parameter
from tidemark.policy.policy import Policy, policy_parameter
from tidemark.sessions.indexing import Index
from tidemark.sessions.overlap import claim, open_session
from tidemark.sessions.session import FileSystem, Point, Session
from tidemark.settings import LambdaSettings

CONTEXT = SimpleNamespace(
    function_name="tidemark-step",
    memory_limit_in_mb=256,
    invoked_function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:tidemark-step",
    aws_request_id="request-1",
)


@dataclass
class RecordedTags:
    """A fake of the tags of recovery points; records the index written to each point."""

    told: list[tuple[str, str]] = field(default_factory=list)
    histories: list[bool] = field(default_factory=list)  # for each new point: whether jobs existed before

    def for_new_point(
        self, session: Session, *, retention_days: int | None, has_history: Callable[[], bool]
    ) -> dict[str, str]:
        self.histories.append(has_history())
        return {"session": session.session_id, "days": str(retention_days)}

    def tag_with_index(self, _session: Session, point: Point, index: Index) -> str:
        self.told.append((point.recovery_point_arn, index.index_id))
        return ""


Call = Callable[[str, Any], Any]
POINT = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
COPY = f"arn:aws:backup:eu-west-1:{ACCOUNT}:recovery-point:2"
AT_TWO = datetime(2026, 11, 22, 2, tzinfo=UTC)
STARTED = {
    "job_id": "job",
    "recovery_point_arn": POINT,
    "finished": False,
    "waited_seconds": 0,
    "wait_seconds": 20,
}


@pytest.fixture(autouse=True)
def _no_images_of_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands, loaded again in every test


@pytest.fixture(autouse=True)
def missed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The restore jobs that no session verifies; moto has no restore jobs to list."""
    jobs: list[str] = []
    monkeypatch.setattr(sweep, "missed_tests", lambda *_: jobs)
    return jobs


@pytest.fixture
def clients() -> Iterator[Clients]:
    with mock_aws():
        yield the_clients()


@pytest.fixture
def settings(clients: Clients) -> LambdaSettings:
    topic = clients.of("sns", REGION).create_topic(Name="sessions")["TopicArn"]
    cluster = clients.of("ecs", REGION).create_cluster(clusterName="tidemark")["cluster"]["clusterArn"]
    return replace(SETTINGS, topic=topic, cluster=cluster)


@pytest.fixture
def deployment(
    clients: Clients, settings: LambdaSettings, monkeypatch: pytest.MonkeyPatch
) -> _handler.Deployment:
    """The tables, the policy `nightly`, and fake tags."""
    create_tables(clients)
    made = _handler.Deployment(settings, clients)
    made.__dict__["tags"] = RecordedTags()
    monkeypatch.setattr(_handler, "_here", [made])
    deploy_policy(clients, NIGHTLY)
    return made


def deploy_policy(clients: Clients, policy: Policy) -> None:
    ssm, stored = clients.of("ssm", REGION), documents(policy)
    values = {list_parameter("tidemark", policy.name, name): text for name, text in stored.lists.items()}
    for name, value in {**values, policy_parameter("tidemark", policy.name): stored.own}.items():
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@pytest.fixture
def call(deployment: _handler.Deployment) -> Call:
    """Call a handler like Lambda."""

    def invoke(step: str, event: Any) -> Any:
        return importlib.import_module(f"lambdas.{step}").handler(event, CONTEXT)

    return invoke


@pytest.fixture
def file_system(clients: Clients, deployment: _handler.Deployment) -> str:
    """A mountable file system of the policy, with both vaults."""
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    deploy_policy(clients, replace(NIGHTLY, file_systems=(made,)))
    clients.of("backup", REGION).create_backup_vault(BackupVaultName="tidemark")
    clients.of("backup", "eu-west-1").create_backup_vault(BackupVaultName="copies")
    return made


@pytest.fixture
def session(call: Any, file_system: str) -> Any:
    """The session value of an opened session."""
    return opened(call, "s", file_system)


def opened(call: Any, name: str, file_system: str) -> Any:
    event = {
        "session_id": name,
        "execution_arn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:tidemark-backup-session:{name}",
        "policy": "nightly",
        "file_system": file_system,
    }
    return call("open_session", event)


@pytest.fixture
def backup(clients: Clients, session: Any) -> Any:
    """A stub of AWS Backup, used after the vaults were checked."""
    with Stubber(clients.of("backup", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def hold_lease(deployment: _handler.Deployment, file_system: str, index_id: str) -> None:
    """Start an indexing session."""
    own = FileSystem(ACCOUNT, REGION, file_system)
    open_session(deployment.records, replace(new_session(f"of {index_id}"), file_system=own), utc_now())
    claim(deployment.records, f"of {index_id}", index_id, utc_now())


def propose(clients: Clients, file_system: str, index_id: str) -> dict[str, str | int]:
    """Put a worker's manifest into the repository; return the worker's report."""
    s3 = clients.of("s3", REGION)
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(
            Bucket="repository", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    place = {"account": ACCOUNT, "region": REGION, "file_system_id": file_system, "index_id": index_id}
    body = json.dumps(place).encode()
    key = f"indexes/{ACCOUNT}/{REGION}/{file_system}/{index_id}/attempt-0a1b2c3d/proposal.json"
    s3.put_object(Bucket="repository", Key=f"below/{key}", Body=body)
    return {"files": 3, "manifest_key": key, "manifest_sha256": hashlib.sha256(body).hexdigest()}


def close(call: Any, **event: Any) -> Any:
    return call("close_session", {"session_id": "s", **event})
