"""A difference of a placed file is a loss unless the indexes prove that the file changed since the backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.index.building import directory, index_rows, row
from tidemark.index.storage.object_store import FileStore
from tidemark.restore.compare import Difference
from tidemark.restore.placed_differences import judged, times_of
from tidemark.restore.point_comparison import Indexes

# building.py dates the crawl of index N at day N of November.
BACKUP = datetime(2026, 11, 3, tzinfo=UTC) - timedelta(hours=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


BEFORE, SINCE = us(BACKUP - timedelta(hours=1)), us(BACKUP + timedelta(hours=1))
# Each field: its value in the index and in the placed file, as the comparison reports them.
FIELDS = {
    "size": ("10", "9"),
    "mtime": ("1700000000000000", "1600000000000000"),
    "owner": ("1000", "1001"),
    "group": ("1000", "1001"),
    "mode": ("0644", "0600"),
    "missing": ("f", ""),
    "type": ("f", "d"),
}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "repository")


def verdicts(scratch: Path, fields: Any, rows: list[Any], previous: list[Any] | None) -> set[str]:
    store = FileStore(scratch / f"repository-{len(list(scratch.iterdir()))}")
    before = None if previous is None else index_rows(store, scratch, previous, number=1)
    indexed = index_rows(store, scratch, rows, number=2)
    indexes = Indexes(store=store, indexed=indexed, previous=before)
    differences = [("/a/f", Difference(b"elsewhere/f", field, *FIELDS[field])) for field in fields]
    times = times_of(indexes, BACKUP, BACKUP + timedelta(minutes=10))
    found = list(judged(differences, indexes, times))
    assert [each.difference for each in found] == [difference for _, difference in differences]
    assert all(each.evidence for each in found)
    return {each.kind for each in found}


@pytest.mark.parametrize("field", FIELDS)
def test_a_file_that_did_not_change_since_the_backup_is_lost(tmp_path: Path, field: str) -> None:
    rows = [directory("/a"), row("/a/f", ctime_us=BEFORE)]
    for previous in (None, rows, [directory("/a")]):
        assert verdicts(tmp_path, [field], rows, previous) == {"loss"}


@pytest.mark.parametrize("field", FIELDS)
def test_a_file_that_changed_since_the_backup_is_no_loss(tmp_path: Path, field: str) -> None:
    rows = [directory("/a"), row("/a/f", ctime_us=SINCE)]
    assert verdicts(tmp_path, [field], rows, None) == {"changed-since-backup"}
    assert verdicts(tmp_path, [field], rows, [directory("/a")]) == {"changed-since-backup"}


@pytest.mark.parametrize("field", ["size", "mtime", "owner", "group", "mode", "missing"])
def test_a_value_that_the_previous_index_has_too_is_lost(tmp_path: Path, field: str) -> None:
    rows = [directory("/a"), row("/a/f", ctime_us=SINCE)]
    assert verdicts(tmp_path, [field], rows, [directory("/a"), row("/a/f")]) == {"loss"}


def test_all_differences_of_one_file_are_judged_by_themselves(tmp_path: Path) -> None:
    rows = [directory("/a"), row("/a/f", ctime_us=SINCE, uid=1000)]
    previous = [directory("/a"), row("/a/f", ctime_us=BEFORE, uid=1001)]
    assert verdicts(tmp_path, ["size", "mtime", "owner"], rows, previous) == {
        "loss",
        "changed-since-backup",
    }


def test_a_path_that_the_index_lacks_or_that_cannot_be_read_is_lost(store: Any, tmp_path: Path) -> None:
    indexed = index_rows(store, tmp_path, [directory("/a", ctime_us=BEFORE)], number=2)
    indexes = Indexes(store=store, indexed=indexed)
    differences = [
        ("/a/f", Difference(b"a/f", "extra", "", "f")),
        ("/a/g", Difference(b"a/g", "unreadable", "f", "Input/output error")),
        ("/a/h", Difference(b"a/h", "size", "1", "2")),
    ]
    found = list(judged(differences, indexes, times_of(indexes, BACKUP, None)))
    assert [each.kind for each in found] == ["loss"] * 3


def test_what_is_extra_was_deleted_since_the_backup_if_its_directory_changed(
    store: Any, tmp_path: Path
) -> None:
    indexed = index_rows(store, tmp_path, [directory("/a", ctime_us=SINCE)], number=2)
    indexes = Indexes(store=store, indexed=indexed)
    differences = [("/a/f", Difference(b"a/f", "extra", "", "f"))]
    (found,) = judged(differences, indexes, times_of(indexes, BACKUP, None))
    assert (found.kind, "/a changed at" in found.evidence) == ("changed-since-backup", True)
