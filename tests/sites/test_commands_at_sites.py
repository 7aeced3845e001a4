"""Commands name file systems of other sites, and show where they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.sites.conftest import PRODUCTION, RESEARCH
from tidemark.errors import MalformedFileSystemId

pytestmark = pytest.mark.cloud


def test_a_file_system_is_named_as_in_the_configuration_or_by_its_id(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    session = sessions["orders"]
    file_system = session["file_system"]
    for name in (file_system, f"production/us-east-1/{file_system}", f"{PRODUCTION}/us-east-1/{file_system}"):
        answer = organization.tidemark("sessions", "--file-system", name, "--json")
        assert session["session_id"] in {one["session_id"] for one in answer.json["sessions"]}, name
    wrong = organization.tidemark("sessions", "--file-system", f"a/b/c/{file_system}")
    assert wrong.code == MalformedFileSystemId.exit_code


def test_lists_show_account_and_region(organization: Deployed, sessions: dict[str, dict[str, Any]]) -> None:
    home = organization.cloud.account_id
    lines = organization.tidemark("sessions").out.splitlines()
    places = {
        name: next(line for line in lines if session["session_id"] in line).split()[-2]
        for name, session in sessions.items()
    }
    assert places == {
        "shop": f"{home}/eu-west-1",
        "orders": "production/us-east-1",
        "genome": "research/eu-west-1",
    }
    for arguments, expected in (
        (("--account", "production"), {"orders"}),
        (("--account", PRODUCTION, "--region", "eu-west-1"), set()),
        (("--region", "eu-west-1"), {"shop", "genome"}),
        (("--account", "home"), {"shop"}),
    ):
        listed = organization.tidemark("sessions", "--json", *arguments).json["sessions"]
        assert {one["policy"] for one in listed} - {"everything"} == expected, arguments
    assert "use production, research, home" in organization.tidemark("sessions", "--account", "x").err
    indexes = organization.tidemark("index", "list").out
    for account, region in ((home, "eu-west-1"), (PRODUCTION, "us-east-1"), (RESEARCH, "eu-west-1")):
        assert f"{account}/{region}" in indexes


def test_points_in_other_accounts_are_those_of_the_records(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    for name, session in sessions.items():
        answer = organization.tidemark("recovery-points", session["file_system"], "--json")
        assert answer.code == 0, answer.err
        found = {one["recovery_point_arn"]: one for one in answer.json["recovery_points"]}
        for point in session["points"]:
            shown = found[point["recovery_point_arn"]]
            foreign = point["account"] != organization.cloud.account_id
            assert (shown["account"], shown["recorded"]) == (point["account"], foreign), name
            assert shown["index_id"] == session["index_id"]
            assert shown["problems"] == []


def test_protection_includes_every_account(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    answer = organization.tidemark("protection", "--json")
    assert answer.code == 0, answer.err
    shown = {one["file_system"].rpartition("/")[2]: one["level"] for one in answer.json["file_systems"]}
    for session in sessions.values():
        assert shown[session["file_system"]] in ("ok", "warning")


def test_one_file_system_of_another_account_is_backed_up_alone(
    organization: Deployed, sessions: dict[str, dict[str, Any]]
) -> None:
    name = f"research/eu-west-1/{sessions['genome']['file_system']}"
    answer = organization.tidemark("run", "everything", "--file-system", name, "--wait", "--json")
    assert answer.code == 0, answer.err
    (session,) = answer.json["sessions"]
    assert (session["status"], session["account"]) == ("success", RESEARCH)
