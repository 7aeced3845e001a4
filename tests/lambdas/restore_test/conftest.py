"""A deployment with a recovery point, its index, and a restore job of restore testing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas import launch_verification_worker
from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, NIGHTLY, REGION, route_out
from tests.lambdas.answers import record_launches
from tests.lambdas.conftest import deploy_policy
from tests.lambdas.restore_test.tested import (
    BACKED_UP,
    INDEX,
    POINT,
    Backup,
    answering,
)
from tidemark.aws.clients import Clients
from tidemark.policy.policy import WorkerSettings
from tidemark.sessions.indexing import Association, Index, IndexStatus
from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import Put


@pytest.fixture
def original(clients: Clients, deployment: Deployment) -> str:
    """The file system that was backed up, in a network from which a worker reaches AWS."""
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    route_out(clients, vpc)
    made = efs.create_file_system(CreationToken="original")["FileSystemId"]
    group = ec2.create_security_group(GroupName="files", Description="files", VpcId=vpc)["GroupId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet, SecurityGroups=[group])
    deploy_policy(clients, replace(NIGHTLY, worker=WorkerSettings(security_groups=("sg-1",))))
    return made


@pytest.fixture
def restored(clients: Clients) -> str:
    """The file system that AWS Backup has created."""
    return clients.of("efs", REGION).create_file_system(CreationToken="restored")["FileSystemId"]


@pytest.fixture
def backup(clients: Clients, original: str, restored: str) -> Iterator[Backup]:
    backup = Backup(original, restored)
    with answering(clients, backup):
        yield backup


@pytest.fixture
def indexed(deployment: Deployment, original: str) -> Deployment:
    """The deployment with a complete index of the recovery point."""
    file_system = FileSystem(ACCOUNT, REGION, original)
    index = Index(
        file_system=file_system,
        index_id=INDEX,
        status=IndexStatus.COMPLETE,
        started_at=BACKED_UP,
        ended_at=BACKED_UP,
    )
    association = Association(
        file_system=file_system, recovery_point_arn=POINT, index_id=INDEX, session_id="s"
    )
    for item in (index.to_item(), association.to_item()):
        deployment.records.transact(Put(table=INDEXES, item=item))
    return deployment


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The launches of workers, which get no machine."""
    return record_launches(monkeypatch, launch_verification_worker)
