"""Restores to file systems of other accounts and Regions, by workers there."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud import Account
from tests.e2e.conftest import Deployed
from tests.infra.judge import allows
from tests.sites.conftest import FILE_SYSTEMS
from tests.sites.test_permissions_at_sites import statements, tags

pytestmark = pytest.mark.cloud


@pytest.mark.parametrize("name", ["shop", "orders"])
def test_a_deleted_file_is_put_back_where_it_was(
    organization: Deployed, sessions: dict[str, dict[str, Any]], name: str
) -> None:
    file_system = sessions[name]["file_system"]
    path = f"data/{name}.txt"
    (organization.cloud.writable_directory_of(file_system) / path).unlink()
    before = len(organization.cloud.calls())
    arguments = (f"/{path}", "--file-system", file_system, "--yes", "--wait", "--json")
    answer = organization.tidemark("restore", *arguments)
    assert answer.code == 0, answer.err
    session = answer.json["session"]
    account, region = FILE_SYSTEMS[name]
    assert session["status"] == "success", session["reasons"]
    owner: Account = organization.cloud.account(account or organization.cloud.account_id)
    assert (session["account"], session["region"]) == (owner.id, region)
    assert (organization.cloud.directory_of(file_system) / path).read_text() == name
    (job,) = session["jobs"]
    described = owner.client("backup", region).describe_restore_job(RestoreJobId=job["job_id"])
    assert described["Status"] == "COMPLETED"
    assert organization.cloud.worker_processes() == []
    check_granted(organization, organization.cloud.calls()[before:])
    listed = organization.tidemark("restores", "--file-system", file_system, "--json").json["restores"]
    assert listed[0]["restore_id"] == session["restore_id"]


def check_granted(organization: Deployed, calls: list[dict[str, Any]]) -> None:
    granted, known = statements(organization), tags(organization)
    made = [call for call in calls if "restore" in call["principal"] and call["principal"] in granted]
    assert {call["principal"].rpartition("/")[2][:18] for call in made} >= {"tidemark-restores-"}
    refused = {
        f"{call['principal']}: {call['action']} on {call['resource']} with {call['context']}"
        for call in made
        if not allows(
            granted[call["principal"]],
            call["action"],
            call["resource"],
            {**call["context"], **known.get(call["resource"], {})},
        )
    }
    assert sorted(refused - {one for one in refused if "logs:CreateLogGroup" in one}) == []


def test_a_new_file_system_in_another_account_is_refused(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    file_system = sessions["orders"]["file_system"]
    answer = organization.tidemark(
        "restore", "/data/orders.txt", "--file-system", file_system, "--new-file-system", "--yes"
    )
    assert answer.code != 0
    assert "file system itself" in answer.err
