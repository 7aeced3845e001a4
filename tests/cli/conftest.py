"""A deployment on moto, as far as the reading commands and the checks before a run need one."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.session import get_session
from moto import mock_aws

from tests.index.building import FILE_SYSTEM as INDEXED
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import Resources
from tidemark.aws.s3_store import S3Store
from tidemark.cli.main import call
from tidemark.index.store import FileStore
from tidemark.policy.policy import CopyTarget, Policy, policy_parameter, resources_parameter
from tidemark.sessions.overlap import open_session
from tidemark.sessions.schema import TABLES
from tidemark.sessions.session import FileSystem, Point, Session

REGION, COPY_REGION, ACCOUNT = "eu-central-1", "eu-west-1", "123456789012"
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


@pytest.fixture(autouse=True)
def _no_credentials_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "TIDEMARK_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def tidemark(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run one command and return what it printed."""

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        code = call(list(arguments))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def repository(tmp_path: Path) -> FileStore:
    """A repository without any deployment; its `url` is what --repository takes."""
    return FileStore(tmp_path / "repository")


@dataclasses.dataclass
class Deployment:
    clients: Clients
    resources: Resources
    policy: Policy
    file_system: FileSystem

    @property
    def store(self) -> S3Store:
        return S3Store(self.clients.of("s3", REGION), "repository", "below")

    @property
    def records(self):
        return self.resources.records(self.clients)

    def session(self, name: str, *, age: timedelta = timedelta(0), **fields: object) -> Session:
        """Record a session that was opened so long ago."""
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


@pytest.fixture(scope="session")
def clients_of_moto() -> Clients:
    """The clients of all these tests: making them takes longer than using them."""
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", REGION)
    return Clients(session)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, clients_of_moto: Clients) -> Iterator[Clients]:
    monkeypatch.setattr("tidemark.cli.connection.Clients", lambda: clients_of_moto)
    with mock_aws():
        yield clients_of_moto


@pytest.fixture
def deployment(aws: Clients) -> Deployment:
    """What the reading commands need of a deployment: its parameters, tables and repository."""
    aws.of("s3").create_bucket(Bucket="repository", CreateBucketConfiguration={"LocationConstraint": REGION})
    machines = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:tidemark"
    resources = Resources(
        account=ACCOUNT,
        region=REGION,
        sessions_table="tidemark-sessions",
        indexes_table="tidemark-indexes",
        repository="s3://repository/below",
        tag_key=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/none",
        policy_run=f"{machines}-policy-run",
        backup_session=f"{machines}-backup-session",
        indexing_session=f"{machines}-indexing-session",
        vaults={REGION: "tidemark", COPY_REGION: "copies"},
    )
    policy = Policy(
        name="nightly",
        region=REGION,
        file_systems=(OWN, INDEXED),
        vault="tidemark",
        keep_days=35,
        copies=(CopyTarget(region=COPY_REGION, vault="copies", keep_days=90),),
    )
    _tables(aws)
    ssm = aws.of("ssm")
    ssm.put_parameter(Name=resources_parameter("tidemark"), Value=resources.to_json(), Type="String")
    ssm.put_parameter(Name=policy_parameter("tidemark", "nightly"), Value=policy.to_json(), Type="String")
    return Deployment(clients=aws, resources=resources, policy=policy, file_system=resources.file_system(OWN))


def _tables(aws: Clients) -> None:
    for schema in TABLES:
        keys = [(schema.partition_key, "HASH")] + [(schema.sort_key, "RANGE")] * bool(schema.sort_key)
        secondary = [
            {
                "IndexName": index.name,
                "KeySchema": [
                    {"AttributeName": index.partition_key, "KeyType": "HASH"},
                    {"AttributeName": index.sort_key, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index in schema.secondary_indexes
        ]
        names = {name for name, _ in keys}
        names |= {key["AttributeName"] for index in secondary for key in index["KeySchema"]}
        aws.of("dynamodb").create_table(
            TableName=schema.table_name("tidemark"),
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)],
            GlobalSecondaryIndexes=secondary,
        )
