"""The heartbeat of an indexing worker, which writes the progress of its crawl."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.crawl.crawler import CrawlProgress
from tidemark.errors import LeaseLost, TidemarkError, WorkerStopped
from tidemark.index.build.progress import BuildProgress
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import Store
from worker_image.task_heartbeat import PAUSES_SECONDS, TaskHeartbeat

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LOG = logging.getLogger("tidemark.worker")


class Heartbeat(TaskHeartbeat):
    """A heartbeat whose `check` raises LeaseLost or WorkerStopped."""

    def __init__(
        self,
        states: SFNClient,
        store: Store,
        identity: IndexIdentity,
        *,
        task_token: str,
        every_seconds: float,
        crawl: Callable[[], CrawlProgress],
        build: BuildProgress,
        stop_crawl: Callable[[], None],
        now: Callable[[], datetime],
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        super().__init__(
            states,
            task_token=task_token,
            every_seconds=every_seconds,
            lost=LeaseLost(identity.index_id),
            stopped=worker_stopped(f"index {identity.index_id}"),
            stop_work=stop_crawl,
            write_progress=self._write_crawl_progress,
            pauses=pauses,
        )
        self._store, self._identity = store, identity
        self._crawl, self._build, self._now = crawl, build, now
        self._started = time.monotonic()

    def _write_crawl_progress(self) -> None:
        progress, build = self._crawl(), self._build
        elapsed, left = time.monotonic() - self._started, build.seconds_left()
        report = {
            "index_id": self._identity.index_id,
            "phase": build.phase,
            "entries": build.entries_before + progress.entries,
            "entries_expected": build.entries_expected,  # the entries of the previous index, if there is one
            "directories": progress.directories,
            "directories_queued": progress.directories_queued,
            "bytes": progress.bytes,
            "entries_per_second": round(progress.entries / elapsed) if elapsed > 0 else 0,
            "elapsed_seconds": round(elapsed, 1),
            "seconds_left": None if left is None else round(left),
            "updated_at": self._now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        try:
            self._store.put(f"{self._identity.prefix}progress.json", json.dumps(report).encode())
        except (TidemarkError, BotoCoreError, ClientError) as error:
            # Progress is only informational: if the repository is unreachable, writing the parts fails.
            _LOG.warning("cannot write progress", extra={"reason": str(error)})


def worker_stopped(run: str) -> WorkerStopped:
    """Return the error of a worker that received a request to stop; `run` is such as `index fs-...`."""
    return WorkerStopped(
        f"the worker of {run} was stopped before it finished (its task was stopped, or its "
        f"host terminated); rerun the session"
    )
