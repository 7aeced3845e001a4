"""tidemark recovery-points: metadata from tags, invalid tags, and points of other programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.aws.account import COPY_REGION, REGION
from tests.cli.conftest import NOW, OWN
from tests.sessions.world import point as a_point
from tidemark.aws.recovery_points import Listing, RecoveryPoint, Unlisted
from tidemark.errors import AccessDenied, VaultNotFound
from tidemark.sessions.overlap import add_point, claim, complete
from tidemark.tags import OpenedTags, PointMetadata, TagKey, open_tags, seal

ARN = f"arn:aws:elasticfilesystem:{REGION}:123456789012:file-system/{OWN}"
METADATA = PointMetadata(
    session="nightly-1",
    policy="nightly",
    file_system=OWN,
    account="123456789012",
    region=REGION,
    created=datetime(2026, 11, 22, 2, tzinfo=UTC),
    retention_days=35,
)
KEY = TagKey(version=1, secret=bytes(64))
TAGS = seal(METADATA, file_system=ARN, key=KEY, deployment="tidemark")


def opened(tags: dict[str, str]) -> OpenedTags:
    return open_tags(tags, file_system=ARN, keys={1: KEY.secret}, deployment="tidemark")


def point(number: int, tags: dict[str, str], **fields: object) -> RecoveryPoint:
    usual = {
        "recovery_point_arn": f"arn:aws:backup:{REGION}:123456789012:recovery-point:{number:08}",
        "region": REGION,
        "vault": "tidemark",
        "status": "COMPLETED",
        "created_at": datetime(2026, 11, 22, 2, 10, tzinfo=UTC),
        "delete_at": datetime(2026, 12, 27, 2, 10, tzinfo=UTC),
        "size_bytes": 1_234_567,
        "is_copy": False,
        "tags": opened(tags),
    }
    return RecoveryPoint(**usual | fields)


@pytest.fixture
def points(deployment, monkeypatch):
    """Have AWS Backup answer with these points; moto has none."""
    found: list[RecoveryPoint] = []
    listing = Listing(points=found, unlisted=[])
    monkeypatch.setattr("tidemark.answers.points.recovery_points_of", lambda *_, **__: listing)
    return found


def test_without_points_the_searched_vaults_are_named(tidemark, points):
    result = tidemark("recovery-points", OWN)
    assert (result.code, result.out) == (0, "")
    assert "tidemark (eu-central-1), copies (eu-west-1)" in result.err
    assert tidemark("recovery-points", OWN, "--json").document == {"recovery_points": [], "unlisted": []}


def test_the_metadata_in_the_tags_of_a_point_is_shown(tidemark, points):
    points += [
        point(1, TAGS),
        point(2, TAGS, region=COPY_REGION, vault="copies", is_copy=True, delete_at=None),
    ]
    out = tidemark("recovery-points", OWN).out
    assert "2026-11-22 02:10:00  backup in eu-central-1  1.2 MB, kept until 2026-12-27" in out
    assert "copy in eu-west-1  1.2 MB, kept forever" in out
    assert "session  nightly-1" in out
    first, second = tidemark("recovery-points", OWN, "--json").document["recovery_points"]
    assert first["made_by"] == "tidemark"
    assert first["metadata"] == {
        "session_id": "nightly-1",
        "policy": "nightly",
        "file_system": OWN,
        "account": "123456789012",
        "region": REGION,
        "created_at": "2026-11-22T02:00:00Z",
        "retention_days": 35,
        "index_id": None,
        "manifest_sha256": None,
    }
    assert first["problems"] == []
    assert (second["kind"], second["delete_at"]) == ("copy", None)


def test_altered_tags_are_reported_and_not_used(tidemark, points):
    name = sorted(TAGS)[2]
    points.append(point(1, TAGS | {name: TAGS[name][:-1] + "_"}))
    out = tidemark("recovery-points", OWN).out
    assert "nightly-1" not in out
    assert "cannot be trusted" in out
    assert "  ! " in out
    (only,) = tidemark("recovery-points", OWN, "--json").document["recovery_points"]
    assert (only["made_by"], only["metadata"]) == ("unknown", None)
    assert only["problems"][0]["finding"] == "altered"
    assert only["problems"][0]["tag_key"] == name


def test_points_of_other_programs_are_listed_as_such(tidemark, points):
    points.append(point(1, {"Name": "by hand"}, status="PARTIAL"))
    out = tidemark("recovery-points", OWN).out
    assert "another program" in out
    assert "partial" in out
    (only,) = tidemark("recovery-points", OWN, "--json").document["recovery_points"]
    assert (only["made_by"], only["problems"]) == ("other", [])


def test_a_malformed_id_is_refused(tidemark):
    assert tidemark("recovery-points", "fs-XYZ").code == 14


def test_a_vault_that_is_missing_is_named_after_the_points_of_the_others(tidemark, deployment, monkeypatch):
    missing = Unlisted(region=REGION, vault="tidemark", error=VaultNotFound("tidemark", REGION))
    denied = Unlisted(region=COPY_REGION, vault="copies", error=AccessDenied("copies may be missing"))
    for points, unlisted in (([point(1, TAGS)], [missing]), ([], [missing, denied])):
        listing = Listing(points=points, unlisted=unlisted)
        monkeypatch.setattr(
            "tidemark.answers.points.recovery_points_of",
            lambda *_, listing=listing, **__: listing,
        )
        result = tidemark("recovery-points", OWN)
        assert result.code == VaultNotFound.exit_code
        assert ("nightly-1" in result.out) == bool(points)
        assert f"no backup vault named tidemark in {REGION}" in result.err
        assert ("copies may be missing" in result.err) == (denied in unlisted)
        assert "No recovery points" not in result.err
        document = tidemark("recovery-points", OWN, "--json").document
        assert len(document["recovery_points"]) == len(points)
        assert [each["vault"] for each in document["unlisted"]] == [each.vault for each in unlisted]


def test_a_tagged_index_that_differs_from_the_records_is_reported(tidemark, points):
    """As in the tags that an earlier version sealed while an index was made that failed."""
    failed = f"{OWN}-20261122T020000Z-0a1b2c"
    points.append(
        point(1, seal(replace(METADATA, index=failed), file_system=ARN, key=KEY, deployment="tidemark"))
    )
    (found,) = tidemark("recovery-points", OWN, "--json").document["recovery_points"]
    assert found["index_id"] is None
    (problem,) = found["problems"]
    assert (problem["finding"], problem["field"]) == ("other-index", "index")
    assert problem["message"] == f"its tags name {failed}, but the records name none"
    assert f"! its tags name {failed}" in tidemark("recovery-points", OWN).out


def test_a_manifest_digest_that_differs_from_the_records_is_reported(tidemark, deployment, points):
    index_id, arn = f"{OWN}-20261122T020000Z-0a1b2c", point(1, TAGS).recovery_point_arn
    whose = deployment.session("s-1").file_system
    claim(deployment.records, "s-1", index_id, NOW)
    complete(deployment.records, whose, index_id, {"manifest_sha256": "5" * 64}, NOW)
    made = replace(a_point("s-1", "backup"), recovery_point_arn=arn)
    add_point(deployment.records, "s-1", made, lambda *_: "")
    for digest, problems in (("5" * 64, []), ("6" * 64, ["other-index"]), (None, [])):
        metadata = replace(METADATA, index=index_id, manifest_sha256=digest)
        tags = seal(metadata, file_system=ARN, key=KEY, deployment="tidemark")
        points[:] = [point(1, tags)]
        (found,) = tidemark("recovery-points", OWN, "--json").document["recovery_points"]
        assert found["index_id"] == index_id
        assert found["metadata"]["manifest_sha256"] == digest
        assert [problem["finding"] for problem in found["problems"]] == problems
