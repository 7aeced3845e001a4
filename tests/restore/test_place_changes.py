"""Another process changes the file system between two operations of a placement."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from errno import EIO

import pytest

from tests.restore import trees
from tests.restore.crashes import MOMENTS, crashing
from tests.restore.placing import disk
from tidemark.restore import placement
from tidemark.restore.outcomes import PlaceTotals

POLICIES = ("fail", "skip", "rename", "replace")


def once(change: Callable[[], None], after: int = 1) -> Callable[[], None]:
    """Return a function that makes a change when it is called for the n-th time."""
    calls = 0

    def called() -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            change()

    return called


def test_a_directory_that_vanishes_before_it_is_merged_is_moved():
    with disk({b"d": {b"a": b"1"}}, {b"d": {}}) as place:
        totals = place.place([b"d"], may_continue=once(lambda: os.rmdir(place.root + b"/d"), 2))
        assert totals == PlaceTotals(placed=1)
        assert place.live() == {b"d": {b"a": b"1"}}


def test_a_directory_that_becomes_a_link_before_it_is_merged_is_a_conflict():
    def exchange() -> None:
        os.rmdir(place.root + b"/d")
        os.symlink(b"outside", place.root + b"/d")

    with disk({b"d": {b"a": b"1"}}, {b"d": {}, b"outside": {}}) as place:
        assert place.place([b"d"], may_continue=once(exchange, 2)) == PlaceTotals(conflict=1)
        assert place.live() == {b"d": "outside", b"outside": {}}
        assert place.left() == {b"d": {b"a": b"1"}}


@pytest.mark.parametrize("policy", ["fail", "skip", "rename"])
def test_a_file_that_appears_before_another_is_linked_is_kept(policy):
    def appear() -> None:
        trees.build(place.root, {b"a": b"own"})

    with disk({b"a": b"restored"}, {}) as place:
        place.place([b"a"], policy, may_continue=once(appear, 2))
        expected = {"fail": "conflict", "skip": "skipped", "rename": "renamed"}[policy]
        assert place.outcomes() == {b"a": expected}
        assert place.live()[b"a"] == b"own"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("own", [b"own", {b"own": b"own"}])
def test_a_file_or_directory_that_appears_before_a_directory_is_moved_is_kept(policy, own):
    def appear() -> None:
        trees.build(place.root, {b"d": own})

    with disk({b"d": {b"a": b"1"}}, {}) as place:
        place.place([b"d"], policy, may_continue=once(appear, 2))
        found = place.live()[b"d"]
        assert found == (own if own == b"own" else {**own, b"a": b"1"})


@pytest.mark.parametrize("policy", POLICIES)
def test_a_directory_that_appears_before_a_file_is_placed_is_kept(policy):
    def appear() -> None:
        trees.build(place.root, {b"a": {b"own": b"own"}})

    with disk({b"a": b"restored"}, {}) as place:
        place.place([b"a"], policy, may_continue=once(appear, 2))
        assert place.live()[b"a"] == {b"own": b"own"}
        assert place.outcomes() == {b"a": "renamed" if policy == "rename" else "conflict"}


def test_a_file_that_vanishes_before_its_copy_is_skipped_is_placed():
    def vanish() -> None:
        os.unlink(place.root + b"/a")

    with disk({b"a": b"restored"}, {b"a": b"own"}) as place:
        assert place.place([b"a"], "skip", may_continue=once(vanish, 2)) == PlaceTotals(placed=1)
        assert place.live() == {b"a": b"restored"}


def test_entries_that_appear_in_the_restored_directory_during_a_merge_are_placed():
    def appear() -> None:
        trees.build(place.restored + b"/d", {b"late": b"2"})

    with disk({b"d": {b"a": b"1"}}, {b"d": {}}) as place:
        assert place.place([b"d"], may_continue=once(appear, 3)) == PlaceTotals(placed=2, merged=1)
        assert place.live() == {b"d": {b"a": b"1", b"late": b"2"}}


def test_a_directory_that_appears_above_an_item_is_used(monkeypatch):
    def mkdir(name, *arguments, **options):
        original(name, *arguments, **options)
        if name == b"0":
            trees.build(place.root, {b"home": {b"own": b"own"}})

    original = os.mkdir
    with disk({b"home": {b"ann": {b"a": b"1"}}}, {}) as place:
        monkeypatch.setattr(os, "mkdir", mkdir)
        assert place.place([b"home/ann/a"]).complete
        assert place.live() == {b"home": {b"own": b"own", b"ann": {b"a": b"1"}}}
        assert trees.marks(place.live())[b"home",][0] == trees.LIVE_MODE


def test_directories_above_an_item_that_are_removed_meanwhile_are_created_again():
    def remove() -> None:
        os.rename(place.root + b"/home", place.root + b"/gone")
        os.unlink(place.root + b"/gone/ann/a")
        os.rmdir(place.root + b"/gone/ann")
        os.rmdir(place.root + b"/gone")

    restored: trees.Tree = {b"home": {b"ann": {b"a": b"1"}, b"bob": {b"b": b"2"}}}
    with disk(restored, {}) as place:
        assert place.place([b"home/ann/a", b"home/bob/b"], may_continue=once(remove, 3)).complete
        assert place.live() == {b"home": {b"bob": {b"b": b"2"}}}
        assert trees.marks(place.live()) == {
            (b"home",): trees.mark_of((b"home",)),
            (b"home", b"bob"): trees.mark_of((b"home", b"bob")),
        }


def test_a_target_that_changes_all_the_time_fails_and_the_others_are_placed(monkeypatch):
    def link(source, target, **options):
        if source == b"a":
            raise FileExistsError
        original(source, target, **options)

    original = os.link
    with disk({b"a": b"1", b"b": b"2"}, {}) as place:
        monkeypatch.setattr(os, "link", link)
        assert place.place([b"a", b"b"]) == PlaceTotals(failed=1, placed=1)
        assert place.left() == {b"a": b"1"}


def test_times_that_cannot_be_set_are_reported_and_set_by_the_next_placement(monkeypatch):
    def utime(*arguments, **options):
        raise OSError(EIO, os.strerror(EIO))

    original = os.utime
    with disk({b"home": {b"a": b"1"}}, {}) as place:
        place.place([b"home/a"], may_continue=once(lambda: monkeypatch.setattr(os, "utime", utime), 2))
        assert place.outcomes() == {b"home/a": "placed", b"home": "failed"}
        monkeypatch.setattr(os, "utime", original)
        assert place.place([b"home/a"]) == PlaceTotals(placed=1)
        assert trees.marks(place.live()) == {(b"home",): trees.mark_of((b"home",))}


def test_attributes_that_cannot_be_replaced_are_reported_and_replaced_by_the_next_placement(monkeypatch):
    def fchmod(*_):
        raise OSError(EIO, os.strerror(EIO))

    original = os.fchmod
    with disk({b"d": {b"a": b"1"}}, {b"d": {}}) as place:
        monkeypatch.setattr(os, "fchmod", fchmod)
        assert place.place([b"d"], "replace") == PlaceTotals(placed=1, failed=1)
        assert place.left() == {b"d": {}}
        monkeypatch.setattr(os, "fchmod", original)
        assert place.place([b"d"], "replace") == PlaceTotals(placed=1, merged=1)
        assert trees.marks(place.live()) == {(b"d",): trees.mark_of((b"d",))}


def test_a_directory_that_cannot_be_listed_stays(monkeypatch):
    def scandir(fd):
        if os.fstat(fd).st_ino == inode:
            raise OSError(EIO, os.strerror(EIO))
        return original(fd)

    original = os.scandir
    with disk({b"d": {b"a": b"1"}, b"e": b"2", b"unwanted": {b"b": b"3"}}, {b"d": {}}) as place:
        inode = os.stat(place.restored + b"/d").st_ino
        monkeypatch.setattr(os, "scandir", scandir)
        assert place.place([b"d", b"e"]) == PlaceTotals(failed=1, placed=1)
        inode = os.stat(place.restored + b"/unwanted").st_ino
        finished = place.finish([b"e"])
        assert finished.problems == (f"/unwanted: {os.strerror(EIO)}",)
        assert not finished.gone
        monkeypatch.undo()
        assert place.left() == {b"unwanted": {b"b": b"3"}}


def test_what_appears_in_the_restored_directory_while_it_is_removed_is_kept(monkeypatch):
    def rmdir(name, *arguments, **options):
        if name == os.path.basename(place.restored):
            trees.build(place.restored, {b"late": b"1"})
        original(name, *arguments, **options)

    original = os.rmdir
    with disk({b"a": b"1"}, {}) as place:
        place.place([b"a"])
        monkeypatch.setattr(os, "rmdir", rmdir)
        assert not place.finish([b"a"]).gone
        assert place.left() == {b"late": b"1"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_killed_worker_is_replaced_by_another(policy, monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 2)
    restored: trees.Tree = {b"d": {b"%d" % number: b"new %d" % number for number in range(9)}}
    live: trees.Tree = {b"d": {b"%d" % number: b"old %d" % number for number in range(0, 9, 3)}}
    model = trees.Model(restored, live, policy)
    model.place({(b"d",)}, ())
    with disk(restored, live) as place:
        for actions in range(2, 14, 3):

            def kill(actions: int = actions) -> None:
                place.place(
                    [b"d"], policy, may_continue=once(lambda: os.kill(os.getpid(), signal.SIGKILL), actions)
                )

            worker = multiprocessing.get_context("fork").Process(target=kill)
            worker.start()
            worker.join()
            assert worker.exitcode in (0, -signal.SIGKILL)
        place.place([b"d"], policy)
        assert place.live() == model.live
        assert place.left() == model.restored
        assert place.outcomes() == model.outcomes


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_target_directory_that_is_removed_after_an_interruption_is_placed_again(moment, monkeypatch):
    monkeypatch.setattr(placement, "THREADS", 1)
    files: trees.Tree = {b"a": b"1", b"b": b"2", b"link": "to"}
    at = 0
    while True:
        with disk({b"d": {b"e": dict(files)}}, {b"d": {b"e": {}}}) as place:
            with crashing(at, moment) as crashes:
                place.place([b"d/e"])
            if not crashes.dead:
                break
            placed = place.live()[b"d"][b"e"]
            shutil.rmtree(place.root + b"/d")
            remaining = {name for name in files if name in place.left()[b"d"].get(b"e", {})}
            assert remaining | placed.keys() == files.keys()
            place.place([b"d/e"])
            found = place.live().get(b"d", {}).get(b"e", {})
            assert found == {name: files[name] for name in remaining}
        at += 1
    assert at > 10


@pytest.mark.parametrize("policy", POLICIES)
def test_a_linked_file_that_is_exchanged_before_its_other_name_is_removed_is_not_the_only_copy(policy):
    def exchange() -> None:
        os.unlink(place.root + b"/a")
        trees.build(place.root, {b"a": b"own"})

    with disk({b"a": b"restored"}, {}) as place:
        os.link(place.restored + b"/a", place.root + b"/a")
        place.place([b"a"], policy, may_continue=once(exchange, 2))
        outcomes = {"fail": "conflict", "skip": "skipped", "rename": "renamed", "replace": "replaced"}
        assert place.outcomes() == {b"a": outcomes[policy]}
        assert place.live()[b"a"] == (b"restored" if policy == "replace" else b"own")


def test_a_directory_that_the_user_created_in_the_place_of_a_created_one_keeps_its_times():
    with disk({b"home": {b"a": b"1"}}, {}) as place:
        place.place([b"home/a"])
        os.rename(place.root + b"/home", place.root + b"/old")
        trees.build(place.root, {b"home": {}})
        place.place([b"home/a"])
        assert trees.marks(place.live())[b"home",] == (trees.LIVE_MODE, trees.LIVE_TIME)
