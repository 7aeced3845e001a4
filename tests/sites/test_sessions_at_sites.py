"""Sessions of an organization: each file system is backed up and indexed in its own account and Region."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.sites.conftest import FILE_SYSTEMS, PRODUCTION, RESEARCH

pytestmark = pytest.mark.cloud


def place(organization: Deployed, name: str) -> tuple[str, str]:
    account, region = FILE_SYSTEMS[name]
    return {None: organization.cloud.account_id, "production": PRODUCTION, "research": RESEARCH}[
        account
    ], region


@pytest.mark.parametrize("name", FILE_SYSTEMS)
def test_a_file_system_is_backed_up_and_indexed_where_it_is(
    organization: Deployed, sessions: dict[str, dict[str, Any]], name: str
) -> None:
    session = sessions[name]
    account, region = place(organization, name)
    assert (session["status"], session["account"], session["region"]) == ("success", account, region)
    point = session["points"][0]
    assert (point["kind"], point["account"], point["region"]) == ("backup", account, region)
    owner = organization.cloud.account(account)
    held = owner.client("backup", region).describe_recovery_point(
        BackupVaultName="tidemark", RecoveryPointArn=point["recovery_point_arn"]
    )
    assert (held["Status"], held["Lifecycle"]["DeleteAfterDays"]) == ("COMPLETED", 35)
    below = f"indexes/{account}/{region}/{session['file_system']}/{session['index_id']}/"
    bucket = organization.outputs["Tidemark-tidemark"]["RepositoryUrl"].removeprefix("s3://")
    found = organization.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=below)
    assert f"{below}manifest.json" in {one["Key"] for one in found["Contents"]}


def test_copies_go_to_other_regions_and_accounts_with_the_tags_of_their_index(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    home = organization.cloud.account_id
    expected = {
        "shop": (home, "eu-central-1", 90),
        "orders": (PRODUCTION, "eu-central-1", 60),
        "genome": (PRODUCTION, "us-east-1", 60),
    }
    for name, (account, region, days) in expected.items():
        backup, copy = sessions[name]["points"]
        assert (copy["kind"], copy["account"], copy["region"]) == ("copy", account, region), name
        client = organization.cloud.account(account).client("backup", region)
        arn = copy["recovery_point_arn"]
        held = client.describe_recovery_point(BackupVaultName="tidemark", RecoveryPointArn=arn)
        assert held["Lifecycle"]["DeleteAfterDays"] == days, name
        source = organization.cloud.account(backup["account"]).client("backup", backup["region"])
        tags = source.list_tags(ResourceArn=backup["recovery_point_arn"])["Tags"]
        assert client.list_tags(ResourceArn=arn)["Tags"].keys() == tags.keys(), name
        assert organization.associations()[arn] == sessions[name]["index_id"]


def test_one_search_finds_the_files_of_all_accounts(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    answer = organization.tidemark("search", "*.txt", "--json")
    assert answer.code == 0, answer.err
    found = {json.loads(line)["path"] for line in answer.out.splitlines()}
    assert {f"/data/{name}.txt" for name in sessions} <= found


def test_an_account_that_denies_access_fails_its_sessions_and_no_others(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    organization.cloud.suspend_account("research")
    try:
        answer = organization.tidemark("run", "everything", "--wait", "--json")
    finally:
        organization.cloud.suspend_account("research", suspended=False)
    ended = {one["account"]: one["status"] for one in answer.json["sessions"] if one.get("status")}
    assert answer.code != 0
    assert ended.pop(RESEARCH, "failed") == "failed"
    assert set(ended.values()) == {"success"}
    assert len(ended) == 2, "the deployment's account and production"
    assert f"account {RESEARCH} in eu-west-1 cannot be reached" in answer.err


def test_no_worker_and_no_task_definition_is_left_anywhere(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    assert organization.cloud.worker_processes() == []
    for name in sessions:
        account, region = place(organization, name)
        ecs = organization.cloud.account(account).client("ecs", region)
        assert ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []
