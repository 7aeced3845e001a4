"""What a placement does and reports, without interruptions."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl import trees as crawled
from tests.restore import trees
from tests.restore.placing import RESTORED, disk
from tidemark.escape import is_utf8
from tidemark.restore import placement
from tidemark.restore.finish import Finished
from tidemark.restore.moves import name_with_suffix
from tidemark.restore.outcomes import Placed, PlaceTotals

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


def rows_by_path(root: bytes) -> dict[bytes, crawled.Row]:
    """Return everything that `find` reports below a directory but times of inode changes."""
    found = crawled.found_by_find(Path(os.fsdecode(root)))
    return {row.path: row._replace(ctime_us=0) for row in found}


def directories_only(root: bytes) -> trees.Tree:
    """Return the directories of a tree of pitfalls, except for the chain, whose paths are too long."""
    tree: trees.Tree = {}
    for row in crawled.found_by_find(Path(os.fsdecode(root))):
        if row.type == "d" and not row.path.startswith(b"/chain/"):
            here = tree
            for name in row.path[1:].split(b"/"):
                here = here.setdefault(name, {})
    return tree


@pytest.mark.parametrize("destination", [b"", b"to/here"])
def test_a_tree_in_place_is_the_restored_tree_in_every_field(destination):
    with disk({}, {}) as place:
        crawled.make_pitfalls(Path(os.fsdecode(place.restored)))
        expected = rows_by_path(place.restored)
        assert place.place(destination=destination).complete
        assert place.finish() == Finished(gone=True, removed=0, kept=0, problems=())
        assert rows_by_path(os.path.join(place.root, destination)) == expected


def test_a_tree_merged_into_its_directories_with_replace_is_the_restored_tree_in_every_field(monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 100)
    with disk({}, {}) as place:
        crawled.make_pitfalls(Path(os.fsdecode(place.restored)))
        expected = rows_by_path(place.restored)
        trees.build(place.root, directories_only(place.restored))
        totals = place.place(on_conflict="replace")
        assert totals.complete
        merged = [row for row in expected.values() if row.type == "d" and row.path.count(crawled.LONG) == 0]
        assert totals.merged == 1 + len(merged)  # and the restored directory itself
        assert place.finish().gone
        found = rows_by_path(place.root)
        assert found.keys() == expected.keys()
        for path, row in expected.items():
            same = row._replace(inode=found[path].inode, size=found[path].size) if row in merged else row
            assert found[path] == same


names = st.binary(min_size=1, max_size=255).filter(
    lambda name: not set(name) & {0, 47} and name not in (b".", b"..", RESTORED)
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(names, min_size=1, max_size=4), names, st.sampled_from(["fail", "skip", "rename", "replace"]))
def test_any_names_are_placed_and_reported_unchanged(path, other, policy):
    tree: trees.Tree = {other: b"content"}
    for name in reversed(path):
        tree = {name: tree}
    with disk(tree, {}) as place:
        assert place.place([b"/".join([*path, other])], policy) == PlaceTotals(placed=1)
        assert place.reports == [Placed(b"/".join([*path, other]), b"/".join([*path, other]), "placed", "")]
        assert place.live() == tree
        assert place.finish([b"/".join([*path, other])]).gone


def test_names_like_tidemarks_own_are_placed():
    tree: trees.Tree = {
        b".tidemark-staging": {b"journal": b"1"},
        b".tidemark-journal": b"2",
        b"below": {b".tidemark-1": b"3"},
    }
    with disk(tree, {}) as place:
        place.place()
        assert place.live() == tree
        assert place.finish().gone


@AS_ROOT
def test_missing_directories_above_an_item_get_the_attributes_of_their_restored_counterparts():
    with disk({b"home": {b"ann": {b"a.txt": b"a", b"b.txt": b"b"}}}, {}) as place:
        for path, mode, owner, group, mtime in (
            (b"home/ann", 0o2555, 1001, 1002, 1_234_567_890_123_456_789),
            (b"home", 0o1751, 2001, 2002, -1_000_000_001),
        ):
            os.chown(os.path.join(place.restored, path), owner, group)
            os.chmod(os.path.join(place.restored, path), mode)
            os.utime(os.path.join(place.restored, path), ns=(5, mtime))
        assert place.place([b"home/ann/a.txt"], destination=b"to/here").complete
        home = os.stat(os.path.join(place.root, b"to/here/home"))
        ann = os.stat(os.path.join(place.root, b"to/here/home/ann"))
        assert (stat.S_IMODE(home.st_mode), home.st_uid, home.st_gid) == (0o1751, 2001, 2002)
        assert (stat.S_IMODE(ann.st_mode), ann.st_uid, ann.st_gid) == (0o2555, 1001, 1002)
        assert (home.st_mtime_ns, ann.st_mtime_ns) == (-1_000_000_001, 1_234_567_890_123_456_789)
        for path in (b"to", b"to/here"):
            status = os.stat(os.path.join(place.root, path))
            assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o755, 0)


def test_an_existing_directory_keeps_its_attributes_unless_it_is_replaced():
    restored: trees.Tree = {b"above": {b"item": {b"new": b"1"}}}
    live: trees.Tree = {b"above": {b"item": {b"own": b"2"}}}
    for policy in ("fail", "skip", "rename", "replace"):
        with disk(restored, live) as place:
            place.place([b"above/item"], policy)
            found = trees.marks(place.live())
            assert found[b"above",][0] == trees.LIVE_MODE
            if policy == "replace":
                assert found[b"above", b"item"] == trees.mark_of((b"above", b"item"))
            else:
                assert found[b"above", b"item"][0] == trees.LIVE_MODE


def test_two_names_of_one_file_remain_names_of_one_file():
    with disk({b"d": {b"a": b"content"}}, {b"d": {b"x": b""}}) as place:
        os.link(os.path.join(place.restored, b"d/a"), os.path.join(place.restored, b"d/b"))
        assert place.place([b"d"]) == PlaceTotals(placed=2, merged=1)
        a, b = (os.stat(os.path.join(place.root, b"d", name)) for name in (b"a", b"b"))
        assert (a.st_ino, a.st_nlink) == (b.st_ino, 2)


def test_a_target_that_is_already_the_same_file_is_placed_under_every_policy():
    for policy in ("fail", "skip", "rename", "replace"):
        with disk({b"d": {b"a": b"content"}}, {b"d": {}}) as place:
            os.link(os.path.join(place.restored, b"d/a"), os.path.join(place.root, b"d/a"))
            place.place([b"d"], policy)
            assert place.outcomes() == {b"d": "merged", b"d/a": "placed"}
            assert place.live() == {b"d": {b"a": b"content"}}
            assert place.left() == {}


def test_a_renamed_entry_gets_the_first_free_name():
    live: trees.Tree = {b"a": b"1", b"a.restored": b"2", b"a.restored-2": {}, b"d": b"3"}
    with disk({b"a": b"new", b"d": {b"e": b"4"}}, live) as place:
        place.place([b"a", b"d"], "rename")
        assert place.live() == {**live, b"a.restored-3": b"new", b"d.restored": {b"e": b"4"}}
        assert {report.target for report in place.reports} == {b"a.restored-3", b"d.restored"}


def test_two_long_names_with_one_shortened_form_are_both_placed():
    tree: trees.Tree = {
        b"n" * 254 + b"1": b"1",
        b"n" * 254 + b"2": b"2",
        b"d" * 254 + b"1": {},
        b"d" * 254 + b"2": {},
    }
    live: trees.Tree = dict.fromkeys(tree, b"live")
    with disk(tree, live) as place:
        assert place.place(on_conflict="rename") == PlaceTotals(renamed=4, merged=1)
        found = place.live()
        assert len(found) == 8
        assert sorted(map(repr, found.values())) == sorted(map(repr, [*live.values(), *tree.values()]))


@given(
    st.binary(min_size=1, max_size=255) | st.text(min_size=1, max_size=255).map(str.encode),
    st.integers(1, 1000),
)
def test_a_name_with_a_suffix_fits_and_remains_utf8(name, number):
    name = name[:255]
    suffixed = name_with_suffix(name, b".restored-20261129T153000Z", number)
    assert len(suffixed) <= 255
    stem, _, end = suffixed.rpartition(b".restored-20261129T153000Z")
    assert end == (b"" if number == 1 else b"-%d" % number)
    assert name.startswith(stem)
    assert len(stem) >= min(len(name), 255 - len(b".restored-20261129T153000Z-1000") - 3)
    if is_utf8(name):
        assert is_utf8(suffixed)


def test_an_item_that_was_not_restored_fails_and_creates_nothing():
    with disk({b"a": {b"b": b""}, b"file": b""}, {}) as place:
        totals = place.place([b"a/missing", b"missing/below", b"file/below", b"a/b/below"], destination=b"to")
        assert totals == PlaceTotals(failed=4)
        assert {report.reason for report in place.reports} == {"not in the restored directory"}
        assert place.live() == {}


def test_placing_again_reports_what_was_placed_before_and_what_was_never_restored():
    with disk({b"a": b"1", b"d": {b"b": b"2"}}, {b"d": {}}) as place:
        items = [b"a", b"d", b"missing"]
        first, reports = place.place(items), sorted(place.reports, key=repr)
        assert place.place(items) == first
        assert sorted(place.reports, key=repr) == reports


def test_a_placement_of_other_items_reports_only_those():
    with disk({b"a": b"1", b"ab": b"2", b"d": {b"b": b"3", b"c": b"4"}}, {b"d": {}}) as place:
        place.place([b"a", b"d/b"])
        assert place.place([b"ab"]) == PlaceTotals(placed=1)
        assert place.place([b"d"]) == PlaceTotals(placed=2, merged=1)
        assert place.outcomes() == {b"d": "merged", b"d/b": "placed", b"d/c": "placed"}


def test_what_conflicts_left_is_placed_with_another_policy():
    restored: trees.Tree = {b"d": {b"a": b"new", b"b": b"2"}, b"unwanted": {b"c": b"3"}}
    with disk(restored, {b"d": {b"a": b"old"}}) as place:
        assert place.place([b"d"]) == PlaceTotals(conflict=1, placed=1, merged=1)
        finished = place.finish([b"d"])
        assert (finished.gone, finished.removed, finished.kept) == (False, 2, 1)
        assert place.left() == {b"d": {b"a": b"new"}}
        totals = place.place([b"d"], "replace")
        assert totals == PlaceTotals(replaced=1, placed=1, merged=1)
        assert trees.marks(place.live()) == {(b"d",): trees.mark_of((b"d",))}
        assert place.finish([b"d"]).gone
        assert place.live() == {b"d": {b"a": b"new", b"b": b"2"}}


def test_only_what_was_not_asked_for_is_removed():
    restored: trees.Tree = {b"a": {b"b": {b"c": b"1"}, b"x": b"2"}, b"y": {b"z": "a"}, b"link": "/etc"}
    with disk(restored, {b"a": b"live"}) as place:
        place.place([b"a/b"])
        assert place.finish([b"a/b"]).removed == 4
        assert place.left() == {b"a": {b"b": {b"c": b"1"}}}
        assert place.live() == {b"a": b"live"}


def test_removing_follows_no_link_and_finishing_twice_is_the_same():
    with disk(
        {b"a": {b"out": "../../outside"}, b"out": "../outside"}, {b"outside": {b"kept": b"1"}}
    ) as place:
        assert place.finish([]).gone
        assert place.finish([]).gone
        assert place.live() == {b"outside": {b"kept": b"1"}}
