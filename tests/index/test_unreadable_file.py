"""Unreadable paths never count as removed: changes, history and diff, compared with a top-down model."""

from __future__ import annotations

import hashlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crawl.trees import Row
from tests.index.building import RowsCrawl, directory, identity_of, index_crawl, row
from tests.index.test_side_files import side_file
from tidemark.crawl.batch import Problem
from tidemark.escape import escape, unescape
from tidemark.index.files import changes, history_log
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.diff import diff
from tidemark.index.query.history import history
from tidemark.index.query.verify import verify
from tidemark.index.storage.catalog import read_manifest
from tidemark.index.storage.object_store import FileStore

NAMES = [b"a", b"a b", b"b", b"\xff"]
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EIO, EACCES = 5, 13


@st.composite
def trees(draw) -> list[Row]:
    """A tree of few names, so that a path often exists again, and often with another type."""
    rows, directories = [], [b""]
    for path in draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(NAMES)), max_size=14)):
        parent = directories[path[0] % len(directories)]
        whole = parent + b"/" + path[1]
        if whole in {each.path for each in rows}:
            continue
        kind = draw(st.sampled_from("dddfl"))
        target = b"t%d" % draw(st.integers(0, 1)) if kind == "l" else b""
        rows.append(row(whole, type=kind, size=draw(st.integers(0, 1)), target=target))
        if kind == "d":
            directories.append(whole)
    return rows


@st.composite
def crawls(draw) -> tuple[list[Row], list[Problem]]:
    """The result of a crawl of a tree in which some paths are unreadable."""
    tree = draw(trees())
    problems: list[Problem] = []
    hidden: set[bytes] = set()  # and all below
    for each in tree:
        if draw(st.integers(0, 1 if each.type == "l" else 3)):
            continue
        inside = [other.path for other in tree if other.path.rpartition(b"/")[0] == each.path]
        how = draw(st.sampled_from(["open", "readdir", "stat"] if each.type == "d" else ["stat", "readlink"]))
        if how == "readlink" and each.type != "l":
            continue
        slash = b"/" if how in ("open", "readdir") else b""
        problems.append(Problem.seen(each.path + slash, how, EACCES if how == "open" else EIO))
        if how == "stat":
            hidden.add(each.path)
        elif how == "open":
            hidden.update(inside)
        elif how == "readdir" and inside:
            hidden.update(draw(st.lists(st.sampled_from(inside), unique=True)))
    links = {each.path for each in problems if each.operation == "readlink"}
    found = [
        each._replace(target=b"") if each.path in links else each
        for each in tree
        if not any(each.path == other or each.path.startswith(other + b"/") for other in hidden)
    ]
    there = {each.path for each in found}
    # A crawl finds nothing below an unreadable directory.
    met = [
        each
        for each in problems
        if each.path.rstrip(b"/") in there
        or (each.operation == "stat" and each.path.rpartition(b"/")[0] in {*there, b""})
    ]
    return found, [each for each in met if not _below_closed(each.path.rstrip(b"/"), problems)]


def _below_closed(path: bytes, problems: list[Problem]) -> bool:
    return any(each.operation == "open" and path.startswith(each.path) for each in problems)


def could_not_read(path: bytes, found: dict[bytes, Row], problems: list[Problem]) -> bool:
    """Walk down to a path that was not found, as the crawl did."""
    refused = {each.path.rstrip(b"/"): each.operation for each in problems if each.kind == "unreadable"}
    names = path.split(b"/")[1:]
    at = b""
    for name in names:
        whole_listing = refused.get(at) not in ("open", "readdir")
        at += b"/" + name
        if at not in found:
            return not whole_listing or refused.get(at) == "stat"
        if found[at].type != "d":
            return False
    return False


def content(each: Row | None) -> tuple | None:
    return each and (each.type, each.size, each.target)


def known_after(known: dict, found: list[Row], problems: list[Problem]) -> dict[bytes, tuple[tuple, bool]]:
    """Return the last known row of each path, and whether it is only kept."""
    by_path = {each.path: each for each in found}
    after = {path: (content(each), False) for path, each in by_path.items()}
    for path, (was, _) in known.items():
        unread_link = path in after and after[path][0][0] == "l" and not after[path][0][2]
        if (unread_link and was[:2] == after[path][0][:2]) or (
            path not in after and could_not_read(path, by_path, problems)
        ):
            after[path] = was, True
    return after


def entry_content(entry) -> tuple | None:
    return entry and (entry.type, entry.size, unescape(entry.target or ""))


def row_content(each: dict) -> tuple:
    return each["type"], each["size"], unescape(each["target"] or "")


def path_of(each: dict) -> bytes:
    return unescape(each["parent"] + each["name"])


@MANY
@given(data=st.data(), group=st.integers(1, 5), span=st.integers(1, 3))
def test_unreadable_rows_are_kept_until_the_path_is_read_again(
    tmp_path_factory, monkeypatch, data, group, span
):
    monkeypatch.setattr(history_log, "SPAN", span)
    monkeypatch.setattr(changes, "_ROW_GROUP_ROWS", data.draw(st.integers(1, 5)))
    scratch = tmp_path_factory.mktemp("unreadable")
    store = FileStore(scratch / "repository")
    made: list[Manifest] = []
    states: list[dict] = []
    seen: list[tuple[dict[bytes, Row], list[Problem]]] = []
    for number in range(data.draw(st.integers(2, 4))):
        found, problems = data.draw(crawls())
        manifest = index_crawl(
            store,
            scratch,
            RowsCrawl(found, problems),
            number=number,
            row_group_rows=group,
            part_rows=2 * group,
        )
        made.append(manifest)
        seen.append(({each.path: each for each in found}, problems))
        known = states[-1] if states else {}
        states.append(known_after(known, found, problems))
        if number:
            check_changes(store, manifest, known, states[-1])
        assert list(verify(store, manifest)) == []
    for first in range(len(made)):
        for second in range(len(made)):
            if first != second:
                under = data.draw(st.sampled_from(["/", "/a", "/a/a", "/b"]))
                check_diff(
                    store, made[first], made[second], states[first], states[second], seen[second], under
                )
    for path in {path for each in states for path in each}:
        expected = []
        for state in states:
            now = state.get(path, (None, False))
            if (now[0] is not None or expected) and (not expected or expected[-1] != now):
                expected.append(now)
        assert read_history(store, path, len(made)) == expected
        with monkeypatch.context() as without_logs:
            without_logs.setattr(history_log.Log, "of", lambda *_: None)
            assert read_history(store, path, len(made)) == expected


def read_history(store, path, count):
    found = history(store, [identity_of(number) for number in range(count)], escape(path))
    assert sum(len(each.indexes) for each in found) <= count
    return [(entry_content(each.entry), each.unreadable) for each in found]


def check_changes(store, manifest, before, after):
    standing = {path_of(each): row_content(each) for each in standing_rows(store, manifest)}
    assert standing == {path: what for path, (what, unread) in after.items() if unread}
    assert manifest.changes.unreadable == len(standing)
    expected = {}
    for path in before | after:
        was, (now, unread) = before.get(path, (None, False))[0], after.get(path, (None, False))
        if not unread and was != now:
            expected[path] = ("D", was) if now is None else ("A" if was is None else "M", now)
    found = side_file(store, manifest, "changes.parquet")
    assert {path_of(each): (each["op"], row_content(each)) for each in found} == expected
    assert [manifest.changes.added, manifest.changes.modified, manifest.changes.deleted] == [
        [op for op, _ in expected.values()].count(op) for op in "AMD"
    ]


def standing_rows(store, manifest):
    if manifest.side_file("unreadable.parquet") is None:
        return []
    return side_file(store, manifest, "unreadable.parquet")


def check_diff(store, first, second, before, after, seen, under):
    expected = {}
    for path in before | after:
        if under != "/" and not path.startswith(under.encode() + b"/"):
            continue
        was, (now, unread) = before.get(path, (None, False))[0], after.get(path, (None, False))
        if unread:
            expected[path] = "unreadable", now
        elif (now is None and could_not_read(path, *seen)) or (
            was and now == ("l", was[1], b"") and was[0] == "l"
        ):
            expected[path] = (
                "unreadable",
                was,
            )  # removed below an unreadable directory, or a link that differs only in its unreadable target
        elif was != now:
            expected[path] = ("removed", was) if now is None else ("changed" if was else "added", now)
    if (
        second.previous_index_id == first.index_id
    ):  # the list of changes contains rows that the index does not
        expected = {
            path: each for path, each in expected.items() if each[0] != "unreadable" or after.get(path)
        }
    found = list(diff(store, first, second, under=under))
    assert {unescape(each.entry.path): (each.kind, entry_content(each.entry)) for each in found} == expected
    keys = [(each.entry.parent, each.entry.name) for each in found]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys))


def test_logs_and_manifests_of_earlier_versions_are_read_and_continued(store, tmp_path, monkeypatch):
    tree = [directory("/d"), row("/d/a"), row("/x", size=1)]
    with monkeypatch.context() as before:
        before.setattr(history_log, "HISTORY_SCHEMA", history_log._FIRST_SCHEMA)
        for number in range(2):  # the second has the first log
            index_crawl(store, tmp_path, RowsCrawl([*tree[:2], row("/x", size=number)]), number=number)
    old = read_manifest(store, identity_of(1))
    assert Manifest.from_json(_without_unreadable(old), "").changes == old.changes
    refused = [Problem.seen(b"/d/", "open", EACCES)]
    index_crawl(store, tmp_path, RowsCrawl([tree[0]], refused), number=2)
    index_crawl(store, tmp_path, RowsCrawl(tree), number=3)
    usual = ("f", 10, b"")
    assert read_history(store, b"/d/a", 4) == [(usual, False), (usual, True), (usual, False)]
    assert read_history(store, b"/x", 4) == [
        *((("f", size, b""), False) for size in range(2)),
        (None, False),
        (("f", 1, b""), False),
    ]


def _without_unreadable(manifest: Manifest) -> bytes:
    content = json.loads(manifest.to_json())
    del content["changes"]["unreadable"], content["manifest_sha256"]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps({**content, "manifest_sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_history_across_an_index_without_changes_keeps_unreadable_paths(store, tmp_path):
    """If the previous index is damaged, only errors.parquet records unreadable paths."""
    tree = [directory("/d"), row("/d/a"), directory("/d/sub"), row("/d/sub/b")]
    first = index_crawl(store, tmp_path, RowsCrawl(tree), number=0)
    part = store._directory / first.identity.prefix / "part-00000.parquet"
    body = part.read_bytes()
    part.write_bytes(b"nothing")
    refused = [Problem.seen(b"/d/", "readdir", EIO)]
    second = index_crawl(store, tmp_path, RowsCrawl([tree[0], tree[2]], refused), number=1)
    assert second.changes is None
    part.write_bytes(body)
    usual = ("f", 10, b"")
    assert read_history(store, b"/d/a", 2) == [(usual, False), (usual, True)]
    assert read_history(store, b"/d/sub/b", 2) == [(usual, False), (None, False)]  # its directory was listed
    found = {each.entry.path: each.kind for each in diff(store, first, second)}
    assert found == {"/d/a": "unreadable", "/d/sub/b": "removed"}
