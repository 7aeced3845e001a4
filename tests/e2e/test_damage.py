"""Ransomware on a file system whose policy holds: alarm, held points, no copies, release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Deployed, until
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import load
from tidemark.policy.policy import policy_parameter

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

GUARDED = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: tidemark-copies}}
policies:
  guarded:
    file_systems: [{kept}]
    keep: 14 days
    copies: [{{region: eu-west-1, keep: 21 days}}]
    damage: {{history: 1, files: 10, on_damage: hold, hold: 90 days}}
"""


@pytest.fixture(scope="module")
def guarded(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of a file system with a policy that holds."""
    path: Path = tmp_path_factory.mktemp("guarded") / "tidemark.yaml"
    file_system = deployed.cloud.file_systems["kept"].id
    path.write_text(GUARDED.format(kept=file_system))
    (policy,) = load(path, sdk_regions()).policies
    ssm, name = deployed.cloud.client("ssm"), policy_parameter("tidemark", "guarded")
    ssm.put_parameter(Name=name, Value=policy.to_json(), Type="String")
    yield file_system
    ssm.delete_parameter(Name=name)


def kept_days(deployed: Deployed, session: dict[str, Any]) -> dict[str, int]:
    """Return the retention of a session's points by Region, from AWS Backup."""
    found = {}
    for point in session["points"]:
        backup = deployed.cloud.client("backup", point["region"])
        answer = backup.describe_recovery_point(
            BackupVaultName=point["vault"], RecoveryPointArn=point["recovery_point_arn"]
        )
        found[point["region"]] = answer["Lifecycle"]["DeleteAfterDays"]
    return found


def encrypt(ledger: Path) -> None:
    for path in sorted(ledger.glob("*.csv")):
        (ledger / f"{path.name}.locked").write_bytes(path.read_bytes() + b"\0" * 16)
        path.unlink()


def test_an_attack_is_detected_and_the_last_good_points_are_kept_until_the_release(
    deployed: Deployed, guarded: str
) -> None:
    ledger = deployed.directories["kept"] / "ledger"
    ledger.mkdir()
    for number in range(40):
        (ledger / f"{number:02}.csv").write_text(f"{number}")
    deployed.run("guarded")
    (ledger / "00.csv").write_text("changed")
    good = deployed.run("guarded")
    assert kept_days(deployed, good) == {"eu-central-1": 14, "eu-west-1": 21}

    encrypt(ledger)
    damaged = deployed.run("guarded")
    shown = until(
        lambda: deployed.tidemark("damage", "show", guarded, "--json"),
        lambda answer: bool(answer.json["alarm"] and answer.json["alarm"]["held"]),
    )
    assert shown.code == 57
    alarm = shown.json["alarm"]
    assert (alarm["first_index_id"], alarm["last_good_index_id"]) == (damaged["index_id"], good["index_id"])
    (finding,) = shown.json["indexes"][0]["findings"]
    assert (finding["rule"], finding["directory"], finding["amount"]) == ("replaced", "/ledger/", 40)
    assert set(alarm["held"]) == {point["recovery_point_arn"] for point in good["points"]}
    held = kept_days(deployed, good)
    assert set(held) == {"eu-central-1", "eu-west-1"}
    assert all(days in (90, 91) for days in held.values())  # from the alarm, in days since the creation
    assert kept_days(deployed, damaged)["eu-central-1"] == 14
    protected = deployed.tidemark("protection", "--json").json["file_systems"]
    (own,) = [each for each in protected if each["file_system"] == guarded]
    assert own["damage_since_index_id"] == damaged["index_id"]

    later = deployed.run("guarded")
    assert later["status"] == "warning"
    assert any("not copied to eu-west-1" in reason for reason in later["reasons"])
    assert {point["region"] for point in later["points"]} == {"eu-central-1"}

    released = deployed.tidemark("damage", "release", guarded, "--yes", "--json")
    assert released.code == 0, released.err
    assert set(released.json["set_back"]) == set(alarm["held"])
    assert kept_days(deployed, good) == {"eu-central-1": 14, "eu-west-1": 21}
    assert deployed.tidemark("damage", "show", guarded).code == 0
