"""Links, exchanged directories, other workers and deep trees never lead a placement elsewhere."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import threading
from collections import Counter

import pytest

from tests.crawl.trees import open_descriptors
from tests.restore import trees
from tests.restore.placing import RESTORED, disk
from tests.restore.test_place_crashes import (
    ITEMS,
    LIVE_TREE,
    RESTORED_TREE,
    assert_nothing_lost,
    every_file,
    joined,
)
from tidemark.restore import placement
from tidemark.restore.outcomes import PlaceTotals

DEEP = "d" * 100
POLICIES = ("fail", "skip", "rename", "replace")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("target", [b"outside", b"../outside", b"ABSOLUTE", b"loop", b"missing"])
def test_a_link_where_a_directory_is_needed_is_a_conflict_and_is_not_followed(policy, target):
    restored: trees.Tree = {b"home": {b"ann": {b"a": b"new", b"d": {b"e": b"1"}}}}
    live: trees.Tree = {b"outside": {b"ann": {b"a": b"old", b"d": {}}}}
    with disk(restored, live) as place:
        if target == b"ABSOLUTE":
            target = os.path.join(place.root, b"outside")
        os.symlink(target, os.path.join(place.root, b"home"))
        before = place.live()
        assert place.place([b"home/ann/a", b"home/ann/d"], policy) == PlaceTotals(conflict=2)
        assert {report.reason for report in place.reports} == {"/home is not a directory"}
        assert place.live() == before
        assert place.left() == restored
        assert place.place([b"home/ann"], destination=b"home").conflict == 1
        assert place.live() == before


@pytest.mark.parametrize("policy", POLICIES)
def test_a_link_in_the_place_of_a_restored_directory_is_not_followed(policy):
    with disk({b"d": {b"a": b"new"}}, {b"outside": {b"a": b"old"}, b"d": "outside"}) as place:
        place.place([b"d"], policy)
        found = place.live()
        assert (found[b"d"], found[b"outside"]) == ("outside", {b"a": b"old"})
        assert (found if policy == "rename" else place.left())[
            b"d.restored" if policy == "rename" else b"d"
        ] == {b"a": b"new"}


def test_a_link_in_the_restored_directory_is_moved_and_not_followed():
    with disk({b"d": "../outside", b"e": {b"up": ".."}}, {b"outside": {b"a": b"1"}, b"e": {}}) as place:
        assert place.place([b"d/a"]) == PlaceTotals(failed=1)
        assert place.place([b"d", b"e"]) == PlaceTotals(placed=2, merged=1)
        assert place.live() == {b"outside": {b"a": b"1"}, b"d": "../outside", b"e": {b"up": ".."}}


def test_a_backup_of_the_restored_directorys_name_is_not_placed_into_itself():
    with disk({RESTORED: {b"a": b"1", RESTORED: {b"b": b"2"}}, b"c": b"3"}, {}) as place:
        for policy in POLICIES:
            place.place(on_conflict=policy)
            assert place.live() == {b"c": b"3"}
            assert place.left() == {RESTORED: {b"a": b"1", RESTORED: {b"b": b"2"}}}
        assert place.place([RESTORED + b"/a"]) == PlaceTotals(failed=1)
        assert "restored directory itself" in place.reports[0].reason
        assert place.place(destination=b"to").complete
        assert place.live() == {b"c": b"3", b"to": {RESTORED: {b"a": b"1", RESTORED: {b"b": b"2"}}}}


def test_a_directory_that_is_exchanged_for_a_link_all_the_time_leads_nowhere_else(monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    restored: trees.Tree = {b"d": {b"e": {b"%d" % number: b"%d" % number for number in range(300)}}}
    live: trees.Tree = {b"d": {b"e": {}}, b"outside": {b"e": {}}}
    with disk(restored, live) as place:
        stop = threading.Event()

        def exchange():
            # Ends when a placement creates a new `d` while the old one is away.
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    os.rename(place.root + b"/d", place.root + b"/away")
                    os.symlink(b"outside", place.root + b"/d")
                    os.unlink(place.root + b"/d")
                    os.rename(place.root + b"/away", place.root + b"/d")

        thread = threading.Thread(target=exchange)
        thread.start()
        try:
            for number in range(300):
                place.place([b"d/e/%d" % number])
        finally:
            stop.set()
            thread.join()
        found = place.live()
        assert found.pop(b"outside") == {b"e": {}}
        directories = [node for node in found.values() if isinstance(node, dict)]
        files = [name for directory in directories for name in directory.get(b"e", {})]
        left = place.left().get(b"d", {}).get(b"e", {})
        assert sorted([*files, *left]) == sorted(b"%d" % number for number in range(300))


def test_files_that_appear_and_vanish_in_the_target_are_neither_lost_nor_overwritten(monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 16)
    names = [b"%d" % number for number in range(400)]
    with disk({b"d": dict.fromkeys(names, b"restored")}, {b"d": {}}) as place:
        stop = threading.Event()
        written: set[bytes] = set()

        def write():
            for number in range(len(names) - 1, -1, -1):
                if stop.is_set():
                    return
                try:
                    fd = os.open(place.root + b"/d/%d" % number, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                except FileExistsError:
                    continue
                os.write(fd, b"own")
                os.close(fd)
                written.add(b"%d" % number)
                vanishing = place.root + b"/d/vanishing"
                os.close(os.open(vanishing, os.O_CREAT))
                os.unlink(vanishing)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            totals = place.place([b"d"])
        finally:
            stop.set()
            thread.join()
        found = place.live()[b"d"]
        conflicts = {name for name in written if name in place.left().get(b"d", {})}
        assert totals == PlaceTotals(placed=400 - len(conflicts), conflict=len(conflicts), merged=1)
        assert {name for name, content in found.items() if content == b"own"} == written
        assert found.keys() == set(names)
        assert {name for name, content in found.items() if content == b"restored"} == set(names) - written
        assert conflicts == written


@pytest.mark.parametrize("policy", POLICIES)
def test_a_worker_that_lost_its_lock_loses_and_overwrites_nothing(policy, monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 1)
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    moment = 0
    while True:
        with disk(RESTORED_TREE, LIVE_TREE) as place:
            calls = 0

            def other_worker(place=place, moment=moment):
                nonlocal calls
                calls += 1
                if calls == moment + 1:
                    place.place(joined(ITEMS), policy)

            place.place(joined(ITEMS), policy, may_continue=other_worker)
            assert_nothing_lost(place, RESTORED_TREE, LIVE_TREE, policy)
            assert_nothing_placed_twice(place.live())
            if calls <= moment:
                break
        moment += 1
    assert moment > 10


def assert_nothing_placed_twice(found: trees.Tree) -> None:
    sources = Counter(map(repr, [*every_file(RESTORED_TREE), *every_file(LIVE_TREE)]))
    assert Counter(map(repr, every_file(found))) <= sources


def make_deep(directory: bytes, depth: int, content: bytes) -> None:
    fd = os.open(directory, os.O_RDONLY)
    for level in range(depth):
        file = os.open(content + b"%d" % level, os.O_CREAT | os.O_WRONLY, dir_fd=fd)
        os.write(file, content)
        os.close(file)
        os.mkdir(DEEP, dir_fd=fd)
        below = os.open(DEEP, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def depths_of_files(directory: bytes) -> list[int]:
    depths, depth = [], 0
    fd = os.open(directory, os.O_RDONLY)
    while True:
        names = os.listdir(fd)
        depths += [depth] * sum(name != DEEP for name in names)
        if DEEP not in names:
            os.close(fd)
            return depths
        below = os.open(DEEP, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd, depth = below, depth + 1


def test_a_merge_deeper_than_a_path_and_than_the_limit_of_descriptors(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    depth = 200
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with disk({b"d": {}, b"unwanted": {}}, {b"d": {}}) as place:
        make_deep(place.restored + b"/d", depth, b"restored")
        make_deep(place.restored + b"/unwanted", depth, b"unwanted")
        make_deep(place.root + b"/d", depth, b"live")
        before = open_descriptors()
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 90, limits[1]))
        try:
            assert place.place([b"d"], "replace") == PlaceTotals(placed=depth, merged=depth + 1)
            assert place.finish([b"d"]).gone
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert open_descriptors() == before
        assert depths_of_files(place.root + b"/d") == sorted([*range(depth), *range(depth)])


def test_an_end_at_any_action_closes_every_descriptor(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)

    class End(BaseException):
        pass

    def end_at(number):
        def may_continue():
            nonlocal number
            number -= 1
            if number < 0:
                raise End

        return may_continue

    ended, number = True, 0
    while ended:
        with disk(RESTORED_TREE, LIVE_TREE) as place:
            before = open_descriptors()
            ended = False
            try:
                place.place(joined(ITEMS), may_continue=end_at(number))
            except End:
                ended = True
            assert open_descriptors() == before
            assert_nothing_lost(place, RESTORED_TREE, LIVE_TREE, "fail")
        number += 1
    assert number > 5
