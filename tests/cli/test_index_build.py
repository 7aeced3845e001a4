"""tidemark index build: any directory, without AWS."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest
from rich.console import Console

from tests.crawl.trees import found_by_find, make_pitfalls, remove
from tests.index.test_checkpoint import make_tree
from tidemark.cli.commands import index_build
from tidemark.cli.output import terminal
from tidemark.errors import IndexingFailed
from tidemark.index.query.search import search
from tidemark.index.storage.catalog import list_indexes

SECOND = re.compile(r"fs-[0-9a-f]{16}-[0-9TZ]{16}-[0-9a-f]{6}")


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "one.txt").write_text("12345")
    (tmp_path / "tree" / "link").symlink_to("a")
    return tmp_path / "tree"


def test_an_index_contains_the_entries_that_find_finds(tidemark, repository, tmp_path):
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


def test_the_index_id_goes_to_standard_output_and_the_next_steps_to_standard_error(
    tidemark, repository, tree
):
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


def test_the_next_index_of_a_directory_follows_the_previous_one(tidemark, repository, tree, monkeypatch):
    def build(*options):
        return tidemark("index", "build", *options, "--repository", repository.url, "--json").document

    first = build(str(tree))
    monkeypatch.chdir(tree)
    second = build(".")  # the same directory by another name
    assert second["previous_index_id"] == first["index_id"]
    assert build(str(tree / "a"))["previous_index_id"] is None
    other = build(str(tree), "--file-system", "fs-0123456789abcdef0")
    assert (other["file_system"], other["previous_index_id"]) == ("fs-0123456789abcdef0", None)


def test_a_damaged_previous_index_does_not_fail_the_build(tidemark, repository, tree):
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

    monkeypatch.setattr("tidemark.index.build.pipeline.build_index", fail)
    assert tidemark("index", "build", str(tree), "--repository", repository.url).code == 42
    assert repository.list_keys("indexes/") == []


def test_excluded_directories_and_added_fields(tidemark, repository, tree):
    (tree / "a" / "skipped").mkdir()
    (tree / "a" / "skipped" / "file").write_text("")
    options = (
        "--exclude",
        "/*/skipped/",
        "--operations-per-second",
        "5000",
        "--full-inodes",
        "--nanoseconds",
    )
    document = tidemark(
        "index", "build", str(tree), "--repository", repository.url, "--json", *options
    ).document
    assert (document["entries"], document["excluded"][-1]) == (3, "/*/skipped")
    assert document["flags"] == ["full_inodes", "nanoseconds"]
    (manifest,) = list_indexes(repository)
    inodes = {each.name: each.inode for each in search(repository, manifest)}
    assert inodes["one.txt"] == (tree / "a" / "one.txt").stat().st_ino


@pytest.mark.parametrize("pattern", ["/", "", "..", "!a", "/[a", "/a\\"])
def test_a_pattern_that_cannot_match_a_directory_is_refused(tidemark, repository, tree, pattern):
    result = tidemark("index", "build", str(tree), "--repository", repository.url, "--exclude", pattern)
    assert result.code == 2
    assert "--exclude" in result.err
    assert repository.list_keys("") == []


def test_a_pattern_that_matches_nothing_is_reported(tidemark, repository, tree):
    (tree / "a" / "deep" / "er").mkdir(parents=True)
    patterns = ("./a/deep//er/", "one.txt", f"{tree}/a/deep", "ER", "**/er")
    options = [word for pattern in patterns for word in ("--exclude", pattern)]
    result = tidemark("index", "build", str(tree), "--repository", repository.url, *options)
    assert result.code == 0
    assert "no directory matches --exclude '/**/one.txt'" in result.err
    assert "no directory matches --exclude '/**/ER'" in result.err
    assert f"'{tree}/a/deep'; patterns begin at DIR, so write '/a/deep'" in result.err
    assert result.err.count("no directory matches") == 3
    shown = tidemark("index", "show", result.out.strip(), "--repository", repository.url)
    assert f"matched nothing  /**/one.txt, {tree}/a/deep, /**/ER\n" in shown.out
    document = tidemark("index", "list", "--repository", repository.url, "--json").document["indexes"][0]
    assert document["unmatched"] == ["/**/one.txt", f"{tree}/a/deep", "/**/ER"]
    assert document["excluded"][-5:] == ["/a/deep/er", *document["unmatched"], "/**/er"]
    usual = tidemark("index", "build", str(tree), "--repository", repository.url)
    assert "no directory matches" not in usual.err


def test_a_resumed_build_keeps_the_exclusions_found_before(tidemark, repository, tmp_path):
    tree = make_tree(tmp_path / "wide")
    first = sorted(path.name for path in tree.iterdir() if path.is_dir())[-1]
    build = ("index", "build", str(tree), "--repository", repository.url, "--json")
    build += ("--exclude", f"/{first}", "--exclude", "/none")
    for fatal in ("state.json", "run-", "part-"):
        assert _interrupted("SIGKILL", fatal, *build).returncode == -9
    document = tidemark(*build).document
    assert document["continued"]
    assert document["unmatched"] == ["/none"]


def test_changes_since_the_last_index_are_counted(tidemark, repository, tree):
    assert (
        tidemark("index", "build", str(tree), "--repository", repository.url, "--json").document["changes"]
        is None
    )
    (tree / "b").write_text("new")
    (tree / "link").unlink()
    result = tidemark("index", "build", str(tree), "--repository", repository.url)
    assert "1 added, 0 changed, 1 removed since fs-" in result.err


INTERRUPTIBLE = """
import functools, os, signal, sys
from tidemark.cli import main
from tidemark.cli.commands import index_build
from tidemark.crawl import crawler
from tidemark.index.storage.object_store import FileStore
number, fatal = getattr(signal, sys.argv[1]), sys.argv[2]
index_build.CHECKPOINT_SECONDS = 0
crawler.CrawlOptions = functools.partial(crawler.CrawlOptions, batch_rows=10)
put = FileStore.put
seen = 0
def put_or_die(self, key, *arguments, **options):
    global fatal, seen
    seen += fatal in key
    if seen == 3 or (seen and "checkpoint" not in key):
        fatal, seen = "only once", 0
        os.kill(os.getpid(), number)
    put(self, key, *arguments, **options)
FileStore.put = put_or_die
main.main(sys.argv[3:])
"""


def _interrupted(number, fatal, *arguments):
    command = [sys.executable, "-c", INTERRUPTIBLE, number, fatal, *arguments, "--threads", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_build_that_is_killed_at_any_moment_resumes_when_it_is_started_again(
    tidemark, repository, tmp_path
):
    tree = make_tree(tmp_path / "wide")
    whole = tidemark(
        "index", "build", str(tree), "--repository", f"{repository.url}/whole", "--json"
    ).document
    expected = _parts(repository, f"whole/{whole['location'].rpartition('/whole/')[2]}")
    build = ("index", "build", str(tree), "--repository", repository.url, "--json")
    # The kill is at the third write of a checkpoint's file, or at the first of an index's.
    for fatal in ("state.json", "run-", "part-", "manifest.json", "never"):
        result = _interrupted("SIGKILL", fatal, *build)
        assert result.returncode == (0 if fatal == "never" else -9), result.stderr
    assert "resuming fs-" in result.stderr
    document = json.loads(result.stdout)
    assert document["continued"]
    assert document["entries"] == whole["entries"]
    prefix = document["location"].removeprefix(repository.url + "/")
    assert _parts(repository, prefix) == expected
    assert not [key for key in repository.list_keys(prefix) if "checkpoint" in key]  # no scratch files remain


def test_ctrl_c_loses_nothing(tidemark, repository, tmp_path):
    tree = make_tree(tmp_path / "wide")
    build = ("index", "build", str(tree), "--repository", repository.url, "--json")
    begun = set()
    for fatal in ("state.json", "run-"):
        # Slowly, so that the crawl has not ended on a machine of any speed.
        result = _interrupted("SIGINT", fatal, *build, "--operations-per-second", "200")
        assert result.returncode == 130
        assert re.search(r"stopped after [\d,]+ entries; run the same command again to resume", result.stderr)
        begun |= set(SECOND.findall(" ".join(repository.list_keys("indexes/"))))
    result = tidemark(*build)
    assert "resuming" in result.err
    assert result.document["continued"]
    assert result.document["entries"] == len(found_by_find(tree))
    assert begun == {result.document["index_id"]}


def _parts(repository, prefix):
    keys = [key for key in repository.list_keys(prefix) if "/part-" in key]
    return {key.rpartition("/")[2]: repository.get(key) for key in keys}


def test_invalid_builds_are_refused(tidemark, repository, tree):
    assert tidemark("index", "build", str(tree / "none"), "--repository", repository.url).code == 2
    assert tidemark("index", "build", str(tree / "a" / "one.txt"), "--repository", repository.url).code == 2
    assert tidemark("index", "build", str(tree), "--repository", "/no/url").code == 10
    assert tidemark("index", "build", str(tree)).code == 2
    assert (
        tidemark("index", "build", str(tree), "--repository", repository.url, "--file-system", "x").code == 14
    )
    assert "\x1b" not in tidemark("index", "build", "\x1b[2J", "--repository", repository.url).err


def test_a_terminal_shows_the_progress(tidemark, repository, tree, monkeypatch):
    shown = io.StringIO()
    console = terminal.console
    seen = Console(file=shown, force_terminal=True, width=120, markup=False, highlight=False)
    monkeypatch.setattr(
        index_build.terminal, "console", lambda *, stderr=False: seen if stderr else console(stderr=stderr)
    )
    for _ in range(2):  # the second build estimates its end from the first index
        result = tidemark("index", "build", str(tree), "--repository", repository.url, "--json")
        assert json.loads(result.out)["entries"] == 3
    assert "entries" in shown.getvalue()
    assert "writing" in shown.getvalue()
    assert "left" in shown.getvalue()
