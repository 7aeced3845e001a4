"""tidemark diff: the differences between two indexes."""

from __future__ import annotations

import dataclasses

import pytest

from tests.index.building import FILE_SYSTEM, directory, index_rows, row

BEFORE = [
    directory("/a"),
    row("/a/changed", size=1),
    row("/a/gone", size=500),
    row("/a/same"),
    directory("/old", inode=77),
    row("/old/same"),
    row("/old/other", size=1),
    row("/top"),
]
AFTER = [
    directory("/a"),
    row("/a/changed", size=2),
    row("/a/new", size=3_000),
    row("/a/same"),
    row("/a/\x1b[2J", size=40),
    directory("/moved", inode=77),
    row("/moved/same"),
    row("/moved/other", size=2),
    row("/top", mode=0o600),
]


@pytest.fixture
def made(repository, tmp_path):
    return [
        index_rows(repository, tmp_path, rows, number=number).index_id
        for number, rows in ((1, BEFORE), (2, AFTER), (3, AFTER), (4, BEFORE))
    ]


def changes(result):
    assert result.code == 0, result.err
    return {(each["kind"], each["path"]) for each in result.document["changes"]}


EXPECTED = {
    ("changed", "/a/changed"),
    ("removed", "/a/gone"),
    ("added", "/a/new"),
    ("added", "/a/\x1b[2J"),
    ("renamed", "/moved"),
    ("changed", "/moved/other"),
    ("changed", "/top"),
}


@pytest.mark.parametrize("other", [1, 2])  # right after the first index, and not
def test_differences_are_listed(tidemark, repository, made, other):
    result = tidemark("diff", made[0], made[other], "--repository", repository.url, "--json")
    assert changes(result) == EXPECTED
    document = result.document
    assert (document["from"], document["to"], document["more"]) == (made[0], made[other], False)
    assert document["totals"] == {
        "added": 2,
        "removed": 1,
        "changed": 3,
        "renamed": 1,
        "unreadable": 0,
        "bytes_added": 3040,
        "bytes_removed": 500,
    }
    assert [each["path"] for each in document["directories"]] == ["/a/", "/", "/moved/"]
    moved = [
        (each["kind"], each["before"], each["entries"]) for each in document["changes"] if each["before"]
    ]
    assert moved == [("renamed", "/old", 1), ("changed", "/old/other", None)]


def test_in_reverse_order_added_entries_are_removed(tidemark, repository, made):
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    found = changes(tidemark("diff", made[1], made[0], "--repository", repository.url, "--json"))
    assert found - {("renamed", "/old"), ("changed", "/old/other")} == {
        (turned[kind], path) for kind, path in EXPECTED if not path.startswith("/moved")
    }


def test_only_below_a_directory(tidemark, repository, made):
    result = tidemark("diff", made[0], made[1], "--under", "/a", "--repository", repository.url, "--json")
    assert changes(result) == {each for each in EXPECTED if each[1].startswith("/a/")}


def test_text_output_shows_directories_first_and_no_escapes(tidemark, repository, made):
    result = tidemark("diff", made[0], made[1], "--repository", repository.url)
    lines = result.out.splitlines()
    assert lines[1].split() == ["2", "1", "1", "-", "+3.0", "kB", "-500", "B", "/a/"]
    assert lines[4].endswith("total")
    assert any(line.startswith("- ") and line.endswith("/a/gone") for line in lines)
    assert any(line.startswith("> ") and line.endswith("/moved/  from /old/ (1 entry)") for line in lines)
    assert "\x1b" not in result.out
    assert made[0] in result.err


def test_a_limit_does_not_change_the_totals(tidemark, repository, made):
    arguments = ("diff", made[0], made[1], "--limit", "1", "--repository", repository.url)
    document = tidemark(*arguments, "--json").document
    assert (len(document["changes"]), document["more"], document["totals"]["added"]) == (1, True, 2)
    assert "The first 1 of 7; --limit 0 shows all." in tidemark(*arguments).err


def test_equal_indexes_have_no_differences(tidemark, repository, made):
    result = tidemark("diff", made[1], made[2], "--repository", repository.url)
    assert (result.code, result.out) == (0, "")
    assert "No differences" in result.err


def test_invalid_comparisons_are_refused(tidemark, repository, made):
    at = ("--repository", repository.url)
    assert tidemark("diff", made[0], made[0], *at).code == 2
    assert tidemark("diff", FILE_SYSTEM, made[3], *at).code == 2  # its newest index is that one
    assert tidemark("diff", made[0], "nonsense", *at).code == 17
    assert tidemark("diff", made[0], *at).code == 2


def test_a_path_that_is_not_a_directory_is_reported(tidemark, repository, made):
    at = ("--repository", repository.url)
    for typo in ("/nope", "/top", "/\x1b[2J"):
        result = tidemark("diff", made[0], made[1], "--under", typo, *at)
        assert (result.code, result.out) == (18, "")
        assert "is not a directory in either index" in result.err
        assert "\x1b" not in result.err
    result = tidemark("diff", made[1], made[2], "--under", "a", *at)
    assert (result.code, "No differences below" in result.err) == (0, True)


def test_inodes_of_another_file_system_do_not_make_a_rename(tidemark, repository, tmp_path, made):
    other = index_rows(repository, tmp_path, AFTER, number=5)
    identity = dataclasses.replace(
        other.identity,
        file_system_id="fs-ffffffffffffffff0",
        index_id="fs-ffffffffffffffff0-20261107T000000Z-000005",
    )
    for file in (*other.parts, *other.side_files):
        repository.put(identity.prefix + file.file, repository.get(other.identity.prefix + file.file))
    moved = dataclasses.replace(other, identity=identity)
    repository.put(moved.key, moved.to_json())
    arguments = ("diff", made[0], "fs-ffffffffffffffff0", "--repository", repository.url)
    found = changes(tidemark(*arguments, "--json"))
    assert {("removed", "/old"), ("added", "/moved"), ("changed", "/top")} <= found
    assert "of different file systems" in tidemark(*arguments).err
