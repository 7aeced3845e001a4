"""The recovery points of a file system, with AWS Backup's responses in botocore's own shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.session import get_session
from botocore.stub import Stubber

from tidemark.aws.clients import Clients
from tidemark.aws.recovery_points import arns_of, recovery_points_of
from tidemark.errors import AccessDenied, VaultNotFound
from tidemark.sessions.session import FileSystem

HOME, AWAY = "eu-central-1", "eu-west-1"
FILE_SYSTEM = FileSystem("123456789012", HOME, "fs-0123456789abcdef0")
EARLY, LATE = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr("tidemark.aws.recovery_points._AT_ONCE", 1)  # a stub answers in one order
    session = get_session()
    session.set_credentials("testing", "testing")
    clients = Clients(session)
    stubs = {region: Stubber(clients.of("backup", region)) for region in (HOME, AWAY)}
    for stub in stubs.values():
        stub.activate()
    return clients, stubs


def point(number, region, created, **fields):
    arn = f"arn:aws:backup:{region}:123456789012:recovery-point:{number}"
    return {"RecoveryPointArn": arn, "Status": "COMPLETED", "CreationDate": created} | fields


def listed(stub, vault, *pages):
    for number, points in enumerate(pages):
        following = {} if number + 1 == len(pages) else {"NextToken": str(number)}
        expected = {"BackupVaultName": vault, "ByResourceArn": FILE_SYSTEM.arn}
        expected |= {"NextToken": str(number - 1)} if number else {}
        stub.add_response(
            "list_recovery_points_by_backup_vault", {"RecoveryPoints": points} | following, expected
        )


def tagged(stub, number, region, tags, **fields):
    arn = f"arn:aws:backup:{region}:123456789012:recovery-point:{number}"
    stub.add_response("list_tags", {"Tags": tags} | fields.pop("answer", {}), {"ResourceArn": arn} | fields)


def find(clients):
    listing = listing_of(clients)
    assert listing.unlisted == []
    return listing.points


def listing_of(clients):
    return recovery_points_of(
        clients,
        FILE_SYSTEM,
        vaults={HOME: "tidemark", AWAY: "copies"},
        keys=SimpleNamespace(needed_by=lambda _: {1: bytes(64)}),
        deployment="tidemark",
    )


def test_points_of_all_regions_are_listed_newest_first_and_copies_after_their_sources(stubs):
    clients, stubs = stubs
    lifecycle = {"CalculatedLifecycle": {"DeleteAt": LATE}, "BackupSizeInBytes": 7}
    listed(stubs[HOME], "tidemark", [point(1, HOME, EARLY)], [point(2, HOME, LATE, **lifecycle)])
    listed(stubs[AWAY], "copies", [point(3, AWAY, LATE), point(4, AWAY, EARLY)])
    for number, region in ((1, HOME), (2, HOME), (3, AWAY), (4, AWAY)):
        tagged(stubs[region], number, region, {"Name": "x"})
    found = find(clients)
    assert [(each.recovery_point_arn[-1], each.is_copy) for each in found] == [
        ("2", False),
        ("3", True),
        ("1", False),
        ("4", True),
    ]
    assert (found[0].size_bytes, found[0].delete_at) == (7, LATE)
    assert found[2].delete_at is None
    assert not found[0].tags.ours


def test_all_pages_of_a_points_tags_are_read(stubs):
    clients, stubs = stubs
    listed(stubs[HOME], "tidemark", [point(1, HOME, LATE)])
    listed(stubs[AWAY], "copies", [])
    tagged(stubs[HOME], 1, HOME, {"Name": "x"}, answer={"NextToken": "more"})
    tagged(stubs[HOME], 1, HOME, {"tidemark": "other"}, NextToken="more")
    (found,) = find(clients)
    assert found.tags.ours


def test_a_point_deleted_meanwhile_has_no_tags(stubs):
    clients, stubs = stubs
    listed(stubs[HOME], "tidemark", [point(1, HOME, LATE)])
    listed(stubs[AWAY], "copies", [])
    stubs[HOME].add_client_error("list_tags", "ResourceNotFoundException")
    (found,) = find(clients)
    assert not found.tags.ours


def test_a_copy_in_the_same_region_is_identified_by_its_source(stubs):
    clients, stubs = stubs
    source = f"arn:aws:backup:{HOME}:123456789012:backup-vault:first"
    listed(stubs[HOME], "tidemark", [point(1, HOME, LATE, SourceBackupVaultArn=source)])
    listed(stubs[AWAY], "copies", [])
    tagged(stubs[HOME], 1, HOME, {})
    assert find(clients)[0].is_copy


@pytest.mark.parametrize(
    ("code", "error"), [("ResourceNotFoundException", VaultNotFound), ("AccessDeniedException", AccessDenied)]
)
def test_a_missing_vault_is_named_and_the_others_are_listed(stubs, code, error):
    clients, stubs = stubs

    def answers():
        stubs[HOME].add_client_error("list_recovery_points_by_backup_vault", code)
        listed(stubs[AWAY], "copies", [point(3, AWAY, LATE)])

    answers()
    tagged(stubs[AWAY], 3, AWAY, {})
    listing = listing_of(clients)
    assert [each.recovery_point_arn[-1] for each in listing.points] == ["3"]
    (missing,) = listing.unlisted
    assert (missing.region, missing.vault) == (HOME, "tidemark")
    assert isinstance(missing.error, error)
    assert f"tidemark in {HOME}" in str(missing.error)
    answers()
    kept = arns_of(clients, FILE_SYSTEM, {HOME: "tidemark", AWAY: "copies"})
    assert ({arn[-1] for arn in kept.arns}, len(kept.unlisted)) == ({"3"}, 1)


def test_a_point_whose_tags_are_denied_is_listed_with_both_causes(stubs):
    clients, stubs = stubs
    listed(stubs[HOME], "tidemark", [point(1, HOME, LATE)])
    listed(stubs[AWAY], "copies", [])
    stubs[HOME].add_client_error("list_tags", "AccessDeniedException", "Insufficient privileges")
    (found,) = find(clients)
    (problem,) = found.tags.problems
    for words in ("Insufficient privileges", "deleted in the meantime", "backup:ListTags"):
        assert words in problem.message
