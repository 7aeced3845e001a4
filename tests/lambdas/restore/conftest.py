"""A restore session, AWS Backup's restore jobs, and launches of workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas import launch_restore_worker
from lambdas._handler import Deployment
from tests.aws.account import NIGHTLY, REGION, route_out
from tests.lambdas.answers import record_launches
from tests.lambdas.conftest import deploy_policy
from tests.lambdas.restore.restoring import TWO_POINTS, Backup, Session, answering
from tidemark.aws.clients import Clients
from tidemark.policy.policy import WorkerSettings


@pytest.fixture
def backup(clients: Clients) -> Iterator[Backup]:
    backup = Backup()
    with answering(clients, backup):
        yield backup


@pytest.fixture
def file_system(clients: Clients, deployment: Deployment) -> str:
    """A file system that a worker can mount."""
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    route_out(clients, vpc)
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    deploy_policy(clients, replace(NIGHTLY, worker=WorkerSettings(security_groups=("sg-1",))))
    return made


@pytest.fixture
def session(call: Any, deployment: Deployment, file_system: str) -> Session:
    """An opened session of the plan TWO_POINTS."""
    made = Session(call, deployment, replace(TWO_POINTS, file_system_id=file_system))
    made.open()
    return made


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The launches of workers, which get no machine."""
    return record_launches(monkeypatch, launch_restore_worker)
