"""The verification worker finds all planted damage, and nothing else; it describes the restored point."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.worker_image.restoring import EndingStore
from tests.worker_image.testing_restores import JOB, PREFIX, RestoreTest
from tidemark.index.query.browse import find_entry
from tidemark.index.storage.catalog import list_indexes


def build(root: Path) -> None:
    """Create a small tree of all kinds."""
    (root / "home" / "ann").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "home" / "ann" / "thesis.tex").write_bytes(b"x" * 1000)
    (root / "home" / "ann" / "notes.txt").write_bytes(b"notes")
    (root / "home" / "link").symlink_to("ann/thesis.tex")
    os.link(root / "home" / "ann" / "notes.txt", root / "home" / "second-name")
    os.mkfifo(root / "home" / "fifo")
    (root / "top.txt").write_text("top")
    with (root / os.fsdecode(b"caf\xe9")).open("w") as file:
        file.write("latin")


@pytest.fixture
def made(tmp_path: Path) -> RestoreTest:
    """A file system with an index before the backup, a backup, and the index of the backup."""
    test = RestoreTest(tmp_path / "test", build)
    test.index()
    test.back_up()
    test.index()
    return test


def test_an_undamaged_restore_has_no_losses(made: RestoreTest) -> None:
    assert made.run() == 0
    assert made.totals == {}, "the FIFO is in no backup and is not expected"
    assert made.findings == set()


def test_all_planted_damage_is_listed_and_nothing_else(made: RestoreTest) -> None:
    restored = made.written
    (restored / "top.txt").unlink()
    shutil.rmtree(restored / "empty")
    os.truncate(restored / "home" / "ann" / "thesis.tex", 10)
    (restored / "home" / "link").unlink()
    (restored / "home" / "link").symlink_to("elsewhere")
    (restored / "home" / "ann").chmod(0o700)
    (restored / "home" / "ann" / "invented").write_text("not in the backup")
    assert made.run() == 0
    expected = {
        ("/top.txt", "missing"),
        ("/empty", "missing"),
        ("/home/ann/thesis.tex", "size"),
        ("/home/ann/thesis.tex", "mtime"),
        ("/home/link", "target"),
        ("/home/link", "mtime"),
        ("/home/ann", "mode"),
        ("/home/ann/invented", "extra"),
    }
    assert {(path, field) for path, field, _ in made.findings} == expected
    assert {verdict for *_, verdict in made.findings} == {"loss"}
    assert made.totals == {"missing": 2, "different": 3, "extra": 1, "differences": 8}


def test_what_changed_between_the_backup_and_the_crawl_is_no_loss(tmp_path: Path) -> None:
    test = RestoreTest(tmp_path / "test", build)
    test.index()
    test.back_up()
    original = test.original
    (original / "home" / "ann" / "thesis.tex").write_bytes(b"y" * 2000)
    (original / "home" / "new.txt").write_text("new")
    (original / "home" / "ann" / "draft").mkdir()
    (original / "home" / "link").unlink()
    (original / "empty").rename(original / "renamed")
    test.index()
    assert test.run() == 0
    assert {(path, verdict) for path, _, verdict in test.findings} == {
        (path, "changed-since-backup")
        for path in (
            "/home/ann/thesis.tex",
            "/home/new.txt",
            "/home/ann/draft",
            "/home/link",
            "/renamed",
            "/empty",
        )
    }
    assert test.totals == {"changed_since_backup": 6}


def test_a_directory_that_was_moved_since_is_followed_to_its_place(tmp_path: Path) -> None:
    test = RestoreTest(tmp_path / "test", build)
    (test.original / "projects").mkdir()
    test.index()
    test.back_up()
    (test.original / "home").rename(test.original / "projects" / "people")
    test.index()
    lost = test.copied_to(tmp_path / "lost")
    assert test.run() == 0
    assert {verdict for *_, verdict in test.findings} == {"changed-since-backup"}

    (lost.written / "home" / "ann" / "thesis.tex").unlink()
    assert lost.run() == 0
    losses = {(path, field) for path, field, verdict in lost.findings if verdict == "loss"}
    assert losses == {("/projects/people/ann/thesis.tex", "missing")}


def test_a_backup_that_is_newer_than_its_shared_index_is_explained_by_the_next_index(tmp_path: Path) -> None:
    test = RestoreTest(tmp_path / "test", build)
    test.index()
    (test.original / "home" / "ann" / "thesis.tex").write_bytes(b"changed before the backup")
    test.back_up()
    test.index()
    assert test.run(index=0) == 0
    assert test.totals == {"changed_since_backup": 1}


def test_excluded_directories_are_not_compared(tmp_path: Path) -> None:
    test = RestoreTest(tmp_path / "test", build)
    test.back_up()
    test.index("/home/ann")
    (test.written / "home" / "ann" / "thesis.tex").unlink()
    assert test.run() == 0
    assert test.findings == set()


def test_the_index_of_the_point_describes_the_point_and_is_not_one_of_the_file_system(
    made: RestoreTest,
) -> None:
    (made.original / "home" / "later").write_text("later than the backup")
    before = [index.index_id for index in list_indexes(made.store)]
    assert made.run() == 0
    (exact,) = list_indexes(made.exact)
    assert exact.source is not None
    assert exact.source.restore_job_id == JOB
    assert exact.previous_index_id is None
    found = find_entry(made.exact, exact, "/home/ann/thesis.tex")
    assert found is not None
    assert found.size == 1000
    assert find_entry(made.exact, exact, "/home/later") is None
    assert [index.index_id for index in list_indexes(made.store)] == before


def test_the_time_of_the_restored_directory_need_not_be_exact(made: RestoreTest) -> None:
    made.written.rename(made.restored / "aws-backup-restore_2026-11-29T18-30-00-123Z")
    assert made.run() == 0
    assert made.totals == {}


def test_a_missing_restored_directory_fails_the_test(made: RestoreTest) -> None:
    made.written.rename(made.restored / "elsewhere")
    assert made.run() != 0
    ((error, cause),) = made.states.failures
    assert error == "RestoreFailed"
    assert "aws-backup-restore_" in cause


class Ended(BaseException):
    """The process ended."""


def test_a_worker_that_ends_at_any_write_is_completed_by_the_next(made: RestoreTest, tmp_path: Path) -> None:
    (made.written / "top.txt").unlink()
    whole = made.copied_to(tmp_path / "whole")
    writes: list[str] = []
    noting = SimpleNamespace(ends=lambda moment, key: writes.append(key) if moment == "after" else None)
    stores = {
        "store": EndingStore(whole.store, noting.ends),
        "exact": EndingStore(whole.exact, noting.ends),
    }
    assert whole.run(**stores) == 0
    assert len(writes) > 5
    for number in range(len(writes)):
        for when in ("before", "after"):
            test = made.copied_to(tmp_path / f"{number}-{when}")
            _run_until(test, number, when)
            test.states.successes.clear()
            assert test.run() == 0, (number, when)
            assert test.totals == whole.totals
            assert test.findings == whole.findings
            assert len(list_indexes(test.exact)) == 1


def _run_until(test: RestoreTest, number: int, when: str) -> None:
    left = [number]

    def ends(moment: str, key: str) -> None:
        if key.endswith("progress.json"):
            return
        if moment == "before":
            left[0] -= 1
        if left[0] < 0 and moment == when:
            raise Ended

    stores: dict[str, Any] = {"store": EndingStore(test.store, ends), "exact": EndingStore(test.exact, ends)}
    try:
        test.run(**stores)
    except Ended:
        return


def test_results_are_below_the_prefix_that_the_worker_may_write(made: RestoreTest) -> None:
    before = set(made.store.list_keys(""))
    assert made.run() == 0
    written = set(made.store.list_keys("")) - before
    assert written
    assert all(key.startswith((f"{PREFIX}results/", f"{PREFIX}indexes/")) for key in written)
