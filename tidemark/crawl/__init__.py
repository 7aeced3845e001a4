"""A mounted file system -> batches of entries.

`open_crawl` returns the fastest crawler on this machine; every crawler implements `crawler.Crawl`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidemark.crawl.c_crawler import CCrawl, load_core
from tidemark.crawl.crawler import ROOT, Crawl, CrawlOptions
from tidemark.crawl.python_crawler import PythonCrawl


def open_crawl(root: bytes, options: CrawlOptions | None = None, pending: Iterable[bytes] = (ROOT,)) -> Crawl:
    """Return the fastest crawler that this machine can run, not started.

    `pending` are the directories to start with: the root, or the `pending` of an earlier crawl.
    """
    core = load_core()
    if core is None:
        return PythonCrawl(root, options or CrawlOptions(), pending)
    return CCrawl(root, options or CrawlOptions(), pending, core=core)
