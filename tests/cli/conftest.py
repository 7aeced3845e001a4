"""A deployment on moto, with the resources that the reading commands and the checks before a run use."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from tests.aws.account import ACCOUNT, NIGHTLY, REGION, RESOURCES, create_tables, the_clients
from tests.index.building import FILE_SYSTEM as INDEXED
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import Resources
from tidemark.aws.recovery_points import Kept, Unlisted
from tidemark.aws.s3_store import S3Store
from tidemark.cli.main import call
from tidemark.errors import AccessDenied
from tidemark.index.storage.object_store import FileStore
from tidemark.policy.policy import Policy, policy_parameter, resources_parameter
from tidemark.sessions.overlap import open_session
from tidemark.sessions.queries import sessions_of
from tidemark.sessions.session import FileSystem, Job, Point, Session

OWN = "fs-00000000000000001"  # the policy's first file system; the second is the one of the made-up indexes
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclasses.dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def tidemark(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run one command and return its output."""

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        code = call(list(arguments))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def repository(tmp_path: Path) -> FileStore:
    """A repository without any deployment; its `url` is what --repository takes."""
    (tmp_path / "repository").mkdir()
    return FileStore(tmp_path / "repository")


@dataclasses.dataclass
class Deployment:
    clients: Clients
    resources: Resources
    policy: Policy
    file_system: FileSystem
    deleted: set[str] | None  # ARNs that the vaults no longer hold; None: listing is denied

    @property
    def store(self) -> S3Store:
        return S3Store(self.clients.of("s3", REGION), "repository", "below")

    @property
    def records(self):
        return self.resources.records(self.clients)

    def session(self, name: str, *, age: timedelta = timedelta(0), **fields: object) -> Session:
        """Record a session that was opened `age` ago."""
        made = Session(
            session_id=name,
            policy=self.policy.name,
            file_system=self.file_system,
            execution_arn=f"{self.resources.backup_session.replace('stateMachine', 'execution')}:{name}",
            opened_at=NOW - age,
            index_wanted=True,
        )
        made = dataclasses.replace(made, **fields)
        return open_session(self.records, made, NOW - age)

    def point(self, number: int = 1, **fields: object) -> Point:
        usual = {
            "recovery_point_arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{number:08}",
            "kind": "backup",
            "account": ACCOUNT,
            "region": REGION,
            "vault": "tidemark",
            "job_id": f"job-{number}",
            "size_bytes": 1_234_567,
            "completed_at": NOW,
        }
        return Point(**usual | fields)

    def job(self, **fields: object) -> Job:
        usual = {
            "job_id": "job-1",
            "kind": "backup",
            "account": ACCOUNT,
            "region": REGION,
            "vault": "tidemark",
            "started_at": NOW,
        }
        return Job(**usual | fields)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    monkeypatch.setattr("tidemark.answers.connection.Clients", the_clients)
    with mock_aws():
        yield the_clients()


@pytest.fixture
def deployment(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The resources that the reading commands use: parameters, tables and repository."""
    aws.of("s3").create_bucket(Bucket="repository", CreateBucketConfiguration={"LocationConstraint": REGION})
    policy = dataclasses.replace(NIGHTLY, file_systems=(OWN, INDEXED))
    create_tables(aws)
    ssm = aws.of("ssm")
    ssm.put_parameter(Name=resources_parameter("tidemark"), Value=RESOURCES.to_json(), Type="String")
    ssm.put_parameter(Name=policy_parameter("tidemark", "nightly"), Value=policy.to_json(), Type="String")
    made = Deployment(aws, RESOURCES, policy, RESOURCES.file_system(OWN), deleted=set())

    def arns_of(_: Clients, whose: FileSystem, vaults: dict[str, str]) -> Kept:
        """Stand in for AWS Backup's listing, which moto does not have."""
        if made.deleted is None:
            denied = AccessDenied("no backup:ListRecoveryPointsByBackupVault; ask for it")
            unlisted = [
                Unlisted(region=region, vault=vault, error=denied) for region, vault in vaults.items()
            ]
            return Kept(arns=frozenset(), unlisted=unlisted)
        points = [point for session in sessions_of(made.records, whose) for point in session.points]
        arns = frozenset(point.recovery_point_arn for point in points) - made.deleted
        return Kept(arns=arns, unlisted=[])

    monkeypatch.setattr("tidemark.aws.recovery_points.arns_of", arns_of)
    return made
