"""The worker of a restore test, on Fargate: index the restored file system, and compare it with its index.

`python -m worker_image.verification_worker`, configured by `settings.VerificationWorkerSettings`. The exit
code is 0 for an answered session, otherwise that of the error reported to it. Its files in the repository,
below `restores/<account>/<region>/<file system>/<restore id>/`:

    indexes/...                    the index of the restored point: a repository with one index
    results/directories.json       the directory that AWS Backup has written
    results/differences-JOB.jsonl  what differs from the point's index, with the verdict on each
    results/totals-JOB.json        the totals, written last
    results/progress.json          the progress so far

A worker that is run again continues where an earlier one was interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark import __version__
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import translated
from tidemark.aws.s3_store import open_store
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import RESTORE_DIRECTORIES, ROOT, Crawl, CrawlOptions, CrawlStopped
from tidemark.errors import TidemarkError, WorkerStopped
from tidemark.escape import escape, unescape
from tidemark.exclusions import Exclusion
from tidemark.index.build.checkpoint import load_checkpoint
from tidemark.index.build.pipeline import build_index
from tidemark.index.build.publishing import find_written, publish
from tidemark.index.format.manifest import IndexIdentity, Manifest, RestoredPoint
from tidemark.index.query.lookup import excluded_by_request
from tidemark.index.storage.catalog import read_manifest
from tidemark.index.storage.object_store import Store
from tidemark.restore.point_comparison import RestoredIndex, compare_point, indexes_around
from tidemark.restore.restored import find_restored
from tidemark.scratch import scratch_directory
from tidemark.settings import VerificationWorkerSettings
from worker_image.answers import in_words, report_failure, stop_on_sigterm
from worker_image.heartbeat import worker_stopped
from worker_image.index_worker import CRAWL_THREADS, SCRATCH
from worker_image.log import log_json_lines
from worker_image.restored_jobs import MOST_LISTED, RestoreResults
from worker_image.task_heartbeat import TaskHeartbeat

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LOG = logging.getLogger("tidemark.worker")
_DIRECTORIES = "directories.json"
_A_DAY = timedelta(days=1)


def main() -> int:
    """Run the worker that the environment describes; return its exit code."""
    log_json_lines()
    try:
        settings = VerificationWorkerSettings.from_environment()
        clients = Clients()
        s3 = clients.of("s3", settings.region)
        store = open_store(settings.repository, s3)
        exact = open_store(f"{store.url}/{_prefix(settings)}".rstrip("/"), s3)
        states = clients.of("stepfunctions", settings.region)
    except TidemarkError as error:
        _LOG.error("the worker cannot start", extra={"reason": str(error)})
        return error.exit_code
    return run(settings, store=store, exact=exact, states=states, now=utc_now)


def run(
    settings: VerificationWorkerSettings,
    *,
    store: Store,
    exact: Store,
    states: SFNClient,
    now: Callable[[], datetime],
    scratch: Path = SCRATCH,
) -> int:
    """Verify one restored file system; report to the session and return the exit code.

    `exact` is the repository for the index of the restored point. Must run in the main thread.
    """
    verification = _Verification(settings, store, exact, now)
    stopped = worker_stopped(f"restore test {settings.restore_id}")
    heartbeat = TaskHeartbeat(
        states,
        task_token=settings.task_token,
        every_seconds=settings.heartbeat_seconds,
        lost=WorkerStopped(
            f"the worker of restore test {settings.restore_id} was replaced by another; no action is needed"
        ),
        stopped=stopped,
        stop_work=verification.stop,
        write_progress=verification.write_progress,
    )
    stop_on_sigterm(heartbeat, lambda: report_failure(states, settings.task_token, stopped))
    _LOG.info("verification starts", extra={"restore_id": settings.restore_id})
    try:
        with translated(), scratch_directory(scratch) as own:
            heartbeat.start()
            try:
                totals = verification.totals(own, heartbeat)
                heartbeat.check_now()
            except CrawlStopped:
                heartbeat.check()  # raises the reason
                raise
            finally:
                heartbeat.close()
            states.send_task_success(taskToken=settings.task_token, output=json.dumps(totals))
    except Exception as error:
        failure = in_words(error, _unreadable)
        _LOG.error(
            "the restored file system was not verified",
            extra={"error": type(failure).__name__, "reason": str(failure)},
            exc_info=None if isinstance(error, TidemarkError) else error,
        )
        report_failure(states, settings.task_token, failure)
        return failure.exit_code
    _LOG.info("the restored file system is verified", extra=totals)
    return 0


class _Verification:
    """The work of one restore test, each part of which is skipped if an earlier worker has done it."""

    def __init__(
        self,
        settings: VerificationWorkerSettings,
        store: Store,
        exact: Store,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._store, self._exact, self._now = settings, store, exact, now
        self._results = RestoreResults(store, _prefix(settings), now)
        self._crawl: Crawl | None = None
        self._identity = IndexIdentity(
            account=settings.account,
            region=settings.region,
            file_system_id=settings.file_system_id,
            index_id=settings.exact_index_id,
        )

    def stop(self) -> None:
        """Stop a crawl in progress; the other parts of the work call `check`."""
        if self._crawl is not None:
            self._crawl.stop()

    def write_progress(self) -> None:
        """Write the number of entries crawled so far."""
        if self._crawl is not None:
            self._results.totals_so_far({"crawled": self._crawl.progress().entries})
        self._results.write_progress()

    def totals(self, scratch: Path, heartbeat: TaskHeartbeat) -> dict[str, int]:
        """Return the totals of the comparison.

        Raises RestoreFailed if the restored directory cannot be found, CrawlFailed, IndexNotFound,
        IndexDamaged, OSError, and what the heartbeat's `check` raises.
        """
        name = f"totals-{self._settings.restore_job_id}.json"
        recorded: dict[str, int] | None = self._results.read(name)
        if recorded is not None:
            return recorded
        indexed = read_manifest(
            self._store,
            IndexIdentity(
                account=self._identity.account,
                region=self._identity.region,
                file_system_id=self._identity.file_system_id,
                index_id=self._settings.index_id,
            ),
        )
        restored = self._restored_index(indexed, scratch, heartbeat)
        found = self._compare(indexed, restored, heartbeat)
        self._results.write(name, found)
        return found

    def _restored_index(self, indexed: Manifest, scratch: Path, heartbeat: TaskHeartbeat) -> Manifest:
        written = find_written(self._exact, self._identity)
        manifest = written.manifest if written else self._build(indexed, scratch, heartbeat)
        if written is None or written.key != manifest.key:
            publish(self._exact, manifest)
        return manifest

    def _build(self, indexed: Manifest, scratch: Path, heartbeat: TaskHeartbeat) -> Manifest:
        """Crawl the restored directory as the file system was crawled, with the same exclusions."""
        exclude = (*RESTORE_DIRECTORIES, *map(Exclusion.parse, excluded_by_request(indexed)))
        earlier = load_checkpoint(self._exact, self._identity)
        pending = (ROOT,) if earlier is None else earlier.pending_directories(self._exact)
        root = os.path.join(os.fsencode(self._settings.root), self._restored_directory())
        options = CrawlOptions(threads=CRAWL_THREADS, exclude=exclude)
        self._crawl = open_crawl(root, options, pending)
        return build_index(
            self._crawl,
            self._exact,
            self._identity,
            scratch=scratch,
            now=self._now,
            worker=f"tidemark/{__version__}",
            excluded=exclude,
            may_continue=heartbeat.check,
            may_complete=heartbeat.check_now,
            resume=earlier,
            attempt=f"attempt-{secrets.token_hex(8)}",
            source=RestoredPoint(
                recovery_point_arn=self._settings.recovery_point_arn,
                restore_job_id=self._settings.restore_job_id,
                restored_file_system_id=self._settings.restored_file_system_id,
            ),
        )

    def _restored_directory(self) -> bytes:
        job = self._settings.restore_job_id
        known: dict[str, str] = self._results.read(_DIRECTORIES) or {}
        if job in known:
            return unescape(known[job])
        found = find_restored(
            os.fsencode(self._settings.root),
            (),
            # A new file system has only one, so its time need not be exact.
            began_at=datetime.fromisoformat(self._settings.restore_began_at) - _A_DAY,
            completed_at=datetime.fromisoformat(self._settings.restore_completed_at) + _A_DAY,
            taken=(),
        )
        self._results.write(_DIRECTORIES, {job: escape(found)})
        return found

    def _compare(self, indexed: Manifest, restored: Manifest, heartbeat: TaskHeartbeat) -> dict[str, int]:
        started = datetime.fromisoformat(self._settings.backup_started_at)
        totals = Counter(compared=indexed.totals.entries, differences=0)
        listed: dict[str, list[dict[str, str]]] = {"loss": [], "changed-since-backup": []}
        for path in compare_point(
            indexes_around(self._store, indexed, backup_started_at=started),
            RestoredIndex(store=self._exact, manifest=restored),
            backup_started_at=started,
            backup_ended_at=datetime.fromisoformat(self._settings.backup_ended_at),
            may_continue=heartbeat.check,
        ):
            totals[path.kind] += 1
            for finding in path.findings:
                if finding.kind == "loss":
                    totals["differences"] += 1
                lines = listed[finding.kind]
                if len(lines) < MOST_LISTED:
                    lines.append(
                        {
                            "path": path.path,
                            "field": finding.field,
                            "expected": finding.expected,
                            "found": finding.found,
                            "verdict": finding.kind,
                            "evidence": finding.evidence,
                        }
                    )
        lines = [*listed["loss"], *listed["changed-since-backup"]]
        self._results.write_lines(f"differences-{self._settings.restore_job_id}.jsonl", lines)
        return dict(totals)


def _prefix(settings: VerificationWorkerSettings) -> str:
    file_system = f"{settings.account}/{settings.region}/{settings.file_system_id}"
    return f"restores/{file_system}/{settings.restore_id}/"


def _unreadable(reason: str) -> str:
    return (
        f"the restored file system cannot be read: {reason}; see the worker's log, then redrive the session"
    )


if __name__ == "__main__":
    sys.exit(main())
