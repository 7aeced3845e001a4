"""Whatever operation a placement ends at, another call leads to the same end as if nothing had happened."""

from __future__ import annotations

import os
import tempfile
from errno import EMLINK, EPERM

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.restore import trees
from tests.restore.crashes import MOMENTS, Moment, crashing
from tests.restore.placing import Disk, disk
from tidemark.restore import placement

POLICIES = ("fail", "skip", "rename", "replace")

RESTORED_TREE: trees.Tree = {
    b"file": b"restored file",
    b"link": "restored",
    b"same": b"restored same",
    b"whole": {b"one": b"1", b"below": {b"two": b"2"}},
    b"merged": {
        b"new": b"new",
        b"old": b"restored old",
        b"link": "restored",
        b"below": {b"three": b"3", b"four": b"restored four"},
        b"file or directory": {b"five": b"5"},
        b"directory or file": b"6",
        b"empty": {},
    },
    b"unwanted": {b"seven": b"7", b"wanted": {b"eight": b"8"}},
}
LIVE_TREE: trees.Tree = {
    b"same": b"live same",
    b"merged": {
        b"old": b"live old",
        b"link": "live",
        b"below": {b"four": b"live four", b"own": b"own"},
        b"file or directory": b"live",
        b"directory or file": {b"own": b"own"},
        b"empty": {},
    },
}
ITEMS = {
    (b"file",),
    (b"link",),
    (b"same",),
    (b"whole",),
    (b"merged",),
    (b"unwanted", b"wanted"),
    (b"missing",),
}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Several chunks in one directory. Nothing is flushed, because the machine of the tests does not end."""
    monkeypatch.setattr(placement, "CHUNK", 2)
    monkeypatch.setattr(placement, "THREADS", 1)
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    if os.path.isdir("/dev/shm"):
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # in memory


@pytest.fixture(params=["links", "refused links"])
def _links(request, monkeypatch):
    """A server that links everything, and one that refuses symbolic links and the files of two names."""
    if request.param == "refused links":
        monkeypatch.setattr(os, "link", refusing(os.link))


def refusing(link):
    def refused(source, target, **options):
        if (
            os.stat(source, dir_fd=options["src_dir_fd"], follow_symlinks=False).st_mode & 0o170000
            == 0o120000
        ):
            raise OSError(EPERM, os.strerror(EPERM))
        if source in (b"new", b"file"):
            raise OSError(EMLINK, os.strerror(EMLINK))
        link(source, target, **options)

    return refused


def joined(items: set[trees.Path]) -> list[bytes]:
    return [b"/".join(item) for item in items]


def assert_as_the_model(place: Disk, model: trees.Model) -> None:
    live, left = place.live(), place.left()
    assert live == model.live
    assert left == model.restored
    assert place.outcomes() == model.outcomes
    found = trees.marks(live)
    expected = {path: mark for path, mark in trees.marks(model.live).items() if mark is not None}
    assert {path: found[path] for path in expected} == expected
    assert os.listdir(os.path.join(place.restored, control(place), b"staging")) == []


def control(place: Disk) -> bytes:
    [name] = [name for name in os.listdir(place.restored) if name.startswith(b".tidemark-")]
    return name


def every_file(tree: trees.Tree) -> list[bytes | str]:
    return sorted(
        (file for node in tree.values() for file in (every_file(node) if isinstance(node, dict) else [node])),
        key=repr,
    )


def assert_nothing_lost(place: Disk, restored: trees.Tree, live: trees.Tree, policy: str) -> None:
    """Every file is in the restored directory or in the tree, unless the policy discards one of two."""
    there = [*every_file(place.live()), *every_file(place.left())]
    if policy != "replace":
        assert set(every_file(live)) <= set(there)
    if policy != "skip":
        assert set(every_file(restored)) <= set(there)


@pytest.mark.usefixtures("_links")
@pytest.mark.parametrize("destination", [(), (b"to", b"here")])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_placement_does_what_the_model_does(policy, destination):
    model = trees.Model(RESTORED_TREE, LIVE_TREE, policy)
    model.place(ITEMS, destination)
    with disk(RESTORED_TREE, LIVE_TREE) as place:
        place.place(joined(ITEMS), policy, b"/".join(destination))
        assert_as_the_model(place, model)


@pytest.mark.usefixtures("_links")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_placement_that_ends_at_any_operation_is_completed_by_another(policy: str, moment: Moment):
    model = trees.Model(RESTORED_TREE, LIVE_TREE, policy)
    model.place(ITEMS, ())
    at = 0
    while True:
        with disk(RESTORED_TREE, LIVE_TREE) as place:
            with crashing(at, moment) as crashes:
                place.place(joined(ITEMS), policy)
            if not crashes.dead:
                break
            assert_nothing_lost(place, RESTORED_TREE, LIVE_TREE, policy)
            with crashing(at % 7, moment):
                place.place(joined(ITEMS), policy)
            place.place(joined(ITEMS), policy)
            assert_as_the_model(place, model)
        at += 1
    assert at > 30


@pytest.mark.parametrize("policy", POLICIES)
def test_a_placement_that_ends_while_threads_place_entries_is_completed_by_another(policy, monkeypatch):
    monkeypatch.setattr(placement, "CHUNK", 16)
    monkeypatch.setattr(placement, "THREADS", 4)
    model = trees.Model(RESTORED_TREE, LIVE_TREE, policy)
    model.place(ITEMS, ())
    at = 0
    while True:
        with disk(RESTORED_TREE, LIVE_TREE) as place:
            with crashing(at, MOMENTS[at % 3]) as crashes:
                place.place(joined(ITEMS), policy)
            if not crashes.dead:
                break
            assert_nothing_lost(place, RESTORED_TREE, LIVE_TREE, policy)
            place.place(joined(ITEMS), policy)
            assert_as_the_model(place, model)
        at += 1
    assert at > 20


def nodes() -> st.SearchStrategy[trees.Tree]:
    names = st.sampled_from([b"a", b"b", b"c", b"\xff\n"])
    contents = st.binary(max_size=2) | st.sampled_from(["a", "../b", "/etc"])
    return st.recursive(
        st.dictionaries(names, contents, max_size=3),
        lambda below: st.dictionaries(names, contents | below, max_size=3),
        max_leaves=8,
    )


def paths_of(tree: trees.Tree, path: trees.Path = ()) -> list[trees.Path]:
    return [
        path,
        *(
            found
            for name, node in tree.items()
            for found in (paths_of(node, (*path, name)) if isinstance(node, dict) else [(*path, name)])
        ),
    ]


@st.composite
def placements(draw):
    restored, live = draw(nodes()), draw(nodes())
    wanted = draw(st.sets(st.sampled_from([*paths_of(restored), (b"a", b"missing")]), min_size=1, max_size=3))
    items = {item for item in wanted if not any(item[:n] in wanted for n in range(len(item)))}
    return (
        restored,
        live,
        items,
        draw(st.sampled_from([(), (b"a",), (b"to", b"b")])),
        draw(st.sampled_from(POLICIES)),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(placements(), st.sampled_from(MOMENTS), st.integers(0, 100), st.integers(0, 30))
def test_any_trees_are_placed_as_by_the_model_after_two_interruptions(placement_, moment, first, second):
    restored, live, items, destination, policy = placement_
    model = trees.Model(restored, live, policy)
    model.place(items, destination)
    arguments = (joined(items), policy, b"/".join(destination))
    with disk(restored, live) as place:
        with crashing(None) as counting, disk(restored, live) as other:
            before = counting.count
            other.place(*arguments)
            operations = counting.count - before
        for at in (first % (operations + 1), second):
            with crashing(at, moment):
                place.place(*arguments)
            assert_nothing_lost(place, restored, live, policy)
        place.place(*arguments)
        assert_as_the_model(place, model)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("policy", ["fail", "replace"])
def test_finishing_that_ends_at_any_operation_is_completed_by_another(policy, moment):
    model = trees.Model(RESTORED_TREE, LIVE_TREE, policy)
    model.place(ITEMS, ())
    at = 0
    while True:
        with disk(RESTORED_TREE, LIVE_TREE) as place:
            place.place(joined(ITEMS), policy)
            with crashing(at, moment) as crashes:
                place.finish(joined(ITEMS))
            if not crashes.dead:
                break
            place.finish(joined(ITEMS))
            assert place.live() == model.live
            model.restored.pop(b"unwanted", None)
            assert os.path.exists(place.restored)  # conflicts remain
            assert place.left() == model.restored
        at += 1
    assert at >= 5


def test_finishing_a_complete_placement_that_ends_at_any_operation_is_completed_by_another():
    at = 0
    while True:
        with disk(RESTORED_TREE, {}) as place:
            assert place.place([b"file"]).complete
            with crashing(at, "after") as crashes:
                place.finish([b"file"])
            if not crashes.dead:
                break
            assert place.finish([b"file"]).gone
            assert os.listdir(place.root) == [b"file"]
        at += 1
    assert at > 10
