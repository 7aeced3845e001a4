"""A mounted file system -> batches of entries.

`open_crawl` gives the best crawler of this machine; every crawler obeys `crawler.Crawl`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidemark.crawl.c_crawler import CCrawl, load_core
from tidemark.crawl.crawler import ROOT, Crawl, CrawlOptions
from tidemark.crawl.python_crawler import PythonCrawl


def open_crawl(root: bytes, options: CrawlOptions | None = None, pending: Iterable[bytes] = (ROOT,)) -> Crawl:
    """Return the fastest crawler that this machine can run, not started yet.

    `pending` is where to begin: at the root, or where an earlier crawl's `pending` ended.
    """
    core = load_core()
    if core is None:
        return PythonCrawl(root, options or CrawlOptions(), pending)
    return CCrawl(root, options or CrawlOptions(), pending, core=core)
