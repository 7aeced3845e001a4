"""The restore worker puts everything in its place, compares exactly that, and reports what it did."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.aws.account import FS
from tests.restore import trees
from tests.worker_image.restoring import EndingStore, Restore, States
from tidemark.aws.clock import utc_now
from tidemark.errors import RestoreFailed, WorkerStopped
from tidemark.escape import escape
from worker_image import answers, restore_worker
from worker_image.restored_jobs import RestoreResults

HOME: trees.Tree = {
    b"home": {b"ann": {b"a.txt": b"A", b"b.txt": b"BB", b"deep": {b"c.txt": b"CCC"}}, b"bob": {b"x": b"X"}},
    b"link": "home/ann",
    b"top.txt": b"T",
}


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the handler of SIGTERM, and its timer, which ends the process, out of the tests."""
    timer = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(answers, "threading", SimpleNamespace(Timer=lambda *_: timer))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def restore(tmp_path: Path) -> Restore:
    return Restore(tmp_path, {b"other": {b"o.txt": b"O"}})


def test_items_return_to_their_places_and_the_restored_directory_is_gone(restore: Restore) -> None:
    restore.backup(HOME, ["/home/ann", "/link", "/top.txt"])
    restore.restore()
    assert restore.run() == 0
    ann = HOME[b"home"][b"ann"]  # type: ignore[index,call-overload]  # a directory
    assert restore.tree() == {
        b"home": {b"ann": ann}, b"link": "home/ann", b"top.txt": b"T", b"other": {b"o.txt": b"O"},
    }  # fmt: skip
    assert restore.totals == {"placed": 3}
    assert restore.lines("problems") == restore.lines("differences") == []


def test_items_go_to_a_directory_with_their_hierarchy(restore: Restore) -> None:
    restore.backup(HOME, ["/home/ann/deep", "/top.txt"])
    restore.restore()
    assert restore.run(to="/recovered/today") == 0
    assert restore.tree()[b"recovered"] == {
        b"today": {b"home": {b"ann": {b"deep": {b"c.txt": b"CCC"}}}, b"top.txt": b"T"}
    }
    assert restore.lines("differences") == []


def test_a_whole_point_is_placed_and_compared(restore: Restore) -> None:
    restore.backup(HOME, ["/"], requests=())
    written = restore.restore()
    (written / "home/bob/x").write_bytes(b"damaged")
    assert restore.run() == 0
    assert restore.tree().keys() == {*HOME, b"other"}
    assert ("/home/bob/x", "size") in {(each["path"], each["field"]) for each in restore.lines("differences")}
    assert not [each for each in restore.lines("differences") if each["path"] != "/home/bob/x"]


def test_only_the_items_are_placed_of_what_was_requested(restore: Restore) -> None:
    restore.backup(HOME, ["/home/ann/a.txt"], requests=["/home"])
    restore.restore()
    assert restore.run() == 0
    assert restore.tree()[b"home"] == {b"ann": {b"a.txt": b"A"}}
    assert restore.totals == {"placed": 1}


def test_each_job_is_compared_with_the_index_of_its_own_point(restore: Restore) -> None:
    newer: trees.Tree = {b"top.txt": b"newer", b"more": b"M"}
    restore.backup(HOME, ["/home/ann/a.txt", "/home/ann/b.txt", "/home/bob"])
    restore.restore(0, 1)
    restore.restore(1, 3)
    restore.backup(newer, ["/top.txt", "/more"])
    restore.restore()
    assert restore.run() == 0
    assert restore.tree() == {
        b"home": {b"ann": {b"a.txt": b"A", b"b.txt": b"BB"}, b"bob": {b"x": b"X"}},
        **newer,
        b"other": {b"o.txt": b"O"},
    }
    assert restore.totals == {"placed": 5}
    assert [restore.lines("differences", job) for job in range(3)] == [[], [], []]


def test_a_damaged_file_is_reported_at_its_new_place(restore: Restore) -> None:
    restore.backup(HOME, ["/home"])
    written = restore.restore()
    (written / "home/ann/deep/c.txt").write_bytes(b"longer than before")
    (written / "home/bob/x").unlink()
    assert restore.run(to="/recovered") == 0
    found = {(each["path"], each["field"]) for each in restore.lines("differences")}
    assert {("/recovered/home/ann/deep/c.txt", "size"), ("/recovered/home/bob/x", "missing")} <= found
    assert {path for path, _ in found} == {"/recovered/home/ann/deep/c.txt", "/recovered/home/bob/x"}
    assert restore.totals["differences"] == len(restore.lines("differences"))
    assert {each["verdict"] for each in restore.lines("differences")} == {"loss"}
    assert all(each["evidence"] for each in restore.lines("differences"))


def test_a_file_that_changed_between_backup_and_crawl_is_no_difference(restore: Restore) -> None:
    # The crawl read the files now, and the backup is older than their last change.
    restore.backup(HOME, ["/home"], now=utc_now() + timedelta(minutes=1))
    written = restore.restore()
    (written / "home/ann/deep/c.txt").write_bytes(b"longer than before")
    assert restore.run(to="/recovered") == 0
    assert {each["verdict"] for each in restore.lines("differences")} == {"changed-since-backup"}
    assert "differences" not in restore.totals
    assert restore.totals["changed_since_backup"] == len(restore.lines("differences"))


LIVE: trees.Tree = {b"home": {b"ann": {b"a.txt": b"changed since", b"new": b"N"}}, b"top.txt": b"changed"}


@pytest.fixture
def conflicting(tmp_path: Path) -> Restore:
    """A restore into a file system where some of the files exist, with other contents."""
    restore = Restore(tmp_path, LIVE)
    restore.backup(HOME, ["/home/ann", "/top.txt"])
    restore.restore()
    return restore


def test_conflicts_are_listed_left_and_not_compared(conflicting: Restore) -> None:
    assert conflicting.run() == 0
    problems = {(each["path"], each["outcome"]) for each in conflicting.lines("problems")}
    assert problems == {("/home/ann/a.txt", "conflict"), ("/top.txt", "conflict")}
    assert all(each["reason"] for each in conflicting.lines("problems"))
    assert conflicting.lines("differences") == []
    assert (conflicting.totals["conflict"], conflicting.totals["left_directories"]) == (2, 1)
    tree = conflicting.tree()
    assert tree[b"top.txt"] == b"changed"
    (left,) = (name for name in tree if name.startswith(b"aws-backup-restore_"))
    assert tree[left][b"top.txt"] == b"T"  # type: ignore[index,call-overload]  # a directory
    assert conflicting.results()["left.json"] == [[escape(left)]]
    assert tree[b"home"][b"ann"][b"deep"] == {b"c.txt": b"CCC"}  # type: ignore[index,call-overload]


def test_skipped_files_and_the_directories_above_them_are_not_compared(conflicting: Restore) -> None:
    assert conflicting.run(on_conflict="skip") == 0
    assert conflicting.lines("differences") == conflicting.lines("problems") == []
    assert conflicting.totals["skipped"] == 2
    assert conflicting.tree()[b"top.txt"] == b"changed"


def test_renamed_files_are_compared_under_their_new_names(conflicting: Restore) -> None:
    (written,) = conflicting.root.glob("aws-backup-restore_*")
    (written / "top.txt").write_bytes(b"damaged")
    assert conflicting.run(on_conflict="rename") == 0
    (renamed,) = conflicting.root.glob("top.txt.restored-*")
    assert renamed.read_bytes() == b"damaged"
    found = {(each["path"], each["field"]) for each in conflicting.lines("differences")}
    assert (f"/{renamed.name}", "size") in found
    assert {path for path, _ in found} == {f"/{renamed.name}"}
    assert conflicting.totals["renamed"] == 2


def test_replaced_files_and_merged_directories_are_compared(conflicting: Restore) -> None:
    assert conflicting.run(on_conflict="replace") == 0
    assert conflicting.lines("differences") == []
    assert conflicting.tree()[b"top.txt"] == b"T"
    assert conflicting.totals["replaced"] == 2


def test_a_redrive_places_what_was_in_the_way_of_before(conflicting: Restore) -> None:
    assert conflicting.run() == 0
    (conflicting.root / "top.txt").unlink()
    (conflicting.root / "home/ann/a.txt").unlink()
    conflicting.states = States()
    assert conflicting.run() == 0
    assert conflicting.tree() == {
        b"home": {b"ann": {**HOME[b"home"][b"ann"], b"new": b"N"}},  # type: ignore[index,call-overload,dict-item]
        b"top.txt": b"T",
    }
    assert not {"conflict", "left_directories"} & conflicting.totals.keys()
    assert conflicting.results()["left.json"] == [[]]
    assert conflicting.lines("problems") == conflicting.lines("differences") == []


def test_a_path_that_the_index_never_read_is_placed_and_not_compared(restore: Restore) -> None:
    restore.backup(HOME, ["/unread", "/top.txt"])
    written = restore.restore()
    (written / "unread").mkdir()
    (written / "unread/file").write_bytes(b"U")
    assert restore.run() == 0
    assert restore.tree()[b"unread"] == {b"file": b"U"}
    assert restore.totals == {"placed": 2}


def test_an_item_that_aws_backup_has_not_restored_is_a_problem(restore: Restore) -> None:
    restore.backup(HOME, ["/gone", "/top.txt"])
    restore.restore()
    assert restore.run() == 0
    assert [(each["path"], each["outcome"]) for each in restore.lines("problems")] == [("/gone", "failed")]
    assert restore.totals == {"placed": 1, "failed": 1}


def test_files_are_placed_although_their_index_is_gone(restore: Restore) -> None:
    restore.backup(HOME, ["/top.txt"])
    restore.restore()
    for key in restore.store.list_keys("indexes/"):
        restore.store.discard(key)
    assert restore.run() == 0
    assert restore.tree()[b"top.txt"] == b"T"
    assert restore.totals == {"placed": 1, "not_compared": 1}


def test_names_that_are_not_utf8_are_placed_and_compared(restore: Restore) -> None:
    name = b"\xff\n"
    path = f"/d/{escape(name)}"
    restore.backup({b"d": {name: b"1", b"other": b"2"}}, [path], requests=["/d"])
    written = restore.restore()
    Path(os.fsdecode(os.path.join(os.fsencode(written), b"d", name))).write_bytes(b"damaged")
    assert restore.run() == 0
    assert restore.tree()[b"d"] == {name: b"damaged"}
    assert ("size", path) in {(each["field"], each["path"]) for each in restore.lines("differences")}


# failures


def test_a_restored_directory_that_is_gone_is_reported(restore: Restore) -> None:
    restore.backup(HOME, ["/top.txt"])
    restore.restore().rename(restore.root / "moved")
    assert restore.run() == RestoreFailed.exit_code
    ((error, cause),) = restore.states.failures
    assert error == "RestoreFailed"
    assert "moved or removed; restore again" in cause
    assert restore.states.successes == []


@pytest.mark.parametrize(
    "missing", [f"restores/{FS}/plans/plan-1.json", f"restores/{FS}/restore-1/jobs.json"]
)
def test_a_missing_plan_or_list_of_jobs_is_reported(
    restore: Restore, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore.backup(HOME, ["/top.txt"])
    restore.restore()
    put = restore.store.put
    monkeypatch.setattr(restore.store, "put", lambda key, body: None if key == missing else put(key, body))
    assert restore.run() == RestoreFailed.exit_code
    assert [error for error, _ in restore.states.failures] == ["RestoreFailed"]
    assert b"top.txt" not in restore.tree()


def test_a_worker_without_a_waiting_session_touches_nothing(restore: Restore) -> None:
    restore.backup(HOME, ["/top.txt"])
    restore.restore()
    before = restore.tree()
    restore.states = States(dead_after=0)
    assert restore.run() == WorkerStopped.exit_code
    assert restore.tree() == before
    assert restore.states.successes == restore.states.failures == []


def test_a_worker_whose_session_gave_it_up_at_the_end_does_not_answer(restore: Restore) -> None:
    restore.backup(HOME, ["/top.txt"])
    restore.restore()
    restore.states = States(dead_after=1)
    assert restore.run() == WorkerStopped.exit_code
    assert restore.states.successes == []
    restore.states = States()
    assert restore.run() == 0
    assert restore.totals == {"placed": 1}


def test_sigterm_stops_the_worker_and_the_next_one_completes_its_work(restore: Restore) -> None:
    restore.backup(HOME, ["/home/ann", "/top.txt"])
    restore.restore(0, 1)
    restore.restore(1, 2)

    def terminate(moment: str, key: str) -> None:
        if moment == "before" and key.endswith("totals-job-0.json"):
            os.kill(os.getpid(), signal.SIGTERM)

    assert restore.run(store=EndingStore(restore.store, terminate)) == WorkerStopped.exit_code
    ((error, cause),) = restore.states.failures
    assert error == "WorkerStopped"
    assert "was stopped before it finished" in cause
    assert b"top.txt" not in restore.tree()
    restore.states = States()
    assert restore.run() == 0
    assert restore.totals == {"placed": 2}
    assert b"top.txt" in restore.tree()


def test_progress_never_falls(conflicting: Restore, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RestoreResults] = []
    seen: list[Mapping[str, int]] = []

    class Watched(RestoreResults):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

        def add(self, totals: Mapping[str, int]) -> None:
            super().add(totals)
            seen.append(self.totals)

    monkeypatch.setattr(restore_worker, "RestoreResults", Watched)
    store = EndingStore(conflicting.store, lambda *_: seen.append(made[0].totals))
    assert conflicting.run(store=store) == 0
    seen.append(conflicting.states.successes[0])
    assert len(seen) > 10
    for before, after in pairwise(seen):
        assert all(after.get(name, 0) >= number for name, number in before.items())
    progress = json.loads(conflicting.store.get(f"restores/{FS}/restore-1/results/progress.json"))
    assert progress["totals"] == conflicting.states.successes[0]
