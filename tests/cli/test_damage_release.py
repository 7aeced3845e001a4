"""tidemark damage release: accept changes, and set retentions back."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, REGION
from tests.cli.conftest import NOW, OWN
from tests.index.building import FILE_SYSTEM as INDEXED
from tests.index.test_damage_file import build, days, tree
from tidemark.answers import connection
from tidemark.sessions.damage_alarms import HeldPoint, Suspicion, raise_alarm, read_alarm, update_alarm

POINT = HeldPoint(
    recovery_point_arn=f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1",
    account=ACCOUNT,
    region=REGION,
    vault="tidemark",
    keep_days=35,
    cold_after_days=None,
    held_days=100,
)


@pytest.fixture
def backup(deployment, monkeypatch):
    """AWS Backup's answers, for the clients that the command makes."""
    monkeypatch.setattr(connection, "Clients", lambda: deployment.clients)
    with Stubber(deployment.clients.of("backup", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def alarm(deployment, **fields):
    suspicion = Suspicion(file_system=deployment.file_system, index_id="index-9", findings=("a finding",))
    raised = raise_alarm(deployment.records, suspicion, holds=True, now=NOW)
    return update_alarm(deployment.records, raised, **fields)


def test_a_release_accepts_the_changes_and_sets_the_retention_back(tidemark, deployment, backup):
    alarm(deployment, held=(POINT,))
    backup.add_response("describe_recovery_point", {"CreationDate": NOW - timedelta(days=3)})
    backup.add_response(
        "update_recovery_point_lifecycle",
        {},
        {
            "BackupVaultName": "tidemark",
            "RecoveryPointArn": POINT.recovery_point_arn,
            "Lifecycle": {"DeleteAfterDays": 35},
        },
    )
    result = tidemark("damage", "release", OWN, "--yes", "--json")
    assert result.code == 0, result.err
    assert result.document == {
        "file_system": OWN,
        "released": True,
        "accepted_until": "index-9",
        "set_back": [POINT.recovery_point_arn],
        "problems": [],
    }
    released = read_alarm(deployment.records, deployment.file_system)
    assert (released.is_open, released.held, released.holds) == (False, (), False)
    assert tidemark("damage", "release", OWN, "--yes", "--json").document["released"] is False


def test_a_refused_retention_is_reported_and_tried_again(tidemark, deployment, backup):
    alarm(deployment, held=(POINT,))
    for _ in range(2):
        backup.add_response("describe_recovery_point", {"CreationDate": NOW})
        backup.add_client_error("update_recovery_point_lifecycle", "InvalidRequestException", "it is locked")
        result = tidemark("damage", "release", OWN, "--yes")
        assert result.code == 0
        assert "it is locked" in result.out
        assert "100 days instead of 35 days" in result.out
    assert read_alarm(deployment.records, deployment.file_system).held == (POINT,)


def test_it_asks_before_it_accepts(tidemark, deployment):
    alarm(deployment)
    assert tidemark("damage", "release", OWN).code == 2  # no terminal
    assert read_alarm(deployment.records, deployment.file_system).is_open


def test_without_an_alarm_there_is_nothing_to_release(tidemark, deployment):
    result = tidemark("damage", "release", OWN, "--yes")
    assert (result.code, result.out) == (0, f"{OWN} has no open damage alarm.\n")
    assert tidemark("damage", "release", "nonsense", "--yes").code == 14


def test_show_reports_what_is_held_until_the_release(tidemark, deployment, tmp_path):
    days(deployment.store, tmp_path, 4)
    attack = build(deployment.store, tmp_path, tree(5, locked=20), 5)
    own = deployment.resources.file_system(INDEXED)
    suspicion = Suspicion(file_system=own, index_id=attack.index_id)
    raised = raise_alarm(deployment.records, suspicion, holds=True, now=NOW)
    other = dataclasses.replace(POINT, recovery_point_arn=f"{POINT.recovery_point_arn}-copy")
    held = [POINT.recovery_point_arn, other.recovery_point_arn]
    problems = ("one is locked", "one is gone")
    update_alarm(deployment.records, raised, held=(POINT, other), problems=problems)
    shown = tidemark("damage", "show", INDEXED)
    assert shown.code == 57
    lines = shown.out.splitlines()
    assert [line.rpartition(": ")[2] for line in lines if line.startswith("held for ")] == held
    assert [line for line in lines if line.startswith("not held: ")] == [
        f"not held: {each}" for each in problems
    ]
    document = tidemark("damage", "show", INDEXED, "--json").document["alarm"]
    assert (document["holds"], document["held"]) == (True, held)
    update_alarm(deployment.records, raised, held=())
    assert tidemark("damage", "release", INDEXED, "--yes").code == 0
    assert tidemark("damage", "show", INDEXED).code == 0
