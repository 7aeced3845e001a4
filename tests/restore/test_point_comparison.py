"""A restored point is compared with its index and the neighbouring indexes, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from errno import EACCES
from pathlib import Path

import pytest

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, identity_of, index_crawl, index_rows, row
from tidemark.crawl.batch import Problem
from tidemark.errors import WorkerStopped
from tidemark.index.format.manifest import Manifest
from tidemark.index.storage.object_store import FileStore
from tidemark.restore import point_comparison
from tidemark.restore.point_comparison import PathFindings, RestoredIndex, compare_point, indexes_around

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)  # index number N is of START + N days: building.index_crawl


def us(days: float) -> int:
    return int((START + days * DAY - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


class World:
    """The indexes of a file system, and of a point that was backed up half a day before number 5."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store, self.exact = FileStore(directory / "store"), FileStore(directory / "exact")

    def index(self, number: int, rows: Sequence[Row], problems: Sequence[Problem] = ()) -> Manifest:
        return index_crawl(self.store, self.directory, RowsCrawl(rows, problems), number=number)

    def compare(
        self, indexed: Manifest, rows: Sequence[Row], problems: Sequence[Problem] = ()
    ) -> dict[str, PathFindings]:
        restored = index_crawl(self.exact, self.directory, RowsCrawl(rows, problems), number=99)
        backup = START + 4.5 * DAY
        found = compare_point(
            indexes_around(self.store, indexed, backup_started_at=backup),
            RestoredIndex(store=self.exact, manifest=restored),
            backup_started_at=backup,
            backup_ended_at=backup + timedelta(hours=1),
        )
        return {each.path: each for each in found}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_neighbours_are_the_nearest_complete_indexes(world: World) -> None:
    made = {number: world.index(number, [row(f"/{number}")]) for number in (1, 3, 5, 7, 9)}
    (world.store.put(f"{identity_of(4).prefix}progress.json", b"{}"))  # it has no manifest
    found = indexes_around(world.store, made[5], backup_started_at=START + 4.5 * DAY)
    assert (found.previous, found.next) == (made[3], made[7])
    # A crawl that ended after the backup had started shows nothing about the time before.
    found = indexes_around(world.store, made[5], backup_started_at=START + 2 * DAY)
    assert found.previous == made[1]


def test_a_damaged_neighbour_is_skipped(world: World) -> None:
    made = {number: world.index(number, [row(f"/{number}")]) for number in (1, 3, 5)}
    world.store.put(made[3].key, b"damaged")
    found = indexes_around(world.store, made[5], backup_started_at=START + 4.5 * DAY)
    assert found.previous == made[1]
    assert found.next is None


def test_kinds_of_paths(world: World) -> None:
    indexed = world.index(
        5,
        [
            directory("/d"),
            row("/d/same"),
            row("/d/lost"),
            row("/d/other", uid=1),
            row("/d/new", ctime_us=us(4.9)),
            row("/d/socket", type="s"),
        ],
    )
    found = world.compare(
        indexed, [directory("/d", mtime_us=5), row("/d/same"), row("/d/other", uid=2), row("/d/extra")]
    )
    assert {path: each.kind for path, each in found.items()} == {
        "/d/lost": "missing",
        "/d/other": "different",
        "/d/new": "changed_since_backup",
        "/d/extra": "extra",
    }


def test_what_the_index_could_not_read_is_not_compared(world: World) -> None:
    problem = Problem(path=b"/secret", operation="readdir", errno=EACCES, kind="unreadable")
    indexed = world.index(5, [directory("/secret"), row("/open")], [problem])
    found = world.compare(indexed, [directory("/secret"), row("/secret/file"), row("/open")])
    assert {path: each.kind for path, each in found.items()} == {"/secret/file": "not_compared"}


def test_what_cannot_be_read_in_the_restored_file_system_is_a_loss(world: World) -> None:
    indexed = world.index(5, [directory("/d"), row("/d/file", ctime_us=us(4.9))])
    problem = Problem(path=b"/d", operation="readdir", errno=EACCES, kind="unreadable")
    found = world.compare(indexed, [directory("/d")], [problem])
    assert {path: each.kind for path, each in found.items()} == {"/d/file": "unreadable"}


def test_a_moved_directory_is_found_by_its_inode_in_the_previous_index(world: World) -> None:
    before = [directory("/old", inode=70), row("/old/a"), row("/old/b")]
    world.index(3, before)
    after = [directory("/new", inode=70, ctime_us=us(4.9)), row("/new/a"), row("/new/b")]
    indexed = world.index(5, after)
    found = world.compare(indexed, [directory("/old"), row("/old/a")])
    kinds = {path: each.kind for path, each in found.items()}
    assert kinds["/new/a"] == "changed_since_backup"
    assert kinds["/new/b"] == "missing"


def test_results_do_not_depend_on_the_size_of_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"/d/{number:03}" for number in range(50)]
    world.index(3, [directory("/d"), *(row(name) for name in names)])
    indexed = world.index(
        5, [directory("/d"), *(row(name, ctime_us=us(4.9), size=number) for number, name in enumerate(names))]
    )
    restored = [directory("/d"), *(row(name, uid=number % 3) for number, name in enumerate(names[:40]))]
    whole = world.compare(indexed, restored)
    for size in (1, 7):
        monkeypatch.setattr(point_comparison, "_BATCH", size)
        again = World(world.directory)
        again.exact = FileStore(world.directory / f"exact-{size}")
        assert again.compare(indexed, restored) == whole
    assert len(whole) == 50


def test_a_comparison_can_be_stopped(world: World) -> None:
    indexed = world.index(5, [row("/lost")])
    restored = index_rows(world.exact, world.directory, [row("/x")], number=99)

    def stop() -> None:
        raise WorkerStopped("stopped")

    with pytest.raises(WorkerStopped):
        list(
            compare_point(
                indexes_around(world.store, indexed, backup_started_at=START),
                RestoredIndex(store=world.exact, manifest=restored),
                backup_started_at=START,
                backup_ended_at=START,
                may_continue=stop,
            )
        )
