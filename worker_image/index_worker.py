"""The indexing worker, on Fargate and on EC2: crawl the mounted file system, write its index, report.

`python -m worker_image.index_worker`, configured by `settings.WorkerSettings`. The exit code is 0 for a
complete index, otherwise that of the error reported to the session.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark import __version__
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import translated
from tidemark.aws.s3_store import open_store
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import RESTORE_DIRECTORIES, ROOT, CrawlOptions, CrawlStopped
from tidemark.damage.settings import DamageSettings
from tidemark.errors import (
    ConfigurationError,
    IndexingFailed,
    LeaseLost,
    TidemarkError,
)
from tidemark.exclusions import Exclusion
from tidemark.index.build.checkpoint import Checkpoint, load_checkpoint
from tidemark.index.build.pipeline import build_index
from tidemark.index.build.progress import BuildProgress
from tidemark.index.build.publishing import find_written
from tidemark.index.files.damage_file import DAMAGE, read_damage
from tidemark.index.format.manifest import PROPOSAL, IndexIdentity, Manifest
from tidemark.scratch import scratch_directory
from tidemark.settings import WorkerSettings
from worker_image.answers import report_failure, stop_on_sigterm
from worker_image.callback import home_region, session_client
from worker_image.heartbeat import Heartbeat, worker_stopped
from worker_image.log import log_json_lines

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from tidemark.index.storage.object_store import Store

SCRATCH = Path("/tmp")  # noqa: S108 - the only writable directory in the container
CRAWL_THREADS = 64  # the number of slots of an NFSv4.1 mount; more threads would wait for each other

_LOG = logging.getLogger("tidemark.worker")


def main() -> int:
    """Run the worker that the environment describes; return its exit code."""
    log_json_lines()
    try:
        settings = WorkerSettings.from_environment()
        clients = Clients()
        store = open_store(settings.repository, clients.of("s3", home_region(settings)))
        states = session_client(clients, settings)
    except TidemarkError as error:
        _LOG.error("the worker cannot start", extra={"reason": str(error)})
        return error.exit_code
    return run(settings, store=store, states=states, now=utc_now)


def run(
    settings: WorkerSettings,
    *,
    store: Store,
    states: SFNClient,
    now: Callable[[], datetime],
    scratch: Path = SCRATCH,
) -> int:
    """Make one index and report to the session; return the exit code. Must run in the main thread."""
    identity = IndexIdentity(
        account=settings.account,
        region=settings.region,
        file_system_id=settings.file_system_id,
        index_id=settings.index_id,
    )
    try:
        with translated():
            if (written := find_written(store, identity)) is not None:
                # Written by an earlier worker that ended before it could report.
                result = _result(store, written.manifest, written.key, written.sha256)
                _LOG.info("an earlier worker wrote the index", extra={"index_id": identity.index_id})
                states.send_task_success(taskToken=settings.task_token, output=json.dumps(result))
                return 0
            earlier, pending = _where_to_begin(store, identity)
            options, damage = _options(settings), _damage(settings)
            crawl = open_crawl(os.fsencode(settings.root), options, pending)
    except Exception as error:
        return _fail(states, settings, error)
    attempt = f"attempt-{secrets.token_hex(8)}"
    progress = BuildProgress()
    heartbeat = Heartbeat(
        states,
        store,
        identity,
        task_token=settings.task_token,
        every_seconds=settings.heartbeat_seconds,
        crawl=crawl.progress,
        build=progress,
        stop_crawl=crawl.stop,
        now=now,
    )
    stopped = worker_stopped(f"index {settings.index_id}")
    stop_on_sigterm(heartbeat, lambda: report_failure(states, settings.task_token, stopped))
    _LOG.info("indexing starts", extra={"index_id": settings.index_id})
    try:
        with translated(), scratch_directory(scratch) as own:
            heartbeat.start()
            try:
                manifest = build_index(
                    crawl,
                    store,
                    identity,
                    scratch=own,
                    now=now,
                    worker=f"tidemark/{__version__}",
                    excluded=options.exclude,
                    may_continue=heartbeat.check,
                    may_complete=heartbeat.check_now,
                    progress=progress,
                    resume=earlier,
                    attempt=attempt,
                    damage=damage,
                    accepted_until=settings.accepted_until,
                )
            except CrawlStopped:
                heartbeat.check()  # raises the reason
                raise
            finally:
                heartbeat.close()
            sha256 = hashlib.sha256(manifest.to_json()).hexdigest()
            result = _result(store, manifest, f"{identity.prefix}{attempt}/{PROPOSAL}", sha256)
            states.send_task_success(taskToken=settings.task_token, output=json.dumps(result))
    except Exception as error:
        return _fail(states, settings, error)
    if manifest.unmatched:
        _LOG.warning("patterns matched no directory", extra={"unmatched": list(manifest.unmatched)})
    _LOG.info("the index is written", extra=result)
    return 0


def _options(settings: WorkerSettings) -> CrawlOptions:
    return CrawlOptions(
        threads=CRAWL_THREADS,
        exclude=(*RESTORE_DIRECTORIES, *map(_exclusion, settings.exclude)),
        operations_per_second=settings.operations_per_second or None,
    )


def _damage(settings: WorkerSettings) -> DamageSettings:
    if not settings.damage:
        return DamageSettings()
    try:
        return DamageSettings.from_json(json.loads(settings.damage))
    except (ValueError, TypeError, AttributeError) as error:  # in a policy that another version accepted
        raise ConfigurationError(f"the policy has invalid thresholds for damage: {error}") from error


def _exclusion(pattern: str) -> Exclusion:
    try:
        return Exclusion.parse(pattern)
    except ValueError as error:  # in a policy that an earlier version accepted
        raise ConfigurationError(f"the policy has an invalid exclusion: {error}") from error


def _where_to_begin(store: Store, identity: IndexIdentity) -> tuple[Checkpoint | None, Iterable[bytes]]:
    """Return the checkpoint of an earlier worker of this index, if any, and the directories to start at."""
    earlier = load_checkpoint(store, identity)
    if earlier is None:
        return None, (ROOT,)
    _LOG.info("resuming from a checkpoint", extra={"entries": earlier.entries})
    return earlier, earlier.pending_directories(store)


def _fail(states: SFNClient, settings: WorkerSettings, error: Exception) -> int:
    failure = _in_words(error)
    _LOG.error(
        "the index was not completed",
        extra={"error": type(failure).__name__, "reason": str(failure)},
        exc_info=None if isinstance(error, TidemarkError) else error,
    )
    if not isinstance(failure, LeaseLost):
        report_failure(states, settings.task_token, failure)
    return failure.exit_code


def _in_words(error: Exception) -> TidemarkError:
    if isinstance(error, TidemarkError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return IndexingFailed(
            f"cannot write to the worker's scratch directory: {error.strerror}; give it more space"
        )
    return IndexingFailed(f"{type(error).__name__}: {error}; see the worker's log, then rerun the session")


def _result(store: Store, manifest: Manifest, key: str, sha256: str) -> dict[str, str | int]:
    totals, damage, record = manifest.totals, read_damage(store, manifest), manifest.side_file(DAMAGE)
    return {
        "index_id": manifest.index_id,
        "manifest_key": key,
        "manifest_sha256": sha256,
        "files": totals.files,
        "directories": totals.directories,
        "others": totals.others,
        "bytes": totals.bytes,
        "unreadable": totals.unreadable,
        "vanished": totals.vanished,
        "unmatched": len(manifest.unmatched),
        "crawl_started_at": manifest.crawl_started_at.isoformat(),
        "crawl_ended_at": manifest.crawl_ended_at.isoformat(),
        "damage": damage.verdict.status.value if damage else "",
        "damage_key": manifest.identity.prefix + record.file if record else "",
    }


if __name__ == "__main__":
    sys.exit(main())
