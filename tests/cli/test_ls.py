"""tidemark ls: directories with their totals, sorted and paged. The basics are in test_search."""

from __future__ import annotations

import pytest

from tests.cli.conftest import NOW
from tests.index.building import FILE_SYSTEM, directory, index_rows, row
from tidemark.cli.output.entry_lines import entry_line
from tidemark.index.query.browse import find_entry
from tidemark.sessions.overlap import claim, complete, settle


@pytest.fixture
def at(repository, tmp_path):
    rows = [
        directory("/big", mtime_us=3_000_000),
        directory("/big/deep"),
        row("/big/deep/a", size=5_000_000),
        row("/big/b", size=1_000_000),
        directory("/empty", mtime_us=1_000_000),
        row("/new\nline", size=7, mtime_us=9_000_000),
        row("/z.txt", size=70_000, mtime_us=2_000_000),
    ]
    index = index_rows(repository, tmp_path, rows).index_id
    return f"{index}:/", "--repository", repository.url


def names(result):
    assert result.code == 0, result.err
    return [entry["path"] for entry in result.document["entries"]]


def test_the_size_of_a_directory_includes_everything_below_it(tidemark, at):
    sizes = {
        entry["path"]: (entry["subtree_bytes"], entry["subtree_files"], entry["subtree_entries"])
        for entry in tidemark("ls", *at, "--json").document["entries"]
    }
    assert sizes["/big"] == (6_000_000, 2, 3)
    assert sizes["/empty"] == (0, 0, 0)
    assert sizes["/z.txt"] == (None, None, None)
    out = tidemark("ls", *at).out
    assert " 6.0 MB  big/" in out
    assert " 0 B  empty/" in out


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["/big", "/empty", "/new\nline", "/z.txt"]),
        ("size", ["/big", "/z.txt", "/new\nline", "/empty"]),
        ("mtime", ["/new\nline", "/big", "/z.txt", "/empty"]),
    ],
)
def test_pages_together_are_the_whole_list(tidemark, at, sort, expected):
    assert names(tidemark("ls", *at, "--sort", sort, "--json")) == expected
    for limit in (1, 2, 3):
        seen: list[str] = []
        for _ in expected:
            after = ("--after", seen[-1].removeprefix("/")) if seen else ()
            page = tidemark("ls", *at, "--sort", sort, "--limit", str(limit), *after, "--json")
            seen += names(page)
            if not page.document["more"]:
                break
        assert seen == expected


def test_the_command_for_the_next_page_is_safe_and_works(tidemark, at):
    result = tidemark("ls", *at, "--limit", "3")
    assert result.err.endswith("There is more: --after 'new\\x0aline'\n")
    assert tidemark("ls", *at, "--after", r"new\x0aline").out.endswith("z.txt\n")


def test_a_page_sorted_by_name_may_start_after_a_missing_name(tidemark, at):
    assert names(tidemark("ls", *at, "--after", "c", "--json"))[0] == "/empty"
    assert tidemark("ls", *at, "--after", "c", "--sort", "size").code == 18
    assert tidemark("ls", *at, "--after", "zz").out == ""
    assert tidemark("ls", *at, "--sort", "colour").code == 2


def test_a_file_is_listed_as_itself(tidemark, at):
    index, *options = at
    for path in ("big/b", "big/b/"):
        assert tidemark("ls", f"{index}{path}", *options).out.endswith("  1.0 MB  b\n")
    document = tidemark("ls", f"{index}big/b", *options, "--json").document
    assert [entry["path"] for entry in document["entries"]] == ["/big/b"]
    assert tidemark("ls", f"{index}big/none", *options).code == 18


def test_only_the_date_and_the_size_of_a_line_are_quiet(repository, tmp_path):
    index = index_rows(repository, tmp_path, [row("/name")])
    entry = find_entry(repository, index, "/name")
    assert entry is not None
    line = entry_line(entry, "name")
    quiet = [line.plain[span.start : span.end] for span in line.spans if span.style == "dim"]
    assert not line.style
    assert [text.split() for text in quiet] == [["2023-11-14", "22:13", "10", "B"]]


def test_a_recovery_point_selects_its_index(tidemark, deployment, tmp_path):
    session = deployment.session("s-1", points=(deployment.point(),))
    arn = deployment.point().recovery_point_arn
    assert tidemark("ls", f"{arn}:/").code == 19
    made = index_rows(deployment.store, tmp_path, [row("/a")], number=3).index_id
    claimed = claim(deployment.records, session.session_id, made, NOW)
    complete(deployment.records, deployment.file_system, claimed.index_id, {}, NOW)
    settle(deployment.records, "s-1", lambda *_: "")
    result = tidemark("ls", f"{arn}:/")
    assert result.code == 0, result.err
    assert result.out.endswith("a\n")
    index_rows(deployment.store, tmp_path, [row("/b")], number=4)
    assert [hit["path"] for hit in tidemark("search", "*", "--index", arn, "--json").lines] == ["/a"]
    assert [hit["path"] for hit in tidemark("search", "*", "--index", FILE_SYSTEM, "--json").lines] == ["/b"]
    assert tidemark("search", "*", "--index", "arn:aws:backup:none").code == 19
    assert tidemark("search", "*", "--index", arn, "--file-system", "fs-ffffffffffffffff0").code == 17


def test_a_path_is_written_after_a_colon(tidemark, at):
    index, *options = at
    known = index.removesuffix(":/")
    for where in (f"{known}:/big", f"{known}:big"):
        assert names(tidemark("ls", where, *options, "--json")) == ["/big/b", "/big/deep"]
    for where in (known, f"{known}:", f"{known}:/"):
        assert names(tidemark("ls", where, *options, "--json"))[0] == "/big"
    result = tidemark("ls", f"{known}/big", *options)
    assert result.code == 2
    assert f"{known}:/big" in result.err


def test_an_empty_listing_gives_the_reason(tidemark, at):
    index, *options = at
    assert "an empty directory" in tidemark("ls", f"{index}empty", *options).err
    assert "no more entries" in tidemark("ls", index, "--after", "zz", *options).err
