"""An organization in a local cloud: a deployment that protects three accounts in three Regions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.e2e.conftest import Deployed
from tests.infra.assemblies import assembly

PRODUCTION, RESEARCH = "111111111111", "222222222222"
EXTERNAL_IDS = {"production": "0f7c3a51b2d94e68", "research": "8e21d6b0c4a95f37"}
# The account, None for that of the deployment, and the Region of each file system.
FILE_SYSTEMS: dict[str, tuple[str | None, str]] = {
    "shop": (None, "eu-west-1"),
    "orders": ("production", "us-east-1"),
    "genome": ("research", "eu-west-1"),
}
CONFIGURATION = """\
region: eu-central-1
account: "{account}"
regions: [eu-central-1, eu-west-1]
accounts:
  production:
    id: "111111111111"
    regions: [eu-central-1, us-east-1]
    external_id: 0f7c3a51b2d94e68
  research:
    id: "222222222222"
    regions: [eu-west-1]
    external_id: 8e21d6b0c4a95f37
vaults: {{eu-central-1: tidemark}}
policies:
  shop:
    file_systems: [eu-west-1/{shop}]
    keep: 35 days
    copies: [{{region: eu-central-1, keep: 90 days}}]
  orders:
    file_systems: [production/us-east-1/{orders}]
    keep: 35 days
    copies: [{{region: eu-central-1, keep: 60 days}}]
    worker: {{type: ec2}}
  genome:
    file_systems: [research/eu-west-1/{genome}]
    keep: 35 days
    copies: [{{account: production, region: us-east-1, keep: 60 days}}]
  tagged:
    select: [{{tags: {{backup: daily}}, accounts: [home, production], regions: [eu-west-1, us-east-1]}}]
    exclude: {{tags: {{stage: test}}}}
    keep: 35 days
    index: false
  everything:
    file_systems: [eu-west-1/{shop}, production/us-east-1/{orders}, research/eu-west-1/{genome}]
    keep: 35 days
    index: false
"""


@pytest.fixture(scope="session")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The deployment; the functions run as processes, and jobs are short."""
    root = tmp_path_factory.mktemp("organization")
    accounts = {"production": PRODUCTION, "research": RESEARCH}
    with LocalCloud.start(
        accounts=accounts, time_scale=0.01, timeout_scale=0.1, warm_functions=20, region="eu-central-1"
    ) as cloud:
        cloud.set_job_durations(backup=60, copy=60, restore=60)
        cloud.client("backup").update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "true"})
        directories = {name: root / name for name in FILE_SYSTEMS}
        ids = {name: _file_system(cloud, name, directories[name]) for name in FILE_SYSTEMS}
        configuration = CONFIGURATION.format(account=cloud.account_id, **ids)
        outputs = cloud.deploy(assembly(configuration))
        home = root / "nobody"
        home.mkdir()
        yield Deployed(cloud=cloud, outputs=outputs, directories=directories, home=home)


def _file_system(cloud: LocalCloud, name: str, directory: Path) -> str:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / f"{name}.txt").write_text(name)
    account, region = FILE_SYSTEMS[name]
    return cloud.create_file_system(name, directory, region=region, account=account).id


@pytest.fixture(scope="session")
def sessions(organization: Deployed) -> dict[str, dict[str, Any]]:
    """An ended session of each file system, by its name."""
    return {name: organization.run(name) for name in FILE_SYSTEMS}


@pytest.fixture(scope="session")
def calls(organization: Deployed, sessions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls of these sessions and of a sweep, without those of later tests."""
    assert {session["status"] for session in sessions.values()} == {"success"}
    organization.sweep()
    return organization.cloud.calls()
