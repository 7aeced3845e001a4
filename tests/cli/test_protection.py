"""tidemark protection: the file systems of the policies, and what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.cli.conftest import OWN
from tests.cli.test_recovery_points import TAGS, point
from tests.cli.test_recovery_points import points as points
from tests.index.building import FILE_SYSTEM as INDEXED


def test_every_file_system_of_the_policies_is_reported(tidemark, points):
    found = tidemark("protection", "--json").document["file_systems"]
    assert {each["file_system"] for each in found} == {OWN, INDEXED}
    assert {each["level"] for each in found} == {"unprotected"}
    assert all(finding["next_step"] for each in found for finding in each["findings"])


def test_the_newest_backup_is_shown_and_what_is_missing(tidemark, points):
    recent = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=7)
    points += [point(1, TAGS, created_at=recent), point(2, TAGS, created_at=recent - timedelta(days=1))]
    out = tidemark("protection").out
    assert f"{recent:%Y-%m-%d %H:%M:%S} UTC, 2 backups" in out
    assert "no index" in out
    assert f"tidemark sessions --file-system {OWN}" in out
