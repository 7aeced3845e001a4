"""`tidemark remove` deletes points, but not the last one, nor those that a lock or a hold keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Answer, Deployed
from tidemark.errors import PointsNotRemoved

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def sessions(deployed: Deployed) -> list[dict[str, Any]]:
    """Two manual runs of a policy for one file system, oldest first."""
    return [deployed.run("instance"), deployed.run("instance")]


def arns(found: list[dict[str, Any]]) -> list[str]:
    return [each["recovery_point_arn"] for each in found]


def remove(deployed: Deployed, *options: str) -> Answer:
    return deployed.tidemark("remove", "--policy", "instance", "--json", *options)


def test_points_that_a_lock_or_a_hold_keeps_are_reported_and_kept(
    deployed: Deployed, sessions: list[dict[str, Any]]
) -> None:
    backup = deployed.cloud.client("backup")
    vault = sessions[0]["points"][0]["vault"]
    ours = {point["recovery_point_arn"] for session in sessions for point in session["points"]}
    backup.put_backup_vault_lock_configuration(BackupVaultName=vault, MinRetentionDays=1)
    locked = remove(deployed, "--yes")
    backup.delete_backup_vault_lock_configuration(BackupVaultName=vault)
    assert locked.code == PointsNotRemoved.exit_code, locked.err
    assert {each["why"] for each in locked.json["kept"]} == {"vault-lock"}
    assert ours <= set(arns(locked.json["kept"]))
    assert "governance" in locked.err
    hold = backup.create_legal_hold(
        Title="the case", Description="a case", RecoveryPointSelection={"VaultNames": [vault]}
    )["LegalHoldId"]
    held = remove(deployed, "--yes")
    backup.cancel_legal_hold(LegalHoldId=hold, CancelDescription="closed")
    assert held.code == PointsNotRemoved.exit_code, held.err
    assert {(each["why"], each["detail"]) for each in held.json["kept"]} == {("legal-hold", "the case")}
    assert held.json["removed"] == []


def test_all_but_the_last_point_are_removed_and_the_last_one_on_request(
    deployed: Deployed, sessions: list[dict[str, Any]]
) -> None:
    file_system = sessions[0]["file_system"].rpartition("/")[2]
    first, second = (session["points"][0]["recovery_point_arn"] for session in sessions)
    dry = remove(deployed, "--dry-run", "--manual")
    assert dry.code == 0, dry.err
    assert {first, second} <= {*arns(dry.json["remove"]), *arns(dry.json["kept"])}
    assert dry.json["removed"] == []
    one = ("--file-system", file_system, "--yes")
    assert remove(deployed, *one, "--older-than", "1d").json["remove"] == []
    assert remove(deployed, *one, "--copies").json["remove"] == []
    done = remove(deployed, *one)
    assert done.code == 0, done.err
    assert first in done.json["removed"]
    listed = deployed.tidemark("recovery-points", file_system, "--json").json["recovery_points"]
    left = [each["recovery_point_arn"] for each in listed if each["made_by"] == "tidemark"]
    assert first not in left
    kept = [each for each in done.json["kept"] if each["why"] == "last"]
    if kept:  # no other test has left a point of another policy of the file system
        assert left == arns(kept)
        done = deployed.tidemark("remove", "--file-system", file_system, "--last", "--yes", "--json")
        assert done.code == 0, done.err
        assert done.json["removed"] == left


def test_a_selection_is_required(deployed: Deployed) -> None:
    refused = deployed.tidemark("remove", "--yes")
    assert refused.code == 2
    assert "--older-than" in refused.err
