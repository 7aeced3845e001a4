"""How commands show unreadable paths; with refusing directories and each crawler."""

from __future__ import annotations

import json
import shutil
from errno import EACCES, ENOTCONN, ESTALE, ETIMEDOUT

import pytest

from tests.crawl import refusing
from tests.index.building import RowsCrawl, directory, index_crawl, index_rows, row
from tidemark.crawl.batch import Problem
from tidemark.crawl.c_crawler import load_core

FILE_SYSTEM = "fs-0123456789abcdef0"
BELOW = {"/d/one", "/d/sub", "/d/sub/two"}


@pytest.fixture(params=["CCrawl", "PythonCrawl"])
def build(request, tmp_path, tidemark, monkeypatch):
    """Build an index of a tree with one of the crawlers, or `runs` of them, with paths that refuse as in
    `refusing.run`."""
    if request.param == "CCrawl" and load_core() is None:
        pytest.skip("the C core was not built: there is no compiler here")
    root = tmp_path / "tree"
    (root / "d" / "sub").mkdir(parents=True)
    (root / "d" / "one").write_text("1")
    (root / "d" / "sub" / "two").write_text("22")
    (root / "link").symlink_to("there")
    (root / "gone").write_text("")
    (tmp_path / "repository").mkdir(exist_ok=True)

    if request.param == "PythonCrawl":
        monkeypatch.setattr("tidemark.crawl.load_core", lambda: None)
    command = ("index", "build", str(root), "--repository", (tmp_path / "repository").as_uri())
    command += ("--file-system", FILE_SYSTEM, "--json")

    def run(runs: int = 0, **refuse: str):
        """Without arguments, nothing refuses; a process of its own costs most of a second."""
        if not runs and not refuse:
            made = tidemark(*command)
            assert made.code == 0, made.err
            return made.document
        made = refusing.run(
            request.param,
            *command,
            preload=refusing.library(tmp_path) if refuse else None,
            runs=runs or 1,
            **{name: how if how.isdigit() else str(root / how) for name, how in refuse.items()},
        )
        assert made.returncode == 0, made.stderr
        documents = list(documents_in(made.stdout))
        return documents if runs else documents[0]

    run.root = root
    yield run
    (root / "d").chmod(0o755)


def documents_in(text: str):
    """Yield the JSON documents that several runs printed."""
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def differences(tidemark, repository, first, second):
    at = ("--repository", repository.url, "--json")
    result = tidemark("diff", first["index_id"], second["index_id"], *at)
    assert result.code == 0, result.err
    assert result.document["totals"]["unreadable"] == sum(
        each["kind"] == "unreadable" for each in result.document["changes"]
    )
    return {(each["kind"], each["path"]) for each in result.document["changes"]} - {("changed", "/d")}


def versions(tidemark, repository, path):
    result = tidemark("history", path, "--repository", repository.url, "--json")
    assert result.code == 0, result.err
    return [
        (each["what"], each["entry"] and each["entry"]["size_bytes"]) for each in result.document["versions"]
    ]


@pytest.mark.parametrize(
    ("how", "unread"),
    [
        ({"mode": 0o000}, BELOW),
        ({"mode": 0o311}, BELOW),
        ({"mode": 0o444}, BELOW),  # its names are listed, but no entry can be read
        ({"readdir": "d"}, BELOW),
        ({"stat": "d"}, BELOW | {"/d"}),
        ({"stat": "d/sub"}, {"/d/sub", "/d/sub/two"}),
        ({"stat": "d/one"}, {"/d/one"}),
        ({"readlink": "link"}, {"/link"}),
        ({"open": "d"}, BELOW),
        *(({"open": "d", "errno": str(each)}, BELOW) for each in (EACCES, ESTALE, ENOTCONN, ETIMEDOUT)),
        ({"readdir": "d", "errno": str(ESTALE)}, BELOW),
        ({"stat": "d/one", "errno": str(ESTALE)}, {"/d/one"}),
        ({"device": "d"}, BELOW),  # another file system is mounted over it
    ],
)
def test_a_path_is_unreadable_until_it_is_read_again(tidemark, repository, build, how, unread):
    first = build()
    (build.root / "gone").unlink()
    refuse = {name: path for name, path in how.items() if name != "mode"}
    (build.root / "d").chmod(how.get("mode", 0o755))
    second, third = build(runs=2, **refuse)
    (build.root / "d").chmod(0o755)
    (build.root / "d" / "one").write_text("123")
    fourth = build()

    was = {("unreadable", path) for path in unread}
    assert differences(tidemark, repository, first, second) == was | {("removed", "/gone")}
    assert second["changes"]["unreadable"] == third["changes"]["unreadable"] == len(unread)
    assert second["changes"]["deleted"] == 1
    assert third["changes"]["deleted"] == third["changes"]["added"] == 0
    assert differences(tidemark, repository, second, third) == was
    assert differences(tidemark, repository, first, third) == was | {
        ("removed", "/gone")
    }  # both read completely
    changed = {("changed", "/d/one")}
    assert differences(tidemark, repository, third, fourth) == changed
    assert differences(tidemark, repository, second, fourth) == changed
    assert differences(tidemark, repository, first, fourth) == changed | {("removed", "/gone")}
    assert fourth["changes"]["unreadable"] == fourth["changes"]["added"] == fourth["changes"]["deleted"] == 0
    for path in ("/d/one", "/d/sub/two", "/link"):
        found = versions(tidemark, repository, path)
        size = found[0][1]
        last = [("changed", 3)] if path == "/d/one" else [("readable", size)] if path in unread else []
        assert found == [("appeared", size), *[("unreadable", size)] * (path in unread), *last]


def test_a_stale_handle_is_opened_again_by_name(tidemark, repository, build):
    first = build()
    second = build(open="d", errno=str(ESTALE), times="1")
    assert second["unreadable"] == second["vanished"] == 0
    assert differences(tidemark, repository, first, second) == set()


@pytest.mark.parametrize(
    ("refuse", "removed"),
    [
        ({"open": "d/sub"}, {"/d/sub/two"}),  # its own row is from the listing of /d
        ({"stat": "d/sub"}, {"/d/sub", "/d/sub/two"}),
    ],
)
def test_a_stale_handle_of_a_vanished_path_is_not_unreadable(tidemark, repository, build, refuse, removed):
    first = build()
    second = build(**refuse, errno=str(ESTALE), times="1", move_to="../moved")
    assert (second["unreadable"], second["vanished"]) == (0, 1)
    assert differences(tidemark, repository, first, second) - {("changed", "/")} == {
        ("removed", path) for path in removed
    }


def test_an_unreadable_path_that_vanishes_is_removed_then(tidemark, repository, build):
    first = build()
    second = build(readdir="d")
    shutil.rmtree(build.root / "d" / "sub")
    third = build()
    assert ("unreadable", "/d/sub/two") in differences(tidemark, repository, first, second)
    gone = {("removed", "/d/sub"), ("removed", "/d/sub/two")}
    assert (
        differences(tidemark, repository, second, third)
        == differences(tidemark, repository, first, third)
        == gone
    )
    assert [what for what, _ in versions(tidemark, repository, "/d/sub/two")] == [
        "appeared",
        "unreadable",
        "vanished",
    ]


TREE = [directory("/d"), row("/d/a", size=5), directory("/d/sub"), row("/d/sub/b"), row("/x", size=7)]


@pytest.fixture
def refused(repository, tmp_path):
    """Two indexes: in the second, /d was not listed and /x was removed."""
    first = index_rows(repository, tmp_path, TREE, number=1)
    problems = [Problem.seen(b"/d/", "open", 13)]
    second = index_crawl(repository, tmp_path, RowsCrawl([TREE[0], row("/y")], problems), number=2)
    return first.index_id, second.index_id


def test_unreadable_paths_are_shown_and_remove_no_bytes(tidemark, repository, refused):
    at = ("--repository", repository.url)
    shown = tidemark("diff", *refused, *at).out.splitlines()
    assert shown[0].split() == [
        "added",
        "removed",
        "changed",
        "renamed",
        "unreadable",
        "+size",
        "-size",
        "directory",
    ]
    assert [line.split() for line in shown[1:4]] == [
        ["1", "1", "-", "-", "-", "+10", "B", "-7", "B", "/"],
        ["-", "-", "-", "-", "2", "-", "-", "/d/"],
        ["-", "-", "-", "-", "1", "-", "-", "/d/sub/"],
    ]
    assert [line[0] for line in shown[4:] if line.endswith(("/d/a", "/d/sub/", "/d/sub/b"))] == [
        "?",
        "?",
        "?",
    ]
    shown = tidemark("history", "/d/a", *at).out
    assert "unreadable" in shown
    assert "not read by 1 index" in shown
    listed = tidemark("ls", f"{refused[1]}:/d", *at)
    assert "no readable entries" in listed.err
    assert "tidemark history /d/NAME" in listed.err
    assert "an empty directory" not in listed.err
    for path, unreadable in (("/d", True), ("/", False)):
        assert tidemark("ls", f"{refused[1]}:{path}", *at, "--json").document["unreadable"] == unreadable


def test_a_diff_below_a_listed_directory_shows_removed_entries(tidemark, repository, tmp_path):
    """The listing of /d broke off, but /d/sub was in it, and was read."""
    first = index_rows(repository, tmp_path, TREE, number=1)
    index_rows(repository, tmp_path, [row("/between")], number=2)
    problems = [Problem.seen(b"/d/", "readdir", 5)]
    third = index_crawl(repository, tmp_path, RowsCrawl([TREE[0], TREE[2]], problems), number=3)
    for under, expected in {
        "/": {("unreadable", "/d/a"), ("removed", "/d/sub/b"), ("removed", "/x")},
        "/d": {("unreadable", "/d/a"), ("removed", "/d/sub/b")},
        "/d/sub": {("removed", "/d/sub/b")},
    }.items():
        at = ("--under", under, "--repository", repository.url, "--json")
        changes = tidemark("diff", first.index_id, third.index_id, *at).document["changes"]
        assert {(each["kind"], each["path"]) for each in changes} == expected


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("errors.parquet", ("ls", "{second}:/d")),
        ("errors.parquet", ("diff", "{between}", "{second}")),
        ("unreadable.parquet", ("diff", "{between}", "{second}")),
        ("unreadable.parquet", ("diff", "{first}", "{second}")),
    ],
)
@pytest.mark.parametrize("how", ["missing", "altered", "short"])
def test_a_damaged_record_of_unreadable_paths_is_reported_with_the_next_step(
    tidemark, repository, refused, tmp_path, name, command, how
):
    between = index_rows(repository, tmp_path, TREE, number=3).index_id
    first, second = refused
    at = ("--repository", repository.url)
    path = next((tmp_path / "repository").glob(f"**/{second}/{name}"))
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-40] if how == "short" else whole[:-20] + b"altered" + whole[-13:])

    words = [word.format(first=first, second=second, between=between) for word in command]
    result = tidemark(*words, *at)
    assert result.code == 44
    assert result.out == ""
    assert f"/{second}/{name} is " in result.err
    assert f"tidemark index verify {second} --repository {repository.url}" in result.err
    assert f"tidemark index list --file-system {FILE_SYSTEM} --repository {repository.url}" in result.err
    verified = tidemark("index", "verify", second, *at)
    assert verified.code == 44
    assert [line.split()[0].rpartition("/")[2] for line in verified.out.splitlines()] == [name]
