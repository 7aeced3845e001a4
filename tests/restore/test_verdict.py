"""Differences of a restored file system are changes only where the file system's history proves it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.restore.file_system_history import (
    SimulatedFileSystem,
    microseconds,
    moment,
    read_over,
)
from tidemark.index.format.entry import Entry
from tidemark.restore.verdict import Finding, Observed, Times, classify

RESTORE_TIME = microseconds(100_000)


@dataclasses.dataclass
class Life:
    """One file system with the indexes and the backup that were made of it, and the truth."""

    history: SimulatedFileSystem
    seed: random.Random
    times: Times
    window: tuple[int, int]  # the ticks between the first and the last read of the backup or its index
    previous: Mapping[str, Entry]
    indexed: Mapping[str, Entry]
    backup: Mapping[str, Entry]
    next: Mapping[str, Entry]

    def classify(self, path: str, restored: Entry | None) -> list[Finding]:
        """Return the findings of a path."""
        return classify(
            Observed(
                indexed=self.indexed.get(path),
                restored=restored and dataclasses.replace(restored, ctime_us=RESTORE_TIME),
                previous=self.previous.get(path),
                next=self.next.get(path),
                above=nearest(self.indexed, path),
                above_next=nearest(self.next, path),
            ),
            self.times,
        )


def nearest(entries: Mapping[str, Entry], path: str) -> Entry | None:
    """Return the nearest entry above a path."""
    while path := path.rpartition("/")[0]:
        if path in entries:
            return entries[path]
    return None


def live(number: int, *, recreates: bool, overlaps: bool, slow_crawl: bool = True) -> Life:
    """Return a random life. With `overlaps`, backup and crawl are in any order, or at the same time."""
    seed = random.Random(number)  # noqa: S311 - no secret
    history = SimulatedFileSystem(seed, recreates=recreates)
    history.run(seed.randint(0, 15))
    previous = history.tick
    history.run(seed.randint(0, 8))
    start = history.tick + 1
    history.run(seed.randint(2, 15))
    end = history.tick
    history.run(seed.randint(0, 8))
    if overlaps:
        backup, crawl = (sorted((seed.randint(start, end), seed.randint(start, end))) for _ in range(2))
    else:
        middle = seed.randint(start, end)
        backup, crawl = [start, middle], [middle if slow_crawl else end, end]
    # Readers read between the operation of a tick and the next one.
    reads = [moment(tick) + timedelta(seconds=0.5) for tick in (*backup, *crawl)]
    return Life(
        history=history,
        seed=seed,
        times=Times(
            backup_started_at=reads[0],
            backup_ended_at=reads[1],
            crawl_started_at=reads[2],
            crawl_ended_at=reads[3],
        ),
        window=(min(backup[0], crawl[0]), max(backup[1], crawl[1])),
        previous=history.at(previous),
        indexed=read_over(history, seed, *crawl),
        backup=read_over(history, seed, *backup),
        next=history.at(history.tick),
    )


lives = st.builds(live, st.integers(0, 2**32), recreates=st.booleans(), overlaps=st.booleans())

DAMAGE: dict[str, Callable[[Entry], Entry | None]] = {
    "lost": lambda _: None,
    "truncated": lambda entry: dataclasses.replace(entry, size=entry.size // 2 - 1, mtime_us=RESTORE_TIME),
    "truncated, with its time": lambda entry: dataclasses.replace(entry, size=entry.size + 1),
    "other owner": lambda entry: dataclasses.replace(entry, uid=entry.uid + 1, gid=entry.gid + 1),
    "other mode": lambda entry: dataclasses.replace(entry, mode=entry.mode + 1),
    "other type": lambda entry: dataclasses.replace(entry, type="d" if entry.type == "f" else "f"),
    "other target": lambda entry: dataclasses.replace(entry, target=f"{entry.target}/"),
    "a link lost": lambda entry: dataclasses.replace(entry, nlink=entry.nlink + 1),
}


@given(lives, st.sampled_from(sorted(DAMAGE)))
def test_damage_to_a_path_that_did_not_change_is_always_a_loss(life: Life, kind: str) -> None:
    for path, entry in life.backup.items():
        if life.history.is_unchanged(path, *life.window):
            assert all(finding.kind == "loss" for finding in life.classify(path, DAMAGE[kind](entry)))


@given(lives, st.sampled_from(["lost", "truncated, with its time", "other type"]))
def test_damage_to_an_unchanged_file_is_found(life: Life, kind: str) -> None:
    for path, entry in life.backup.items():
        if entry.type == "f" and life.history.is_unchanged(path, *life.window):
            assert len(life.classify(path, DAMAGE[kind](entry))) == 1


@given(lives)
def test_an_earlier_version_of_a_path_that_changed_before_the_backup_is_a_loss(life: Life) -> None:
    for path, earlier in life.previous.items():
        if life.history.is_unchanged(path, *life.window) and path in life.backup:
            assert all(finding.kind == "loss" for finding in life.classify(path, earlier))


@given(lives)
def test_an_entry_that_never_existed_is_a_loss_unless_its_directory_changed(life: Life) -> None:
    for path, entry in life.backup.items():
        if entry.type == "d" and life.history.is_unchanged(path, *life.window):
            invented = dataclasses.replace(entry, parent=f"{path}/", name="invented", type="f")
            assert [each.kind for each in life.classify(invented.path, invented)] == ["loss"]


@given(lives)
def test_a_restored_path_that_did_not_change_has_no_differences(life: Life) -> None:
    for path, entry in life.backup.items():
        if life.history.is_unchanged(path, *life.window):
            assert life.classify(path, entry) == []


@given(st.integers(0, 2**32))
def test_every_difference_of_an_undamaged_backup_is_a_change(number: int) -> None:
    # Names and values that occur twice can hide that something changed, and so can a crawl that reads a
    # directory's time before a name is removed from it, and its names later. To be safe, these are losses.
    life = live(number, recreates=False, overlaps=False, slow_crawl=False)
    for path in {*life.indexed, *life.backup}:
        for finding in life.classify(path, life.backup.get(path)):
            assert finding.kind == "changed-since-backup", (path, finding)
            assert finding.evidence


def an_entry(
    path: str, *, at: int = 0, mtime: int = 0, kind: str = "f", size: int = 7, mode: int = 0o644
) -> Entry:
    parent, _, name = path.rpartition("/")
    return Entry(
        parent=f"{parent}/",
        name=name,
        type=kind,
        size=size,
        mtime_us=microseconds(mtime),
        ctime_us=microseconds(at),
        uid=0,
        gid=0,
        mode=mode,
        nlink=1,
        inode=None,
        target=None,
        ext=None,
    )


AFTER = Times(  # the normal order: the crawl follows the backup
    backup_started_at=moment(100),
    backup_ended_at=moment(200),
    crawl_started_at=moment(200),
    crawl_ended_at=moment(300),
)
BEFORE = Times(  # a shared index: the backup started while, or after, the index was created
    backup_started_at=moment(150),
    backup_ended_at=moment(200),
    crawl_started_at=moment(50),
    crawl_ended_at=moment(100),
)


def kinds(observed: Observed, times: Times = AFTER) -> dict[str, str]:
    """Return the kind of each different field."""
    return {finding.field: finding.kind for finding in classify(observed, times)}


@pytest.mark.parametrize(("changed_at", "kind"), [(99, "loss"), (100, "changed-since-backup"), (301, "loss")])
def test_only_a_change_between_the_backup_and_the_end_of_the_crawl_is_a_proof(
    changed_at: int, kind: str
) -> None:
    assert kinds(Observed(indexed=an_entry("/a", at=changed_at), restored=None)) == {"missing": kind}


def test_a_new_file_in_the_same_directory_does_not_excuse_a_missing_one() -> None:
    busy = an_entry("/home", at=250, mtime=250, kind="d")
    assert kinds(Observed(indexed=an_entry("/home/a"), restored=None, above=busy)) == {"missing": "loss"}


def test_a_change_of_content_does_not_excuse_another_owner() -> None:
    before, after = an_entry("/a", size=1), an_entry("/a", at=250, mtime=250, size=2)
    restored = dataclasses.replace(before, uid=7)
    found = kinds(Observed(indexed=after, restored=restored, previous=before))
    assert found == {"owner": "loss", "size": "changed-since-backup", "mtime": "changed-since-backup"}


def test_a_missing_file_that_existed_before_and_after_the_backup_is_a_loss() -> None:
    seen = Observed(indexed=an_entry("/a", at=250), restored=None, previous=an_entry("/a"))
    assert kinds(seen) == {"missing": "loss"}


def test_files_below_a_moved_directory_are_proved_by_their_restored_earlier_place() -> None:
    moved, file = an_entry("/new", at=250, kind="d"), an_entry("/new/deep/file")
    earlier = an_entry("/old/deep/file", at=100_000)
    seen = Observed(indexed=file, restored=None, above=moved, moved_directory=moved, moved_from=earlier)
    assert kinds(seen) == {"missing": "changed-since-backup"}
    damaged = dataclasses.replace(seen, moved_from=dataclasses.replace(earlier, size=1))
    assert kinds(damaged) == {"missing": "loss"}
    not_moved = dataclasses.replace(
        seen, moved_directory=dataclasses.replace(moved, ctime_us=microseconds(99))
    )
    assert kinds(not_moved) == {"missing": "loss"}


def test_an_extra_file_in_a_directory_that_changed_since_was_deleted_since() -> None:
    extra = an_entry("/home/a")
    assert kinds(Observed(indexed=None, restored=extra, above=an_entry("/home", at=250, kind="d"))) == {
        "extra": "changed-since-backup"
    }
    assert kinds(Observed(indexed=None, restored=extra, above=an_entry("/home", at=99, kind="d"))) == {
        "extra": "loss"
    }


def test_an_extra_entry_in_the_root_is_proved_by_the_previous_index() -> None:
    extra = an_entry("/a")
    assert kinds(Observed(indexed=None, restored=extra, previous=an_entry("/a", at=50))) == {
        "extra": "changed-since-backup"
    }
    assert kinds(Observed(indexed=None, restored=extra)) == {"extra": "loss"}


def test_a_change_between_the_crawl_and_a_later_backup_is_proved_by_the_next_index() -> None:
    before, after = an_entry("/a", size=1), an_entry("/a", at=180, mtime=180, size=2)
    changed = Observed(indexed=before, restored=after, next=after)
    assert set(kinds(changed, BEFORE).values()) == {"changed-since-backup"}
    much_later = dataclasses.replace(after, ctime_us=microseconds(250), mtime_us=microseconds(250))
    lost = Observed(indexed=before, restored=dataclasses.replace(before, size=0), next=much_later)
    assert set(kinds(lost, BEFORE).values()) == {"loss"}


def test_a_file_that_was_deleted_between_the_crawl_and_a_later_backup_is_no_loss() -> None:
    gone = Observed(indexed=an_entry("/d/a"), restored=None, above_next=an_entry("/d", at=180, kind="d"))
    assert kinds(gone, BEFORE) == {"missing": "changed-since-backup"}
    assert kinds(dataclasses.replace(gone, above_next=an_entry("/d", at=250, kind="d")), BEFORE) == {
        "missing": "loss"
    }


def test_sockets_and_fifos_are_not_expected() -> None:
    assert kinds(Observed(indexed=an_entry("/run/socket", kind="s"), restored=None)) == {}


def test_times_and_sizes_of_directories_are_not_compared() -> None:
    restored = an_entry("/d", at=500, mtime=500, kind="d", size=4096)
    assert kinds(Observed(indexed=an_entry("/d", kind="d"), restored=restored)) == {}


def test_the_evidence_names_the_time_of_the_change() -> None:
    (finding,) = classify(Observed(indexed=an_entry("/a", at=250), restored=None), AFTER)
    assert finding.evidence == "it changed at 2026-11-01T00:04:10Z, after the backup started"
