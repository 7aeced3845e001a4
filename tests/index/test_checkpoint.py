"""A worker that is killed at any moment: the next one resumes, and makes the same index."""

from __future__ import annotations

import random

import pytest

from tests.index.building import RowsCrawl, directory, identity_of, index_crawl, row
from tests.index.test_side_files import side_file
from tidemark.crawl import open_crawl
from tidemark.crawl.batch import Problem
from tidemark.crawl.crawler import CrawlOptions
from tidemark.crawl.python_crawler import PythonCrawl
from tidemark.index.build.checkpoint import load_checkpoint
from tidemark.index.build.pipeline import IndexingPaused

ROOT = (b"/",)


class Killed(Exception):
    """The worker was killed."""


def make_tree(root):
    """Make 60 directories of 20 files each, some inside others, with two names for one file."""
    root.mkdir()
    for number in range(60):
        directory = root / f"{number // 7}" / f"{number % 3}" / f"dir {number}"
        directory.mkdir(parents=True)
        for file in range(20):
            (directory / f"{file}").write_text("x" * file)
        (directory / "again").hardlink_to(directory / "7")
    return root


def crawl_of(tree, crawler, pending=ROOT):
    return crawler(bytes(tree), CrawlOptions(batch_rows=10, threads=2), pending)


@pytest.mark.parametrize("crawler", [open_crawl, PythonCrawl])
@pytest.mark.parametrize("seed", range(3))
def test_an_index_of_killed_workers_equals_that_of_an_uninterrupted_one(store, tmp_path, crawler, seed):
    tree = make_tree(tmp_path / "tree")
    whole = index_crawl(store, tmp_path, crawl_of(tree, crawler), number=1)
    chance = random.Random(seed)  # noqa: S311 - decides only when a worker dies
    crawled = deaths = 0
    resume = None
    for _ in range(200):
        lives = chance.randrange(1, 30)

        def maybe_die() -> None:
            nonlocal lives
            lives -= 1
            if lives == 0:
                raise Killed

        resume = load_checkpoint(store, identity_of(2))
        pending = resume.pending_directories(store) if resume else ROOT
        crawl = crawl_of(tree, crawler, pending)
        try:
            again = index_crawl(
                store, tmp_path, crawl, number=2, resume=resume, may_continue=maybe_die, checkpoint_seconds=0
            )
            break
        except Killed:
            pass
        finally:
            crawled += crawl.progress().entries
            deaths += 1
    else:
        pytest.fail("never done")

    assert [(part.rows, part.first, part.last, part.sha256) for part in again.parts] == [
        (part.rows, part.first, part.last, part.sha256) for part in whole.parts
    ]
    assert again.totals == whole.totals
    for name in ("dirs.parquet", "trigrams.bin", "top.parquet"):
        assert again.side_file(name).sha256 == whole.side_file(name).sha256
    assert resume is not None, "no worker ever died after a checkpoint"
    # Each kill loses the entries since the last checkpoint: here those of the few directories in progress.
    assert crawled < whole.totals.entries + deaths * 300
    assert not list((store._directory / again.identity.prefix).glob("checkpoint"))  # no scratch files remain


@pytest.mark.parametrize("seed", range(2))
def test_a_build_that_is_paused_repeatedly_crawls_nothing_twice(store, tmp_path, seed):
    tree = make_tree(tmp_path / "tree")
    whole = index_crawl(store, tmp_path, crawl_of(tree, open_crawl), number=1)
    chance = random.Random(seed)  # noqa: S311 - decides only when to pause
    crawled = pauses = 0
    while True:
        asked = iter([False] * chance.randrange(12))
        resume = load_checkpoint(store, identity_of(2))
        crawl = crawl_of(tree, open_crawl, resume.pending_directories(store) if resume else ROOT)
        try:
            again = index_crawl(
                store,
                tmp_path,
                crawl,
                number=2,
                resume=resume,
                pause_wanted=lambda asked=asked: next(asked, True),  # type: ignore[misc]
                row_group_rows=100,
            )
            break
        except IndexingPaused:
            pauses += 1
            if pauses == 60:
                chance.randrange = lambda _most: 1000  # type: ignore[method-assign]  # enough
        finally:
            crawled += crawl.progress().entries
    assert pauses > 1
    assert crawled == whole.totals.entries
    assert [(part.rows, part.first, part.last) for part in again.parts] == [
        (part.rows, part.first, part.last) for part in whole.parts
    ]
    assert again.totals == whole.totals


@pytest.mark.parametrize("refusals", range(40))
def test_a_pause_requested_at_any_time_keeps_all_crawled_entries(store, tmp_path, refusals):
    tree = make_tree(tmp_path / "tree")
    asked = iter([False] * refusals)
    crawl = PythonCrawl(bytes(tree), CrawlOptions(batch_rows=100, threads=1), ROOT)
    try:
        index_crawl(store, tmp_path, crawl, pause_wanted=lambda: next(asked, True), row_group_rows=200)
    except IndexingPaused:
        kept = load_checkpoint(store, identity_of(1))
        assert kept is not None
        assert kept.entries == crawl.progress().entries


def test_problems_survive_a_killed_worker(store, tmp_path):
    tree = tmp_path / "tree"
    (tree / "b").mkdir(parents=True)
    crawl = open_crawl(bytes(tree), CrawlOptions(batch_rows=1), [b"/gone/", b"/"])
    problems = index_crawl(store, tmp_path, crawl, checkpoint_seconds=0).totals
    assert problems.vanished == 1


@pytest.mark.parametrize("batches_before", [1, 4, 9])
def test_problems_that_do_not_fit_in_memory_survive_a_pause_without_duplicates(
    store, tmp_path, monkeypatch, batches_before
):
    monkeypatch.setattr("tidemark.index.build.pipeline._PROBLEMS_IN_MEMORY", 2)
    problems = [Problem.seen(b"/d/%d" % number, "stat", 5) for number in range(5)]
    rows = [directory("/d"), *(row(f"/{number}") for number in range(8))]
    crawl = RowsCrawl(rows, problems, batch_rows=1)
    asked = iter([False] * batches_before)
    with pytest.raises(IndexingPaused):
        index_crawl(store, tmp_path, crawl, pause_wanted=lambda: next(asked, True), row_group_rows=1)

    kept = load_checkpoint(store, identity_of(1))
    rest = RowsCrawl([], [Problem.seen(b"/d/5", "stat", 5)])
    made = index_crawl(store, tmp_path, rest, resume=kept)

    assert made.totals.unreadable == 6
    paths = [each["path"] for each in side_file(store, made, "errors.parquet")]
    assert sorted(paths) == [f"/d/{number}" for number in range(6)]
    assert not list((store._directory / made.identity.prefix).glob("checkpoint"))


def test_a_complete_build_leaves_no_problem_files_next_to_its_index(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tidemark.index.build.pipeline._PROBLEMS_IN_MEMORY", 1)
    problems = [Problem.seen(b"/d/%d" % number, "stat", 5) for number in range(5)]
    made = index_crawl(store, tmp_path, RowsCrawl([directory("/d")], problems))
    assert made.totals.unreadable == 5
    assert not list((store._directory / made.identity.prefix).glob("checkpoint"))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b'{"version": 2}', b"\xff", b'{"version": 1, "runs": 3}']
)
def test_an_invalid_checkpoint_is_ignored(store, text):
    identity = identity_of(1)
    assert load_checkpoint(store, identity) is None
    store.put(f"{identity.prefix}checkpoint/state.json", text)
    assert load_checkpoint(store, identity) is None
