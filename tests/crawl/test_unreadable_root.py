"""A root that cannot be listed: code 41 and no index, for each kind of error and each crawler."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.crawl import refusing
from tests.crawl.reading import rows_of
from tidemark.crawl.batch import Problem
from tidemark.crawl.crawler import CrawlOptions
from tidemark.errors import CrawlFailed


@pytest.fixture
def place(tmp_path):
    """A directory with a root to crawl and room for a repository."""
    for number in range(5):
        (tmp_path / "root" / f"{number}").mkdir(parents=True)
        (tmp_path / "root" / f"{number}" / "file").write_text("")
    (tmp_path / "repository").mkdir()
    yield tmp_path
    (tmp_path / "root").chmod(0o755)


def build(place, crawler, **how):
    made = refusing.run(
        crawler.__name__,
        *("index", "build", str(place / "root"), "--repository", (place / "repository").as_uri()),
        **how,
    )
    return made, [path for path in (place / "repository").rglob("*") if path.is_file()]


@pytest.mark.parametrize("mode", [0o000, 0o311, 0o444, 0o111, 0o666])
def test_a_root_whose_mode_denies_access_fails_the_build(crawler, place, mode):
    (place / "root").chmod(mode)
    made, files = build(place, crawler)
    assert (made.returncode, made.stdout, files) == (41, "", []), made.stderr
    assert "Permission denied" in made.stderr


@pytest.mark.parametrize("after", ["0", "1", "2"])
def test_a_root_whose_listing_fails_at_any_point_fails_the_build(crawler, place, after):
    if crawler.__name__ == "PythonCrawl" or after != "2":  # the C core has all of it after one call
        preload = refusing.library(place)
        made, files = build(place, crawler, preload=preload, readdir=str(place / "root"), after=after)
        assert (made.returncode, made.stdout, files) == (41, "", []), made.stderr
        assert "Input/output error" in made.stderr


def test_a_root_that_is_removed_while_open_fails_the_crawl(crawler, tmp_path):
    (tmp_path / "gone").mkdir()
    fd = os.open(tmp_path / "gone", os.O_RDONLY)
    (tmp_path / "gone").rmdir()
    try:
        for threads in (1, 4):
            crawl = crawler(os.fsencode(f"/proc/self/fd/{fd}"), CrawlOptions(threads=threads))
            with pytest.raises(CrawlFailed, match="No such file"):
                rows_of(crawl)
    finally:
        os.close(fd)


def test_an_unreadable_directory_below_the_root_is_recorded_and_does_not_fail_the_build(crawler, place):
    preload = refusing.library(place)
    made, files = build(place, crawler, preload=preload, readdir=str(place / "root" / "3"))
    assert made.returncode == 0, made.stderr
    assert "1 could not be read" in made.stderr
    assert files


def test_a_root_without_a_readable_entry_fails_the_build(crawler, place):
    for number in range(1, 5):
        shutil.rmtree(place / "root" / f"{number}")
    preload = refusing.library(place)
    made, files = build(place, crawler, preload=preload, stat=str(place / "root" / "0"))
    assert (made.returncode, made.stdout, files) == (41, "", []), made.stderr
    assert "reading failed for every entry in it (1)" in made.stderr


@pytest.mark.parametrize(
    ("path", "operation", "errno", "fails"),
    [
        (b"/", "open", 13, True),
        (b"/", "readdir", 5, True),
        (b"/", "readdir", 116, True),  # ESTALE
        (b"/", "list", 0, False),  # it changed while it was listed
        (b"/a/", "open", 13, False),
        (b"/a", "stat", 5, False),
    ],
)
def test_only_problems_of_the_root_itself_fail_the_crawl(path, operation, errno, fails):
    assert Problem.seen(path, operation, errno).is_of_the_root == fails
