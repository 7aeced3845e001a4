"""A policy that selects file systems by tags in two accounts and Regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Deployed, until
from tests.sites.conftest import PRODUCTION

pytestmark = pytest.mark.cloud


def made(organization: Deployed, folder: Path, account: str, region: str, **tags: str) -> str:
    """Create a file system with tags; return its name in policies."""
    folder.mkdir()
    cloud = organization.cloud
    own = account == cloud.account_id
    found = cloud.create_file_system(folder.name, folder, region=region, account=None if own else account).id
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    cloud.account(account).client("efs", region).tag_resource(ResourceId=found, Tags=listed)
    return f"{region}/{found}" if own else f"{account}/{region}/{found}"


def run(organization: Deployed) -> None:
    """Run the policy; the user's credentials see only one of its accounts, so the run itself is awaited."""
    answer = organization.tidemark("run", "tagged", "--json")
    assert answer.code == 0, answer.err
    states = organization.cloud.client("stepfunctions")
    ended = until(
        lambda: states.describe_execution(executionArn=answer.json["execution_arn"]),
        lambda execution: execution["status"] != "RUNNING",
    )
    assert ended["status"] == "SUCCEEDED", ended.get("cause")


def shown(organization: Deployed) -> dict[str, Any]:
    return organization.tidemark("policy", "show", "tagged", "--json").json["policy"]


def test_each_run_backs_up_what_has_the_tags_now(organization: Deployed, tmp_path: Path) -> None:
    home = organization.cloud.account_id
    web = made(organization, tmp_path / "web", home, "eu-west-1", backup="daily")
    data = made(organization, tmp_path / "data", PRODUCTION, "us-east-1", backup="daily")
    barred = made(organization, tmp_path / "try", home, "eu-west-1", backup="daily", stage="test")
    made(organization, tmp_path / "other", home, "eu-west-1", backup="weekly")
    made(organization, tmp_path / "elsewhere", PRODUCTION, "eu-central-1", backup="daily")
    run(organization)
    policy = shown(organization)
    assert policy["file_systems"] == sorted([data, web])
    assert policy["selection"]["excluded"] == [barred]
    (unlisted,) = policy["selection"]["unlisted"]
    assert unlisted["place"] == f"{PRODUCTION}/us-east-1/"  # with the user's credentials; the run listed it
    sessions = organization.tidemark("sessions", "--policy", "tagged", "--json").json["sessions"]
    assert {(each["account"], each["file_system"], each["status"]) for each in sessions} == {
        (home, web.rpartition("/")[2], "success"),
        (PRODUCTION, data.rpartition("/")[2], "success"),
    }
    production = organization.cloud.account(PRODUCTION).client("efs", "us-east-1")
    production.untag_resource(ResourceId=data.rpartition("/")[2], TagKeys=["backup"])
    late = made(organization, tmp_path / "late", home, "eu-west-1", backup="daily")
    run(organization)
    policy = shown(organization)
    assert policy["file_systems"] == sorted([web, late])
    assert (policy["selection"]["appeared"], policy["selection"]["vanished"]) == ([late], [data])
    assert "gone in last run" in organization.tidemark("policy", "show", "tagged").out
