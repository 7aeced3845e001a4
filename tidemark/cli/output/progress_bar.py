"""The progress bar of a build."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tidemark.cli.output import terminal
from tidemark.crawl.crawler import CrawlProgress
from tidemark.index.build.progress import BuildProgress


class Bar(Progress):
    """A progress bar that polls a build whenever it is drawn, ten times a second."""

    def __init__(
        self,
        console: Console,
        crawl: Callable[[], CrawlProgress],
        build: BuildProgress,
        stopping: Callable[[], bool],
    ) -> None:
        super().__init__(
            SpinnerColumn(terminal.spinner()),
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[counted]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._crawl, self._build, self._stopping = crawl, build, stopping
        self._task = self.add_task("crawling", total=None, counted="", left="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar for the current state of the build."""
        # The base class draws the bar once in its constructor, before there is a task.
        if hasattr(self, "_task"):
            self._poll()
        return super().get_renderables()

    def _poll(self) -> None:
        crawl, build = self._crawl(), self._build
        before = build.entries_before
        entries = max(build.entries, before + crawl.entries)  # the crawl is a batch ahead of the build
        counted = f"{terminal.count(entries, 'entry', 'entries')}, {terminal.size(crawl.bytes)}"
        if build.phase == "crawling":
            if crawl.directories_queued:
                counted += f", {terminal.count(crawl.directories_queued, 'directory', 'directories')} waiting"
            done, total = entries, build.entries_expected
        else:
            done, total = build.written, build.entries
        left = build.seconds_left()
        self.update(
            self._task,
            description="stopping" if self._stopping() else build.phase,
            completed=done,
            total=total,
            counted=counted,
            left="" if left is None else f"{terminal.duration(timedelta(seconds=left))} left",
        )
