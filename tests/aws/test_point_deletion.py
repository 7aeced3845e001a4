"""Deletions that AWS Backup refuses are reported, also the one that it refuses silently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, REGION
from tidemark.aws.clients import Clients
from tidemark.aws.point_deletion import delete_point, held_points, lock_of

ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
NAMES = {"BackupVaultName": "tidemark", "RecoveryPointArn": ARN}
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubber]:
    with Stubber(clients.of("backup", REGION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def delete(clients: Clients, slept: list[float] | None = None) -> str:
    return delete_point(clients.of("backup", REGION), "tidemark", ARN, (slept or []).append)


@pytest.mark.parametrize("status", ["DELETING", None])
def test_a_point_that_is_gone_or_is_being_deleted_is_deleted(
    clients: Clients, stub: Stubber, status: str | None
) -> None:
    stub.add_response("delete_recovery_point", {}, NAMES)
    stub.add_response("describe_recovery_point", {"Status": "COMPLETED"}, NAMES)
    if status:
        stub.add_response("describe_recovery_point", {"Status": status}, NAMES)
    else:
        stub.add_client_error("describe_recovery_point", "ResourceNotFoundException")
    assert delete(clients) == ""


def test_a_silent_refusal_is_reported(clients: Clients, stub: Stubber) -> None:
    stub.add_response("delete_recovery_point", {}, NAMES)
    stub.add_response("describe_recovery_point", {"Status": "EXPIRED"}, NAMES)
    assert "iam:CreateServiceLinkedRole" in delete(clients)


def test_a_point_that_stays_is_reported(clients: Clients, stub: Stubber) -> None:
    stub.add_response("delete_recovery_point", {}, NAMES)
    for _ in range(5):
        stub.add_response("describe_recovery_point", {"Status": "COMPLETED"}, NAMES)
    assert "still reports it as COMPLETED" in delete(clients)


@pytest.mark.parametrize("code", ["InvalidRequestException", "InvalidResourceStateException", "AccessDenied"])
def test_a_refusal_is_reported_in_aws_backups_words(clients: Clients, stub: Stubber, code: str) -> None:
    stub.add_client_error("delete_recovery_point", code, "It is locked")
    assert delete(clients) == "It is locked"


def test_a_point_that_no_longer_exists_is_deleted(clients: Clients, stub: Stubber) -> None:
    stub.add_client_error("delete_recovery_point", "ResourceNotFoundException")
    assert delete(clients) == ""


@pytest.mark.parametrize(
    ("vault", "found"),
    [
        ({}, None),
        ({"Locked": False}, None),
        ({"Locked": True}, "governance"),
        ({"Locked": True, "LockDate": NOW - timedelta(days=1)}, "cannot be removed"),
        ({"Locked": True, "LockDate": NOW + timedelta(days=1)}, "until 2026-11-23"),
        ({"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}, "air-gapped"),
    ],
)
def test_a_lock_is_named_with_its_mode(
    clients: Clients, stub: Stubber, vault: dict[str, Any], found: str | None
) -> None:
    stub.add_response("describe_backup_vault", vault, {"BackupVaultName": "tidemark"})
    lock = lock_of(clients.of("backup", REGION), "tidemark", NOW)
    assert lock is None if found is None else found in str(lock)


def test_active_holds_are_found_and_cancelled_ones_are_not(clients: Clients, stub: Stubber) -> None:
    holds = [
        {"LegalHoldId": "1", "Title": "closed", "Status": "CANCELED"},
        {"LegalHoldId": "2", "Title": "case", "Status": "ACTIVE"},
    ]
    stub.add_response("list_legal_holds", {"LegalHolds": holds}, {})
    listed = [{"RecoveryPointArn": ARN}, {"RecoveryPointArn": f"{ARN}2"}]
    stub.add_response("list_recovery_points_by_legal_hold", {"RecoveryPoints": listed}, {"LegalHoldId": "2"})
    assert held_points(clients.of("backup", REGION), [ARN]) == {ARN: "case"}


def test_holds_that_may_not_be_listed_are_left_to_aws_backup(clients: Clients, stub: Stubber) -> None:
    stub.add_client_error("list_legal_holds", "AccessDeniedException")
    assert held_points(clients.of("backup", REGION), [ARN]) == {}
