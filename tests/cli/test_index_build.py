"""tidemark index build: any directory, without AWS."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from tests.crawl.trees import found_by_find, make_pitfalls, remove
from tidemark.cli import index_build, terminal
from tidemark.errors import IndexingFailed
from tidemark.index.catalogue import list_indexes
from tidemark.index.search import search

SECOND = re.compile(r"fs-[0-9a-f]{16}-[0-9TZ]{16}-[0-9a-f]{6}")


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "one.txt").write_text("12345")
    (tmp_path / "tree" / "link").symlink_to("a")
    return tmp_path / "tree"


def test_an_index_holds_what_find_finds(tidemark, repository, tmp_path):
    root = tmp_path / "pitfalls"
    root.mkdir()
    make_pitfalls(root)
    try:
        result = tidemark("index", "build", str(root), "--repository", repository.url)
        assert result.code == 0, result.err
        (manifest,) = list_indexes(repository)
        found = {(each.raw_path, each.type, each.size) for each in search(repository, manifest)}
        assert found == {(row.path, row.type, row.size) for row in found_by_find(root)}
    finally:
        remove(root)


def test_the_answer_is_the_index_id_and_what_to_do_next_goes_to_standard_error(tidemark, repository, tree):
    result = tidemark("index", "build", str(tree), "--repository", repository.url)
    assert SECOND.fullmatch(result.out.strip())
    assert "1 file, 1 directory, 1 other, 5 B" in result.err
    assert f"tidemark search NAME --repository {repository.url}" in result.err


def test_json(tidemark, repository, tree):
    document = tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document
    assert SECOND.fullmatch(document["index_id"])
    assert document["location"].startswith(repository.url + "/indexes/local/local/")
    names = ("entries", "files", "directories", "others", "bytes", "unreadable", "previous_index_id")
    assert [document[name] for name in names] == [3, 1, 1, 1, 5, 0, None]


def test_the_next_index_of_a_directory_follows_the_one_before(tidemark, repository, tree, monkeypatch):
    def build(*options):
        return tidemark("index", "build", *options, "--repository", repository.url, "--json").document

    first = build(str(tree))
    monkeypatch.chdir(tree)
    second = build(".")  # the same directory by another name
    assert second["previous_index_id"] == first["index_id"]
    assert build(str(tree / "a"))["previous_index_id"] is None
    other = build(str(tree), "--file-system", "fs-0123456789abcdef0")
    assert (other["file_system"], other["previous_index_id"]) == ("fs-0123456789abcdef0", None)


def test_a_damaged_index_before_it_is_no_reason_to_fail(tidemark, repository, tree):
    first = tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document
    key = first["location"].removeprefix(repository.url + "/") + "manifest.json"
    repository.put(key, b"damaged")
    assert tidemark("index", "build", str(tree), "--repository", repository.url).code == 0


def test_an_index_goes_to_s3(tidemark, deployment, tree):
    url = "s3://repository/elsewhere"
    result = tidemark("index", "build", str(tree), "--repository", url, "--json")
    assert result.code == 0, result.err
    assert result.document["location"].startswith(url + "/indexes/")


def test_nothing_is_left_of_a_failure(tidemark, repository, tree, monkeypatch):
    def fail(crawl, store, identity, **_):
        store.put(f"{identity.prefix}part-0.parquet", b"begun")
        raise IndexingFailed("no space; make some")

    monkeypatch.setattr("tidemark.index.build.build_index", fail)
    assert tidemark("index", "build", str(tree), "--repository", repository.url).code == 42
    assert repository.list_keys("indexes/") == []


def test_what_cannot_be_indexed(tidemark, repository, tree):
    assert tidemark("index", "build", str(tree / "none"), "--repository", repository.url).code == 2
    assert tidemark("index", "build", str(tree / "a" / "one.txt"), "--repository", repository.url).code == 2
    assert tidemark("index", "build", str(tree), "--repository", "/no/url").code == 10
    assert tidemark("index", "build", str(tree)).code == 2
    assert (
        tidemark("index", "build", str(tree), "--repository", repository.url, "--file-system", "x").code == 14
    )
    assert "\x1b" not in tidemark("index", "build", "\x1b[2J", "--repository", repository.url).err


def test_a_terminal_shows_how_far_it_is(tidemark, repository, tree, monkeypatch):
    shown = io.StringIO()
    console = terminal.console
    seen = Console(file=shown, force_terminal=True, width=120, markup=False, highlight=False)
    monkeypatch.setattr(
        index_build.terminal, "console", lambda *, stderr=False: seen if stderr else console(stderr=stderr)
    )
    for _ in range(2):  # the second time, the first says how much is to be expected
        result = tidemark("index", "build", str(tree), "--repository", repository.url, "--json")
        assert json.loads(result.out)["entries"] == 3
    assert "entries" in shown.getvalue()
    assert "writing" in shown.getvalue()
