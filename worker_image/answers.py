"""How workers answer the step that waits for them, and how they end on SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import RestoreFailed, TidemarkError, WorkerStopped
from worker_image.task_heartbeat import TOKEN_IS_DEAD, TaskHeartbeat

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

STOP_SECONDS = 20  # ECS kills 30 seconds after SIGTERM; a hung mount must not prevent the report
_CAUSE_LENGTH = 32_768  # Source: SendTaskFailure, cause

_LOG = logging.getLogger("tidemark.worker")


def report_failure(states: SFNClient, task_token: str, failure: TidemarkError) -> None:
    """Fail the step that waits for the worker; log if that is impossible."""
    try:
        states.send_task_failure(
            taskToken=task_token, error=type(failure).__name__, cause=str(failure)[:_CAUSE_LENGTH]
        )
    except ClientError as error:
        if code_of(error) not in TOKEN_IS_DEAD:
            _LOG.warning("the failure could not be reported", extra={"reason": str(error)})
    except BotoCoreError as error:
        _LOG.warning("the failure could not be reported", extra={"reason": str(error)})


def in_words(error: Exception, of_files: Callable[[str], str]) -> TidemarkError:
    """Return the error to report; `of_files` words the reason of an error of the file system."""
    if isinstance(error, TidemarkError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return RestoreFailed(of_files(error.strerror))
    return RestoreFailed(f"{type(error).__name__}: {error}; see the worker's log, then redrive the session")


def stop_on_sigterm(heartbeat: TaskHeartbeat, report: Callable[[], None]) -> None:
    """At the first SIGTERM, stop in an orderly way; exit after STOP_SECONDS in any case."""

    def leave() -> None:
        report()
        os._exit(WorkerStopped.exit_code)

    def stop(_signal: int, _frame: object) -> None:
        heartbeat.stop()
        timer = threading.Timer(STOP_SECONDS, leave)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, stop)
