"""Requests cover all items within the limits, against a count of a tree's entries."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.escape import escape, unescape
from tidemark.index.query.lookup import Subtree
from tidemark.restore.cover import Request, cover, directories_above, requestable
from tidemark.restore.items import METADATA_BYTES, Limits, batches, items_to_restore
from tidemark.restore.plan import Item, outermost

NAMES = st.sampled_from([b"a", b"b", b"a b", b"\xff", b"caf\xc3\xa9", b"\\x41", b"long" * 20, b'"\n'])
AMPLE = Limits(most_items=1000)
Tree = dict[str, tuple[str, int]]  # path -> type and bytes


@st.composite
def trees(draw) -> Tree:
    """A tree whose every entry's directory is there too."""
    tree: Tree = {}
    directories = [b""]
    for _ in range(draw(st.integers(1, 30))):
        path = draw(st.sampled_from(directories)) + b"/" + draw(NAMES)
        if escape(path) not in tree:
            is_directory = draw(st.booleans())
            tree[escape(path)] = ("d", 0) if is_directory else ("f", draw(st.integers(0, 10**10)))
            if is_directory:
                directories.append(path)
    return tree


def below(path: str, tree: Tree) -> dict[str, tuple[str, int]]:
    """Return a path and everything below it."""
    prefix = path.rstrip("/") + "/"
    return {each: entry for each, entry in tree.items() if each == path or each.startswith(prefix)}


def item(path: str, tree: Tree) -> Item:
    entries = below(path, tree)
    kind = tree[path][0] if path != "/" else "d"
    return Item(path=path, type=kind, entries=len(entries), bytes=sum(size for _, size in entries.values()))


def items_of(paths: Iterable[str], tree: Tree) -> list[Item]:
    return [item(path, tree) for path in outermost(paths)]


def subtrees_of(paths: Collection[str], tree: Tree) -> dict[str, Subtree]:
    found = {}
    for path in paths:
        inside = {each: entry for each, entry in below(path, tree).items() if each != path}
        children = sum(each.rpartition("/")[0] == path.rstrip("/") for each in inside)
        found[path] = Subtree(children, len(inside), sum(size for _, size in inside.values()))
    return found


def covered(items, tree, limits, *, is_complete=True) -> tuple[Request, ...]:
    return cover(items, subtrees_of(directories_above(items, limits), tree), limits, is_complete=is_complete)


def wanted(tree: Tree, *, least: int = 1) -> st.SearchStrategy[set[str]]:
    return st.sets(st.sampled_from([*tree, "/"]), min_size=min(least, len(tree) + 1), max_size=12)


LIMITS = st.builds(
    Limits,
    most_items=st.integers(1, 4),
    most_jobs=st.integers(1, 4),
    most_bytes=st.sampled_from([30, 120, 300, 10_000]),
)


@given(data=st.data(), tree=trees(), limits=LIMITS, is_complete=st.booleans())
def test_every_item_is_below_exactly_one_request_within_all_limits(data, tree, limits, is_complete):
    items = items_of(data.draw(wanted(tree)), tree)
    requests = covered(items, tree, limits, is_complete=is_complete)
    paths = [request.path for request in requests]
    for each in items:
        assert sum(path in ("/", each.path) or each.path.startswith(path + "/") for path in paths) == 1
    assert paths == outermost(paths)
    for request in requests:
        assert unescape(request.path).decode()  # valid UTF-8
        entries = below(request.path, tree)
        leading = {path for path in entries if any(each.path.startswith(path + "/") for each in items)}
        assert (request.entries, request.bytes) == (
            len(entries) - len(leading),
            sum(size for _, size in entries.values()),
        )
    if paths == ["/"]:
        return
    jobs = batches(paths, limits)
    assert [path for job in jobs for path in job] == paths
    assert len(jobs) <= limits.most_jobs
    for job in jobs:
        assert 0 < len(job) <= limits.most_items
        sent = json.dumps({"ItemsToRestore": items_to_restore(job)}, separators=(",", ":"))
        assert len(sent) <= limits.most_bytes + len('{"ItemsToRestore":""}')


@given(data=st.data(), tree=trees())
def test_within_ample_limits_nothing_but_the_items_is_restored(data, tree):
    tree = {path: entry for path, entry in tree.items() if "\\xff" not in path}
    if not tree:
        return
    items = items_of(data.draw(wanted(tree)), tree)
    requests = covered(items, tree, AMPLE)
    of_items = {path for each in items for path in below(each.path, tree)}
    restored = {path for request in requests for path in below(request.path, tree)}
    # Directories that are requested instead of everything in them.
    assert all(tree[path][0] == "d" for path in restored - of_items)
    assert sum(request.entries for request in requests) == sum(each.entries for each in items)
    assert sum(request.bytes for request in requests) == sum(each.bytes for each in items)
    assert len(requests) <= len(items)


@given(data=st.data(), tree=trees(), limits=LIMITS)
def test_the_requests_do_not_depend_on_the_order_of_the_items(data, tree, limits):
    items = items_of(data.draw(wanted(tree)), tree)
    shuffled = data.draw(st.permutations(items))
    assert covered(items, tree, limits) == covered(shuffled, tree, limits)


def files(*paths: str, size: int = 1) -> Tree:
    """Return a tree of files and their directories."""
    tree: Tree = {}
    for path in paths:
        at = path.rpartition("/")[0]
        while at:
            tree[at] = ("d", 0)
            at = at.rpartition("/")[0]
        tree[path] = ("f", size)
    return tree


def requested(paths, tree, limits=AMPLE, **options) -> list[str]:
    return [request.path for request in covered(items_of(paths, tree), tree, limits, **options)]


def test_everything_in_a_directory_is_requested_as_the_directory():
    tree = files("/a/b/1", "/a/b/2", "/a/c/3", "/d/4")
    assert requested(["/a/b/1", "/a/b/2"], tree) == ["/a/b"]
    assert requested(["/a/b/1", "/a/b/2", "/a/c/3"], tree) == ["/a"]
    assert requested(["/a/b/1", "/a/c/3"], tree) == ["/a/b/1", "/a/c/3"]
    assert requested(["/a/b/1"], tree) == ["/a/b/1"]


def test_the_whole_point_is_requested_only_by_its_name():
    tree = files("/a/1", "/b/2")
    assert requested(["/a", "/b"], tree) == ["/a", "/b"]
    assert requested(["/", "/a"], tree) == ["/"]


def test_a_directory_that_the_index_may_not_know_completely_is_not_requested_for_its_content():
    tree = files("/a/b/1", "/a/b/2")
    assert requested(["/a/b/1", "/a/b/2"], tree, is_complete=False) == ["/a/b/1", "/a/b/2"]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/a/b", "/a/b"),
        (b"/a/\xff", "/a"),
        (b"/a/\xff/b", "/a"),
        (b"/\xff/b", "/"),
        (b"/a/b/\xffc/d/\xff", "/a/b"),
        (b"/a/\\xff/b", r"/a/\x5cxff/b"),  # a backslash and three letters are valid
        (b"/", "/"),
    ],
)
def test_the_deepest_directory_that_is_utf8_replaces_a_path_that_is_not(raw, path):
    assert requestable(escape(raw), AMPLE) == path


def test_a_path_longer_than_the_metadata_is_replaced_by_a_directory():
    deep = "/" + "/".join(["d" * 255] * 900)
    found = requestable(deep, AMPLE)
    assert deep.startswith(found + "/")
    assert len(found) < METADATA_BYTES < len(found) + 300


def test_paths_are_sent_as_json_text_without_escapes_of_the_index():
    assert json.loads(items_to_restore([r"/a/\x5cx41", '/é/"', "/*"])) == [r"/a/\x41", '/é/"', "/*"]


def test_the_cheapest_directories_are_merged_first():
    small = [f"/small/{number}" for number in range(4)]
    large = [f"/large/{number}" for number in range(4)]
    tree = files(*small, *large, "/small/other") | {"/large/other": ("f", 10**12)}
    limits = Limits(most_items=5, most_jobs=1)
    assert requested([*small, *large], tree, limits) == [*large, "/small"]
    assert requested([*small, *large], tree, Limits(most_items=1, most_jobs=2)) == ["/large", "/small"]
    assert requested([*small, *large], tree, Limits(most_items=1, most_jobs=1)) == ["/"]


def test_many_small_directories_are_preferred_to_a_large_one_above_them():
    wanted_files = [f"/home/{user}/mail/{number}" for user in range(6) for number in range(3)]
    others = [f"/home/{user}/mail/other" for user in range(6)]
    tree = files(*wanted_files, *others) | {"/home/archive": ("f", 10**13)}
    limits = Limits(most_items=3, most_jobs=2)
    assert requested(wanted_files, tree, limits) == [f"/home/{user}/mail" for user in range(6)]


def test_what_a_merged_directory_already_restores_adds_no_time_to_the_directory_above_it():
    wanted_files = [f"/p/q/{number}" for number in range(4)] + ["/p/r", "/z/1", "/z/2"]
    tree = files(*wanted_files)
    tree |= {"/p/q/more": ("f", 10 * 10**9), "/p/more": ("f", 6 * 10**9), "/z/more": ("f", 8 * 10**9)}
    # /p/q is the cheapest, with 10 GB for three requests. Then /p adds 6 GB, and /z would add 8 GB.
    assert requested(wanted_files, tree, Limits(most_items=3, most_jobs=1)) == ["/p", "/z/1", "/z/2"]


def test_characters_that_json_escapes_count_with_their_escapes():
    name = "\N{WATER WAVE}" * 10
    fits = Limits(most_items=1, most_bytes=len(json.dumps(json.dumps([f"/a/{name}"], ensure_ascii=False))))
    assert requestable(f"/a/{name}", fits) == f"/a/{name}"
    assert requestable(f"/a/{name}/{name}", fits) == f"/a/{name}"
    assert requestable(f"/a/{name}", Limits(most_items=1, most_bytes=60)) == "/a"


def test_no_paths_are_one_job_of_the_whole_point():
    assert batches((), AMPLE) == [()]


def test_many_items_in_many_directories_fit_into_twenty_jobs():
    random_paths = random.Random(1)  # noqa: S311 - any numbers
    paths = {
        f"/home/{random_paths.randrange(200)}/{random_paths.randrange(50)}/{number}"
        for number in range(10_000)
    }
    tree = files(*paths)
    children: dict[str, Subtree] = {}
    for path in tree:
        at = path
        while at:
            at = at.rpartition("/")[0]
            before = children.get(at or "/", Subtree(0, 0, 0))
            direct = path.rpartition("/")[0] == at
            children[at or "/"] = Subtree(
                before.children + direct + 1, before.entries + 1, before.bytes + tree[path][1]
            )
    items = [Item(path=path, type="f", entries=1, bytes=1) for path in sorted(paths)]
    limits = Limits(most_items=5)
    requests = cover(items, children, limits, is_complete=True)
    assert len(batches([request.path for request in requests], limits)) <= limits.most_jobs
