"""Crawls with latency: many concurrent requests, and listings that return attributes."""

from __future__ import annotations

import os

import pytest

from bench.slow_file_system import SlowFileSystemMissing, slow_file_system
from tests.crawl.reading import rows_of
from tests.crawl.trees import found_by_find
from tidemark.crawl.crawler import CrawlOptions


@pytest.mark.parametrize("readdirplus", [False, True])
def test_rows_equal_those_of_find_over_a_network(crawler, pitfalls, readdirplus):
    try:
        with slow_file_system(pitfalls, readdirplus=readdirplus) as mount:
            rows, problems = rows_of(crawler(os.fsencode(mount), CrawlOptions(threads=64)))
    except SlowFileSystemMissing as missing:
        pytest.skip(str(missing))

    assert rows == found_by_find(pitfalls)
    assert problems == []
