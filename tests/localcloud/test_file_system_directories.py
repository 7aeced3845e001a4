"""Which directory readers and writers of a file system get."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.core.clock import ScaledClock
from localcloud.core.cloud import Cloud
from localcloud.core.faults import Faults
from localcloud.core.trees import NotCopied
from localcloud.services.file_system_directories import (
    forget_directory,
    readable_directory,
    remove_private_directories,
    writable_directory,
)

ID = "fs-0123456789abcdef0"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud with one file system, whose directory belongs to the user."""
    clock = ScaledClock(0.001)
    (tmp_path / "state").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "file").write_text("mine")
    cloud = Cloud(
        endpoint_url="http://none",
        state_dir=tmp_path / "state",
        keeps_state=True,
        clock=clock,
        faults=Faults(clock),
        file_systems={ID: tmp_path / "home"},
    )
    yield cloud
    cloud.close()


def test_many_writers_get_the_same_copy_and_later_readers_see_it(cloud: Cloud, tmp_path: Path) -> None:
    assert readable_directory(cloud, ID) == tmp_path / "home"
    found: list[Path] = []
    writers = [threading.Thread(target=lambda: found.append(writable_directory(cloud, ID))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    (copy,) = set(found)
    assert len(found) == len(writers)
    assert copy.is_relative_to(cloud.state_dir)
    assert (copy / "file").read_text() == "mine"
    assert readable_directory(cloud, ID) == copy


def test_a_copy_that_an_earlier_run_left_unfinished_is_replaced(cloud: Cloud) -> None:
    partial = cloud.state_dir / "file-systems" / f"{ID}.partial"
    partial.mkdir(parents=True)
    (partial / "half").touch()
    assert [path.name for path in writable_directory(cloud, ID).iterdir()] == ["file"]


def test_a_writable_cloud_makes_no_copy(cloud: Cloud, tmp_path: Path) -> None:
    cloud.writable = True
    assert writable_directory(cloud, ID) == readable_directory(cloud, ID) == tmp_path / "home"


def test_a_directory_that_cannot_be_copied_stays_the_users(cloud: Cloud, tmp_path: Path) -> None:
    cloud.file_systems[ID] = tmp_path / "gone"
    with pytest.raises(NotCopied, match="No such file"):
        writable_directory(cloud, ID)
    assert readable_directory(cloud, ID) == tmp_path / "gone"


def test_a_file_system_without_a_directory_of_the_user_has_an_empty_private_one(cloud: Cloud) -> None:
    made = readable_directory(cloud, "fs-11111111")
    assert made == writable_directory(cloud, "fs-11111111")
    assert made.is_relative_to(cloud.state_dir)
    assert list(made.iterdir()) == []


def test_a_deleted_file_system_loses_its_copy_only(cloud: Cloud, tmp_path: Path) -> None:
    copy = writable_directory(cloud, ID)
    forget_directory(cloud, ID)
    assert not copy.exists()
    assert (tmp_path / "home" / "file").read_text() == "mine"
    assert ID not in cloud.file_systems


def test_the_next_run_begins_without_private_directories(cloud: Cloud, tmp_path: Path) -> None:
    copy = writable_directory(cloud, ID)
    remove_private_directories(cloud)
    assert not copy.exists()
    assert (tmp_path / "home" / "file").exists()
