"""A mounted file system -> batches of entries.

`open_crawl` gives the best crawler of this machine; every crawler obeys `crawler.Crawl`.
"""

from __future__ import annotations

from tidemark.crawl.crawler import Crawl, CrawlOptions
from tidemark.crawl.python_crawler import PythonCrawl


def open_crawl(root: bytes, options: CrawlOptions | None = None) -> Crawl:
    """Return the fastest crawler that this machine can run, not started yet."""
    return PythonCrawl(root, options or CrawlOptions())
