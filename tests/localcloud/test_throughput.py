"""UpdateFileSystem changes the throughput as AWS does, and refuses what AWS refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.efs.responses import EFSResponse

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import Cloud
from localcloud.core.faults import Faults
from localcloud.services import throughput


@pytest.fixture
def efs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    clock = ScaledClock(1.0)
    cloud = Cloud(
        endpoint_url="http://none",
        state_dir=tmp_path,
        keeps_state=True,
        clock=clock,
        faults=Faults(clock),
        file_systems={},
    )
    monkeypatch.setattr(EFSResponse, "update_file_system", None, raising=False)
    throughput.install(cloud)
    with mock_aws():
        yield boto3.client(
            "efs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )


def made(efs: Any, **settings: Any) -> str:
    return efs.create_file_system(CreationToken="t", **settings)["FileSystemId"]


@pytest.mark.parametrize(
    "change",
    [
        {"ThroughputMode": "elastic"},
        {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 12.5},
        {"ThroughputMode": "bursting"},
    ],
)
def test_a_file_system_has_the_throughput_that_was_set(efs: Any, change: dict[str, Any]) -> None:
    file_system = made(efs)
    answer = efs.update_file_system(FileSystemId=file_system, **change)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    (found,) = efs.describe_file_systems(FileSystemId=file_system)["FileSystems"]
    assert change.items() <= found.items()


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({}, {"ThroughputMode": "provisioned"}),
        ({}, {"ThroughputMode": "elastic", "ProvisionedThroughputInMibps": 1.0}),
        ({"PerformanceMode": "maxIO"}, {"ThroughputMode": "elastic"}),
    ],
)
def test_settings_that_exclude_each_other_are_refused(
    efs: Any, settings: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="BadRequest"):
        efs.update_file_system(FileSystemId=made(efs, **settings), **change)


def test_the_throughput_changes_once_a_day(efs: Any) -> None:
    file_system = made(efs)
    efs.update_file_system(FileSystemId=file_system, ThroughputMode="elastic")
    with pytest.raises(ClientError, match="TooManyRequests"):
        efs.update_file_system(FileSystemId=file_system, ThroughputMode="bursting")


def test_a_file_system_that_does_not_exist_is_not_found(efs: Any) -> None:
    with pytest.raises(ClientError, match="FileSystemNotFound"):
        efs.update_file_system(FileSystemId="fs-00000000", ThroughputMode="elastic")
