"""Tasks and instances run in each account, with its networks, file systems, roles and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from localcloud import Account, FileSystem, LocalCloud
from tests.localcloud.accounts.conftest import REGION
from tests.localcloud.compute.conftest import Site, furnished, wait_for
from tests.localcloud.compute.test_ecs import describe, register
from tests.localcloud.compute.test_ecs import logged as lines_of_task
from tests.localcloud.compute.test_ecs import run as run_task
from tests.localcloud.compute.test_instances import console, launch, state

pytestmark = pytest.mark.cloud

PRODUCTION, OTHER = "111111111111", "222222222222"


@dataclass(frozen=True)
class InAccount:
    """One account of a local cloud, where the tests of tasks and instances expect a local cloud."""

    account: Account
    file_systems: Mapping[str, FileSystem]
    _control: Any

    def client(self, service: str, region: str | None = None) -> Any:
        return self.account.client(service, region)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """The account ids of the images are those of the default account; both accounts use them."""
    with LocalCloud.start(
        accounts={"production": PRODUCTION, "other": OTHER}, time_scale=0.002, region=REGION
    ) as running:
        yield running


@pytest.fixture(scope="module")
def site(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Site:
    directory: Path = tmp_path_factory.mktemp("production")
    made = cloud.create_file_system("home", directory, account="production")
    account = InAccount(cloud.account("production"), {"home": made}, cloud._control)
    return furnished(cast(LocalCloud, account), tmp_path_factory.mktemp("image"))


def test_a_task_calls_and_logs_in_its_account(cloud: LocalCloud, site: Site) -> None:
    assert site.role_arn.split(":")[4] == PRODUCTION
    arn = run_task(site, register(site), {"ORDER": "report"})["tasks"][0]["taskArn"]
    assert arn.split(":")[4] == PRODUCTION
    wait_for(lambda: describe(site, arn)["lastStatus"] == "STOPPED")
    _, report = lines_of_task(site, arn)
    seen = json.loads(report)
    session = arn.rpartition("/")[2]
    assert seen["caller"] == f"arn:aws:sts::{PRODUCTION}:assumed-role/{site.role_name}/{session}"
    assert seen["listing"] == ["hello.txt"]
    other = cloud.account("other")
    assert other.client("logs").describe_log_groups()["logGroups"] == []
    assert other.client("ecs").list_clusters()["clusterArns"] == []


def test_a_client_token_of_another_account_is_independent(cloud: LocalCloud, site: Site) -> None:
    request = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "ClientToken": "the same"}
    launched = [
        account.client("ec2").run_instances(**request)["Instances"][0]["InstanceId"]
        for account in (cloud.account("production"), cloud.account("other"))
    ]
    assert launched[0] != launched[1]


def test_an_instance_gets_the_credentials_of_its_role_from_its_metadata(site: Site) -> None:
    script = "#!/bin/bash\naws sts get-caller-identity\nshutdown -h now\n"
    instance = launch(site, "who", script=script)
    wait_for(lambda: state(site, instance) == "terminated")
    assert f"arn:aws:sts::{PRODUCTION}:assumed-role/{site.role_name}/{instance}" in console(site, instance)


def test_an_instance_mounts_and_runs_a_container_in_its_account(site: Site) -> None:
    instance = launch(site, "whole")
    wait_for(lambda: state(site, instance) == "terminated")
    events = site.client("logs").filter_log_events(logGroupName="/program", logStreamNames=["whole"])
    seen = json.loads(events["events"][1]["message"])
    assert seen["caller"].startswith(f"arn:aws:sts::{PRODUCTION}:assumed-role/{site.role_name}/")
    assert seen["listing"] == ["hello.txt"]
