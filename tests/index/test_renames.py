from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.building import directory, index_rows, row
from tidemark.index.format.entry import Entry
from tidemark.index.query.diff import Change, by_directory, diff
from tidemark.index.query.renames import with_renames


def entry(path: str, **fields: object) -> Entry:
    parent, _, name = path.rpartition("/")
    usual = {
        "type": "f", "size": 1, "mtime_us": 1, "ctime_us": 1, "uid": 0, "gid": 0, "mode": 0o644,
        "nlink": 1, "inode": None, "target": None, "ext": None,
    }  # fmt: skip
    return Entry(parent=f"{parent}/", name=name, **usual | fields)


def folder(path: str, inode: int | None, **fields: object) -> Entry:
    return entry(path, **{"type": "d", "nlink": 2, "inode": inode, **fields})


def differences(first: list[Entry], second: list[Entry]) -> list[Change]:
    """Return the result of `diff`, by comparing every path."""
    was, now = ({each.path: each for each in entries} for entries in (first, second))
    return [
        Change(kind="added", entry=now[path])
        if path not in was
        else Change(kind="removed", entry=was[path])
        if path not in now
        else Change(kind="changed", entry=now[path])
        for path in sorted(was | now)
        if was.get(path) != now.get(path)
    ]


def summarized(changes: list[Change]) -> list[tuple[str, str, str | None, int | None]]:
    return [(each.kind, each.entry.path, each.before, each.entries) for each in changes]


def test_entries_below_a_renamed_directory_moved_with_it(store, tmp_path):
    first = index_rows(
        store,
        tmp_path,
        [
            directory("/old", inode=5),
            directory("/old/deep", inode=6),
            row("/old/deep/f"),
            row("/old/f", type="l", target=b"deep"),
            row("/gone", size=3),
        ],
    )
    second = index_rows(
        store,
        tmp_path,
        [
            directory("/new", inode=5),
            directory("/new/deep", inode=6),
            row("/new/deep/f"),
            row("/new/f", type="l", target=b"deep"),
        ],
        number=2,
    )
    changes = with_renames(diff(store, first, second))
    assert summarized(changes) == [("removed", "/gone", None, None), ("renamed", "/new", "/old", 3)]
    sums = by_directory(changes)
    assert (sums["/"].renamed, sums["/"].removed, sums["/"].bytes_removed) == (1, 1, 3)


def test_changes_below_a_renamed_directory_are_reported():
    first = [
        folder("/a", 5),
        folder("/a/d", 6),
        entry("/a/same"),
        entry("/a/grown"),
        entry("/a/gone"),
        entry("/a/kind"),
    ]
    second = [
        folder("/b", 5),
        folder("/b/d", 6, mtime_us=2),
        entry("/b/same"),
        entry("/b/grown", size=2),
        entry("/b/new"),
        entry("/b/kind", type="p"),
    ]
    assert summarized(with_renames(differences(first, second))) == [
        ("removed", "/a/gone", None, None),
        ("removed", "/a/kind", None, None),
        ("renamed", "/b", "/a", 1),
        ("changed", "/b/d", "/a/d", None),
        ("changed", "/b/grown", "/a/grown", None),
        ("added", "/b/kind", None, None),
        ("added", "/b/new", None, None),
    ]


def test_a_directory_renamed_inside_a_renamed_one_is_a_rename_of_its_own():
    first = [folder("/a", 5), folder("/a/s", 6), entry("/a/s/x"), entry("/a/y")]
    second = [folder("/b", 5), folder("/b/t", 6), entry("/b/t/x"), entry("/b/y")]
    assert summarized(with_renames(differences(first, second))) == [
        ("renamed", "/b", "/a", 1),
        ("renamed", "/b/t", "/a/s", 1),
    ]


def test_a_file_is_identified_by_its_inode_if_it_has_several_names_otherwise_by_its_directory():
    linked = {"nlink": 2, "inode": 9}
    first = [folder("/a", 5), entry("/a/x", **linked), entry("/a/y", **linked), entry("/z", nlink=2, inode=7)]
    second = [
        folder("/b", 5),
        entry("/b/x", **linked),
        entry("/b/y", **linked),
        entry("/zz", nlink=2, inode=7),
    ]
    assert summarized(with_renames(differences(first, second))) == [
        ("renamed", "/b", "/a", 2),
        ("renamed", "/zz", "/z", None),
    ]


def test_entries_that_left_a_renamed_directory_did_not_move_with_it():
    first = [folder("/a", 5), entry("/a/x", nlink=2, inode=9)]
    second = [folder("/b", 5), entry("/b/x"), entry("/elsewhere", nlink=2, inode=9)]
    assert summarized(with_renames(differences(first, second))) == [
        ("renamed", "/b", "/a", 0),
        ("added", "/b/x", None, None),
        ("renamed", "/elsewhere", "/a/x", None),
    ]


def test_an_inode_with_two_candidate_names_is_not_a_rename():
    linked = {"nlink": 2, "inode": 9}
    first, second = [entry("/x", **linked), entry("/y", **linked)], [entry("/z", **linked)]
    assert summarized(with_renames(differences(first, second))) == summarized(differences(first, second))


def test_without_inodes_there_are_no_renames():
    first, second = [folder("/a", None), entry("/a/x")], [folder("/b", None), entry("/b/x")]
    assert summarized(with_renames(differences(first, second))) == summarized(differences(first, second))


NAMES = st.sampled_from("abcd")


@st.composite
def trees(draw) -> list[Entry]:
    """A small tree in which inodes are few, so that directories of two trees are often the same ones."""
    inodes = draw(st.permutations(range(12)))
    found: dict[str, Entry] = {}
    tops = [""]
    for inode in inodes[: draw(st.integers(0, 6))]:
        path = f"{draw(st.sampled_from(tops))}/{draw(NAMES)}"
        if path not in found:
            found[path] = folder(path, draw(st.sampled_from([inode, None])), mtime_us=draw(st.integers(1, 2)))
            tops.append(path)
    for _ in range(draw(st.integers(0, 12))):
        path = f"{draw(st.sampled_from(tops))}/{draw(NAMES)}"
        linked = draw(st.sampled_from([{}, {}, {"nlink": 2, "inode": 20}, {"nlink": 2, "inode": 21}]))
        if path not in found:
            found[path] = entry(path, size=draw(st.integers(1, 2)), **linked)
    return sorted(found.values(), key=lambda each: each.path)


def applied(first: list[Entry], changes: list[Change]) -> dict[str, Entry]:
    """Return the first index with the changes applied."""
    state = {each.path: each for each in first}
    for change in changes:
        if change.kind != "added":
            state.pop(change.before or change.entry.path)
    moved = {change.before: change.entry.path for change in changes if change.entries is not None}
    result: dict[str, Entry] = {}
    for path, each in state.items():
        parts = path.split("/")
        above = ("/".join(parts[:n]) for n in range(len(parts) - 1, 1, -1))
        directory = next((directory for directory in above if directory in moved), None)
        after = path if directory is None else moved[directory] + path.removeprefix(directory)
        assert after not in result
        result[after] = replace(each, parent=after.rpartition("/")[0] + "/")
    return result | {change.entry.path: change.entry for change in changes if change.kind != "removed"}


@settings(max_examples=300, deadline=None)
@given(first=trees(), second=trees())
def test_the_changes_applied_to_the_first_give_the_second(first, second):
    every = differences(first, second)
    changes = with_renames(every)
    assert applied(first, changes) == {each.path: each for each in second}
    # Each rename, and each entry that moved with it, replaces one removed and one added entry.
    saved = sum(1 + 2 * (change.entries or 0) for change in changes if change.before is not None)
    assert len(changes) == len(every) - saved
    assert len({change.entry.path for change in changes}) == len(changes)
