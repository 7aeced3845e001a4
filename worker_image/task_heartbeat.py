"""Sends heartbeats to Step Functions, and reports when the session no longer waits for the worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.aws.errors import code_of, translate
from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# The errors of Step Functions for the token of a step that no longer waits.
# Source: SendTaskHeartbeat, Errors.
TOKEN_IS_DEAD = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})

# Pauses between attempts of a heartbeat that must succeed before the worker publishes its work: two minutes
# in total, in addition to the SDK's retries; the waiting state times out after five.
PAUSES_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)

_LOG = logging.getLogger("tidemark.worker")


class TaskHeartbeat:
    """Sends heartbeats in a separate thread until closed, and writes the worker's progress with each."""

    def __init__(
        self,
        states: SFNClient,
        *,
        task_token: str,
        every_seconds: float,
        lost: TidemarkError,
        stopped: TidemarkError,
        stop_work: Callable[[], None],
        write_progress: Callable[[], None],
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        """`lost` and `stopped` are the errors of `check`; `write_progress` must not raise."""
        self._states, self._task_token, self._every = states, task_token, every_seconds
        self._lost_error, self._stopped_error = lost, stopped
        self._stop_work, self._write_progress = stop_work, write_progress
        self._pauses = pauses
        self._closed = threading.Event()
        self._lost = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Send a heartbeat in the caller's thread, then start the heartbeat thread. Raises `lost`."""
        self._beat()
        self.check()
        self._thread.start()

    def close(self) -> None:
        """Stop the heartbeats and write the final progress. Call it only after `start` has returned."""
        self._closed.set()
        self._thread.join(timeout=5)
        self._write_progress()

    def stop(self) -> None:
        """Make `check` raise `stopped`. Safe in a signal handler."""
        self._stopped = True
        self._stop_work()

    def check(self) -> None:
        """Return if the work may continue. Raises `lost`, `stopped`."""
        if self._lost:
            raise self._lost_error
        if self._stopped:
            raise self._stopped_error

    def check_now(self) -> None:
        """Send a heartbeat; return if Step Functions confirms that it still waits.

        Raises `lost`, `stopped`, AwsUnreachable, or AWS's error if it refuses the heartbeat.
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
            self._stop_work()
        except BotoCoreError as error:
            # Continue after a lost heartbeat: the session's timeout allows for several.
            _LOG.warning("a heartbeat was lost", extra={"reason": str(error)})
            return error
        return None
