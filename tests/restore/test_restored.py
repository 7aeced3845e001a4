"""The directory of a restore job is found by its time and content, and no other is taken for it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.errors import RestoreFailed
from tidemark.restore.restored import find_restored

BEGAN = datetime(2026, 11, 29, 15, 30, 0, 250_000, tzinfo=UTC)
COMPLETED = BEGAN + timedelta(minutes=5)
TOLERANCE = timedelta(minutes=2)


def name_at(moment: datetime, fraction: str = "-123456789Z") -> str:
    return f"aws-backup-restore_{moment:%Y-%m-%dT%H-%M-%S}{fraction}"


def restored(root: Path, name: str, *paths: str) -> Path:
    directory = root / name
    directory.mkdir()
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text("")
    return directory


def find(root: Path, *requests: str, taken: tuple[str, ...] = ()) -> str:
    found = find_restored(
        os.fsencode(root),
        [os.fsencode(request) for request in requests],
        began_at=BEGAN,
        completed_at=COMPLETED,
        taken={os.fsencode(name) for name in taken},
    )
    return os.fsdecode(found)


@pytest.mark.parametrize(
    "name",
    [
        "aws-backup-restore_2026-11-29T15-32-00-187123456Z",  # as observed in an account
        "aws-backup-restore_2026-11-29T15-32-00Z",
        "aws-backup-restore_2026-11-29T15-32-00",
        "aws-backup-restore_2026-11-29T15:32:00.187Z",
        "aws-backup-restore_2026-11-29_15-32-00",
        "aws-backup-restore_20261129T153200Z",
        "aws-backup-restore_20261129153200",
    ],
)
def test_forms_of_the_name_are_recognized(tmp_path: Path, name: str) -> None:
    restored(tmp_path, name, "home/a")
    assert find(tmp_path, "home/a") == name


@pytest.mark.parametrize(
    "name",
    [
        "aws-backup-restore_",
        "aws-backup-restore_2026-11-29",
        "aws-backup-restore_2026-13-29T15-32-00Z",  # no such month
        "aws-backup-restore_2026-11-29T15-32-61Z",
        "aws-backup-restore_2026-11-29T15-32-00Z.saved1",
        "my-aws-backup-restore_2026-11-29T15-32-00Z",
        "aws-backup-failed-restore_2026-11-29T15-32-00Z",
        "AWS-BACKUP-RESTORE_2026-11-29T15-32-00Z",
    ],
)
def test_other_names_are_not(tmp_path: Path, name: str) -> None:
    restored(tmp_path, name, "home/a")
    with pytest.raises(RestoreFailed, match="no directory aws-backup-restore_"):
        find(tmp_path, "home/a")


@given(st.integers(-(10**9), 10**9))
def test_a_directory_is_found_within_the_time_of_its_job_and_the_tolerance(
    tmp_path_factory: pytest.TempPathFactory, microseconds: int
) -> None:
    root = tmp_path_factory.mktemp("root")
    moment = BEGAN + timedelta(microseconds=microseconds)
    name = name_at(moment, f"-{moment.microsecond:06}999Z")
    restored(root, name, "a")
    if BEGAN - TOLERANCE <= moment <= COMPLETED + TOLERANCE:
        assert find(root, "a") == name
    else:
        with pytest.raises(RestoreFailed):
            find(root, "a")


def test_the_time_of_the_job_is_preferred_to_the_tolerance(tmp_path: Path) -> None:
    mine = name_at(BEGAN + timedelta(seconds=2))
    for name in (mine, name_at(BEGAN - timedelta(minutes=1)), name_at(COMPLETED + timedelta(minutes=1))):
        restored(tmp_path, name, "a")
    assert find(tmp_path, "a") == mine


def test_a_name_in_whole_seconds_is_within_the_job_that_began_in_that_second(tmp_path: Path) -> None:
    mine, before = name_at(BEGAN, "Z"), name_at(BEGAN - timedelta(seconds=90), "Z")
    for name in (mine, before):
        restored(tmp_path, name, "a")
    assert find(tmp_path, "a") == mine


def test_directories_of_other_jobs_and_with_other_content_are_not_taken(tmp_path: Path) -> None:
    other, foreign, mine = (name_at(BEGAN + timedelta(seconds=number)) for number in (1, 2, 3))
    restored(tmp_path, other, "home/a")
    restored(tmp_path, foreign, "home/b", "a")
    restored(tmp_path, mine, "home/a")
    assert find(tmp_path, "home/a", "not/restored", taken=(other,)) == mine
    with pytest.raises(RestoreFailed, match="several directories"):
        find(tmp_path, "home/a")


def test_a_whole_point_needs_no_content(tmp_path: Path) -> None:
    name = name_at(BEGAN + timedelta(seconds=1))
    restored(tmp_path, name)
    assert find(tmp_path) == name


def test_files_and_links_of_users_with_such_a_name_are_ignored(tmp_path: Path) -> None:
    restored(tmp_path, "elsewhere", "a")
    (tmp_path / name_at(BEGAN + timedelta(seconds=1))).symlink_to("elsewhere")
    (tmp_path / name_at(BEGAN + timedelta(seconds=2))).write_text("")
    with pytest.raises(RestoreFailed):
        find(tmp_path, "a")
    with pytest.raises(RestoreFailed):
        find(tmp_path)


def test_links_within_a_directory_are_not_followed(tmp_path: Path) -> None:
    restored(tmp_path, "elsewhere", "a/b")
    directory = restored(tmp_path, name_at(BEGAN + timedelta(seconds=1)))
    (directory / "a").symlink_to("../elsewhere/a")
    with pytest.raises(RestoreFailed):
        find(tmp_path, "a/b")
    assert find(tmp_path, "a") == directory.name, "the link itself was restored"


def test_a_broken_link_is_a_restored_item(tmp_path: Path) -> None:
    directory = restored(tmp_path, name_at(BEGAN + timedelta(seconds=1)))
    (directory / "link").symlink_to("nowhere")
    assert find(tmp_path, "link") == directory.name
