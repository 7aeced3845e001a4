"""Base of the benchmarks' crawls, which are never paused or stopped and leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.crawl.crawler import CrawlProgress


class UninterruptedCrawl:
    """A `tidemark.crawl.crawler.Crawl` except for `batches`, which counts its rows in `_entries`."""

    _entries = 0

    def progress(self) -> CrawlProgress:
        return CrawlProgress(entries=self._entries)

    def pause(self) -> None: ...

    def pending(self) -> Iterator[bytes]:
        return iter(())

    def left_out(self) -> tuple[int, ...]:
        return ()

    def stop(self) -> None: ...
