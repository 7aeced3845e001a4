from __future__ import annotations

import io

import pytest
from rich.console import Console

from tidemark.cli.output.progress_bar import Bar
from tidemark.crawl.crawler import CrawlProgress
from tidemark.index.build.progress import BuildProgress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def shown(build: BuildProgress, crawl: CrawlProgress, *, stopping: bool = False) -> str:
    """Return the text of the bar for a build."""
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    with Bar(console, lambda: crawl, build, lambda: stopping) as bar:
        bar.refresh()
    return console.file.getvalue()


def test_a_crawl_is_shown_with_its_estimated_end(clock):
    build = BuildProgress(clock)
    build.begin(entries_expected=1_000_000, entries=0)
    clock.now = 60
    build.crawled(500_000)
    text = shown(build, CrawlProgress(entries=510_000, bytes=5_000_000, directories_queued=1))
    assert "crawling" in text
    assert "510,000 entries, 5.0 MB, 1 directory waiting" in text
    assert "1 min 04 s left" in text


def test_without_a_previous_index_no_end_is_estimated():
    build = BuildProgress()
    build.begin(entries_expected=None, entries=0)
    assert "left" not in shown(build, CrawlProgress(entries=5))


def test_entries_of_an_earlier_build_count(clock):
    build = BuildProgress(clock)
    build.begin(entries_expected=None, entries=1000)
    assert "1,005 entries" in shown(build, CrawlProgress(entries=5))


def test_the_phases_writing_and_stopping_are_shown(clock):
    build = BuildProgress(clock)
    build.begin(entries_expected=None, entries=0)
    build.crawled(1_000_000)
    build.begin_writing()
    assert "writing" in shown(build, CrawlProgress())
    assert "4.0 s left" in shown(build, CrawlProgress())
    assert "stopping" in shown(build, CrawlProgress(), stopping=True)
