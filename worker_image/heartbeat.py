"""Sends heartbeats to Step Functions, and writes the worker's progress."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.aws.errors import code_of, translate
from tidemark.crawl.crawler import CrawlProgress
from tidemark.errors import LeaseLost, TidemarkError, WorkerStopped
from tidemark.index.build.progress import BuildProgress
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import Store

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# The errors of Step Functions for the token of a step that no longer waits.
# Source: SendTaskHeartbeat, Errors.
TOKEN_IS_DEAD = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})

# Pauses between attempts of the heartbeat that must succeed before the worker writes the manifest: two
# minutes in total, in addition to the SDK's retries; the waiting state times out after five.
PAUSES_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)

_LOG = logging.getLogger("tidemark.worker")


class Heartbeat:
    """Sends heartbeats in a separate thread until closed, and reports when the session no longer waits."""

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
        self._pauses = pauses
        self._states, self._store, self._identity = states, store, identity
        self._task_token, self._every = task_token, every_seconds
        self._crawl, self._build, self._stop_crawl, self._now = crawl, build, stop_crawl, now
        self._started = time.monotonic()
        self._closed = threading.Event()
        self._lost = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Send a heartbeat in the caller's thread, then start the heartbeat thread. Raises LeaseLost."""
        self._beat()
        self.check()
        self._thread.start()

    def close(self) -> None:
        """Stop the heartbeats and write the final progress. Call it only after `start` has returned."""
        self._closed.set()
        self._thread.join(timeout=5)
        self._write_progress()

    def stop(self) -> None:
        """Make `check` raise WorkerStopped. Safe in a signal handler."""
        self._stopped = True
        self._stop_crawl()

    def check(self) -> None:
        """Return if the work may continue. Raises LeaseLost, WorkerStopped."""
        if self._lost:
            raise LeaseLost(self._identity.index_id)
        if self._stopped:
            raise worker_stopped(self._identity.index_id)

    def check_now(self) -> None:
        """Send a heartbeat; return if Step Functions confirms that it still waits.

        Raises LeaseLost, WorkerStopped, AwsUnreachable, or AWS's error if it refuses the heartbeat.
        """
        for pause in (*self._pauses, None):
            error = self._send()
            self.check()
            if error is None:
                return
            if pause is None:
                raise translate(error) or error
            self._closed.wait(pause)

    def _run(self) -> None:
        while not self._closed.wait(self._every):
            self._beat()

    def _beat(self) -> None:
        self._send()
        self._write_progress()

    def _send(self) -> Exception | None:
        """Send one heartbeat; return the error if it failed, else None."""
        try:
            self._states.send_task_heartbeat(taskToken=self._task_token)
        except ClientError as error:
            if code_of(error) not in TOKEN_IS_DEAD:
                _LOG.warning("a heartbeat was refused", extra={"reason": str(error)})
                return error
            self._lost = True
            self._stop_crawl()
        except BotoCoreError as error:
            # Continue after a lost heartbeat: the session's timeout allows for several.
            _LOG.warning("a heartbeat was lost", extra={"reason": str(error)})
            return error
        return None

    def _write_progress(self) -> None:
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


def worker_stopped(index_id: str) -> WorkerStopped:
    """Return the error of a worker that received a request to stop."""
    return WorkerStopped(
        f"the worker of index {index_id} was stopped before it finished (its task was stopped, or its "
        f"host terminated); rerun the session"
    )
