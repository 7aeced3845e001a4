"""Errors of backup, indexing and restore sessions and of their workers."""

from __future__ import annotations

from tidemark.errors.root import TidemarkError


class SessionNotFound(TidemarkError):
    """No session has this id."""

    exit_code = 16

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(message or f"no session {session_id}; list them with: tidemark sessions")


class SessionExists(TidemarkError):
    """Another execution has already opened a session with this id."""

    exit_code = 20

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session {session_id} already exists; show it with: tidemark session {session_id}")


class BackupJobFailed(TidemarkError):
    """AWS Backup ended the backup job without a recovery point."""

    exit_code = 30


class CopyJobFailed(TidemarkError):
    """AWS Backup ended the copy job without a copy."""

    exit_code = 31


class SessionFailed(TidemarkError):
    """A session or a run failed; the message gives the sessions and the reasons."""

    exit_code = 32


class DamageSuspected(TidemarkError):
    """Changes of a file system look like damage, and no person has accepted them."""

    exit_code = 57


class RestoreNotFound(TidemarkError):
    """No restore session has this id."""

    exit_code = 33

    def __init__(self, restore_id: str) -> None:
        super().__init__(f"no restore session {restore_id}; list them with: tidemark restores")


class RestoreFailed(TidemarkError):
    """A restore session failed, or restored less than its plan; the message gives the reasons."""

    exit_code = 34


class NotRestorable(TidemarkError):
    """No recovery point that can be restored holds the requested paths."""

    exit_code = 35


class WorkerNotLaunched(TidemarkError):
    """ECS or EC2 did not start the worker."""

    exit_code = 40


class CrawlFailed(TidemarkError):
    """The worker could not read the file system at all."""

    exit_code = 41


class IndexingFailed(TidemarkError):
    """An indexing session ended without an index."""

    exit_code = 42


class LeaseLost(TidemarkError):
    """This indexing session no longer holds the file system's lease."""

    exit_code = 43

    def __init__(self, index_id: str) -> None:
        super().__init__(
            f"index {index_id} no longer holds its file system's lease: the lease expired and was taken "
            f"over, or the index has already ended; no action is needed, the next session starts a new index"
        )


class IndexShared(TidemarkError):
    """No more sessions can share the index that is being created."""

    exit_code = 49

    def __init__(self, index_id: str, most: int) -> None:
        super().__init__(
            f"index {index_id} is still being created and already belongs to {most:,} sessions, the most "
            f"that its record holds; the next session after it ends starts a new index"
        )


class PruneFailed(TidemarkError):
    """Retention could not remove the indexes of a file system."""

    exit_code = 55

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; what was removed before stays removed; prune again")


class PointsNotRemoved(TidemarkError):
    """Selected recovery points were kept: a lock or a hold keeps them, or AWS Backup refused."""

    exit_code = 56

    def __init__(self, number: int, lines: str) -> None:
        points = "recovery point was" if number == 1 else "recovery points were"
        super().__init__(f"{number:,} selected {points} not deleted:\n{lines}")


class WorkerStopped(TidemarkError):
    """The worker was stopped or killed before its index was complete; another worker may complete it."""

    exit_code = 46


class WorkerCannotRun(TidemarkError):
    """The worker did not start, or ended without a result; another attempt would end the same way."""

    exit_code = 47


class WorkerNotRecorded(TidemarkError):
    """A worker stopped that may belong to a launch that is not recorded yet."""

    exit_code = 48

    def __init__(self, run: str, worker_id: str) -> None:
        super().__init__(
            f"{worker_id} stopped while a worker of {run} was being launched; Lambda retries "
            f"the event in a minute, when the launch is recorded; no action is needed"
        )
