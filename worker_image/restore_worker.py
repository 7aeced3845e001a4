"""The restore worker, on Fargate and on EC2: place what AWS Backup has restored, compare it, report.

`python -m worker_image.restore_worker`, configured by `settings.RestoreWorkerSettings`. The exit code is 0
for an answered session, otherwise that of the error reported to it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import translated
from tidemark.aws.s3_store import open_store
from tidemark.errors import TidemarkError, WorkerStopped
from tidemark.index.storage.object_store import Store
from tidemark.restore.plan import Plan
from tidemark.settings import RestoreWorkerSettings
from worker_image.answers import in_words, report_failure, stop_on_sigterm
from worker_image.callback import home_region, session_client
from worker_image.heartbeat import worker_stopped
from worker_image.log import log_json_lines
from worker_image.restored_jobs import JobPlacer, RestoreResults
from worker_image.task_heartbeat import TaskHeartbeat

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LOG = logging.getLogger("tidemark.worker")


def main() -> int:
    """Run the worker that the environment describes; return its exit code."""
    log_json_lines()
    try:
        settings = RestoreWorkerSettings.from_environment()
        clients = Clients()
        store = open_store(settings.repository, clients.of("s3", home_region(settings)))
        states = session_client(clients, settings)
    except TidemarkError as error:
        _LOG.error("the worker cannot start", extra={"reason": str(error)})
        return error.exit_code
    return run(settings, store=store, states=states, now=utc_now)


def run(
    settings: RestoreWorkerSettings, *, store: Store, states: SFNClient, now: Callable[[], datetime]
) -> int:
    """Place what the jobs of a session have restored; report to the session and return the exit code.

    Must run in the main thread. A worker that is run again continues where an earlier one was interrupted.
    """
    subject = f"restore {settings.restore_id}"
    file_system = f"{settings.account}/{settings.region}/{settings.file_system_id}"
    results = RestoreResults(store, f"restores/{file_system}/{settings.restore_id}/", now)
    stopped = worker_stopped(subject)
    heartbeat = TaskHeartbeat(
        states,
        task_token=settings.task_token,
        every_seconds=settings.heartbeat_seconds,
        lost=WorkerStopped(f"the worker of {subject} was replaced by another; no action is needed"),
        stopped=stopped,
        stop_work=lambda: None,  # `check` is called before each action
        write_progress=results.write_progress,
    )
    stop_on_sigterm(heartbeat, lambda: report_failure(states, settings.task_token, stopped))
    _LOG.info("placing starts", extra={"restore_id": settings.restore_id})
    try:
        with translated():
            key = f"restores/{file_system}/plans/{settings.plan_id}.json"
            plan = Plan.from_json(store.get(key), f"{store.url}/{key}")
            heartbeat.start()
            try:
                placer = JobPlacer(
                    os.fsencode(settings.root), store, plan, results, may_continue=heartbeat.check
                )
                for job in results.jobs():
                    placer.place(job)
                heartbeat.check_now()
            finally:
                heartbeat.close()
            states.send_task_success(taskToken=settings.task_token, output=json.dumps(results.totals))
    except Exception as error:
        failure = in_words(error, _not_placed)
        _LOG.error(
            "the restored files were not all placed",
            extra={"error": type(failure).__name__, "reason": str(failure)},
            exc_info=None if isinstance(error, TidemarkError) else error,
        )
        report_failure(states, settings.task_token, failure)
        return failure.exit_code
    _LOG.info("the restored files are placed", extra=dict(results.totals))
    return 0


def _not_placed(reason: str) -> str:
    return (
        f"placing the restored files failed: {reason}; what was not placed is still in the directory "
        f"aws-backup-restore_* in the root of the file system; redrive the session when the cause is fixed"
    )


if __name__ == "__main__":
    sys.exit(main())
