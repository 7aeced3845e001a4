"""Runs jobs: one at a time per file system, over scaled time, with real bytes.

A job's state depends on the clock, on the other jobs of its file system, and on its *work* (a thread that
copies the tree). States change only in `JobEngine._advance`, which runs every few milliseconds while there
are unfinished jobs, and before every response.

Faults: when a job starts to run, `cloud.faults` checks the operation `BackupJob`, `CopyJob` or `RestoreJob`
of the service `backup`; `match` is searched in "RESOURCE-ARN VAULT-ARN JOB-ID". For example,
    Fault(service="backup", operation="CopyJob", action="fail", calls=(2, 2),
          error_code="FAILED", message="Access denied trying to call AWS Backup service")
ends the second copy in FAILED with that StatusMessage, at the time when it would have completed. `error_code`
is the final state if the kind of job can have it: FAILED, EXPIRED, ABORTED, or PARTIAL (the bytes are kept);
any other text means FAILED. "delay" makes the job longer by `seconds` real seconds. Faults on the API calls
themselves (`StartBackupJob`, ...) work as for any other call.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeGuard, TypeVar

from localcloud.backup.errors import InvalidParameterValue
from localcloud.backup.jobs import MOST_COPIES, STILL_BUSY, WAITING, BackupJob, CopyJob, Job, RestoreJob
from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import AwsError, Cloud
from localcloud.core.faults import InjectedFault, KillCaller

TICK_SECONDS = 0.02
J = TypeVar("J", bound=Job)


@dataclass(slots=True, kw_only=True)
class Durations:
    """Durations of jobs in unscaled AWS seconds; a job never completes before its bytes are copied."""

    created: float = 5.0  # delay before an unblocked job starts to run
    backup: float = 600.0
    copy: float = 600.0
    restore: float = 600.0

    def of(self, job: Job) -> float:
        """Return how many seconds a job of this kind is RUNNING."""
        return {BackupJob: self.backup, CopyJob: self.copy, RestoreJob: self.restore}[type(job)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a job's work."""

    state: str = "COMPLETED"
    message: str | None = None
    size: int = 0


class JobFailed(Exception):
    """The work cannot be done; the message becomes the job's StatusMessage."""


@dataclass(slots=True)
class Work:
    """The thread that does the work of a job."""

    stop: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None  # set by the thread when it ends
    instead: Outcome | None = (
        None  # set when the thread is to stop: the job's result in place of the thread's
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The engine's interface to one kind of job."""

    operation: str  # its operation name in faults
    fault_states: tuple[str, ...]  # final states that a fault may request
    begin: Callable[[Any], None]  # called with a job that has just become RUNNING
    run: Callable[[Any, threading.Event], int]  # in a thread; returns the bytes, raises JobFailed
    settle: Callable[[Any], None]  # called with a job in its final state


class JobEngine:
    """All jobs of all accounts and Regions."""

    def __init__(self, cloud: Cloud, durations: Durations) -> None:
        self.cloud, self.durations = cloud, durations
        self.workers: dict[type[Job], Worker] = {}
        self.saved: Callable[[Job], None] = lambda _: None
        self.observed: Callable[[Job], None] = lambda _: None  # as `saved`, for jobs of this run
        self._jobs: dict[str, Job] = {}
        self._work: dict[str, Work] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def remember(self, job: Job) -> None:
        """Add a job that ended in an earlier run."""
        with self._lock:
            self._save(job)

    def submit(self, job: J) -> J:
        """Add a new job and return it; returns the earlier job when the request's token was used before.

        Raises InvalidParameterValue when the token came with other parameters: AWS documents no behavior for
        that case, and the client would get a recovery point that it did not request.
        """
        with self._lock:
            earlier = next((known for known in self._jobs.values() if _same_token(known, job)), None)
            if earlier is not None:
                if earlier.request != job.request:
                    raise InvalidParameterValue("The idempotency token was used with other parameters")
                return earlier
            self._save(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="backup-jobs", daemon=True)
                self._thread.start()
        self._wake.set()
        return job

    def find(self, kind: type[J], job_id: str) -> J | None:
        """Return the current state of the job."""
        with self._lock:
            self._advance()
            job = self._jobs.get(job_id)
            return job if isinstance(job, kind) else None

    def all(self, kind: type[J]) -> list[J]:
        """Return the jobs of one kind in their current state, newest first."""
        with self._lock:
            self._advance()
            jobs = [job for job in self._jobs.values() if isinstance(job, kind)]
        return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)

    def change(self, job: Job, **changes: Any) -> None:
        """Replace fields of a job."""
        with self._lock:
            self._save(replace(self._jobs[job.id], **changes))

    def stop(self, job: Job) -> None:
        """Abort a backup job that has not ended."""
        with self._lock:
            if job.state in WAITING:
                self._end(job, Outcome(state="ABORTED", message="The job was stopped by the user."))
            elif job.state == "RUNNING":
                self._save(replace(job, state="ABORTING"))
                self._give_up(job, Outcome(state="ABORTED", message="The job was stopped by the user."))

    def close(self) -> None:
        """Stop all work."""
        with self._lock:
            for work in self._work.values():
                work.stop.set()

    def _run(self) -> None:
        try:
            while True:
                with self._lock:
                    self._advance()
                    busy = any(job.unfinished for job in self._jobs.values())
                if busy:
                    self.cloud.clock.sleep_real(TICK_SECONDS)
                else:
                    self._wake.wait()
                self._wake.clear()
        except ShuttingDown:
            return

    def _advance(self) -> None:
        now = self.cloud.clock.now()
        for job in [job for job in self._jobs.values() if job.unfinished]:
            if job.state in WAITING:
                self._advance_waiting(job, now)
            else:
                self._advance_running(job, now)

    def _advance_waiting(self, job: Job, now: datetime) -> None:
        if isinstance(job, BackupJob) and now > job.start_by:
            self._end(job, Outcome(state="EXPIRED", message=STILL_BUSY))
            return
        soonest = job.created_at + timedelta(seconds=self.cloud.clock.seconds(self.durations.created))
        # Only backups and copies exclude each other. Source: AWS Backup's quotas.
        if now >= soonest and (isinstance(job, RestoreJob) or not self._held_back(job)):
            self._begin(job)

    def _advance_running(self, job: Job, now: datetime) -> None:
        work = self._work[job.id]
        if isinstance(job, BackupJob) and work.instead is None and now > job.complete_by:
            self._give_up(job, Outcome(state="EXPIRED", message="Backup job expired before completion."))
        if work.outcome is None:
            return  # even when it is to stop: its bytes cannot be removed while the thread writes them
        if work.instead:
            self._end(job, work.instead)
        elif job.due_at is None or now >= job.due_at:
            self._end(job, work.outcome)

    def _give_up(self, job: Job, outcome: Outcome) -> None:
        self._work[job.id].instead = outcome
        self._work[job.id].stop.set()

    def _held_back(self, job: Job) -> bool:
        return self._busy(job.resource_arn) or (isinstance(job, CopyJob) and self._crowded(job))

    def _crowded(self, copy: CopyJob) -> bool:
        there = (copy.account, copy.vault.account, copy.vault.region)
        running = (job for job in self._jobs.values() if isinstance(job, CopyJob) and job.state == "RUNNING")
        return (
            sum((job.account, job.vault.account, job.vault.region) == there for job in running) >= MOST_COPIES
        )

    def _busy(self, resource_arn: str) -> bool:
        return any(
            job.resource_arn == resource_arn
            and job.unfinished
            and job.state not in WAITING
            and not isinstance(job, RestoreJob)
            for job in self._jobs.values()
        )

    def _begin(self, job: Job) -> None:
        due_at = self.cloud.clock.deadline(self.durations.of(job))
        # Not the time of the round: a job that ended during it is over before this one begins.
        started = replace(job, state="RUNNING", initiated_at=self.cloud.clock.now(), due_at=due_at)
        try:
            self.workers[type(job)].begin(started)
        except AwsError as error:  # the vault is gone
            self._end(started, Outcome(state="FAILED", message=error.message))
            return
        self._save(started)
        self._work[job.id] = work = Work()
        threading.Thread(target=self._do, args=(started, work), name=f"job-{job.id}", daemon=True).start()

    def _do(self, job: Job, work: Work) -> None:
        worker = self.workers[type(job)]
        try:
            forced = self._fault(job, worker)
            if forced and forced.state != "PARTIAL":
                outcome = forced
            else:
                outcome = replace(forced or Outcome(), size=worker.run(job, work.stop))
        except JobFailed as error:
            outcome = Outcome(state="FAILED", message=str(error))
        except ShuttingDown:
            return
        except Exception as error:  # a thread that records no outcome would leave its job RUNNING forever
            traceback.print_exc()
            outcome = Outcome(state="FAILED", message=f"the local cloud failed: {error!r}")
        work.outcome = outcome
        self._wake.set()

    def _fault(self, job: Job, worker: Worker) -> Outcome | None:
        text = f"{job.resource_arn} {getattr(job, 'vault', '')} {job.id}"
        try:
            self.cloud.faults.check("backup", worker.operation, job.region, text, job.role_arn)
        except InjectedFault as fault:
            state = fault.code if fault.code in worker.fault_states else "FAILED"
            return Outcome(state=state, message=fault.message)
        except KillCaller:
            return Outcome(state="FAILED", message="a fault injected by the local cloud")
        return None

    def _end(self, job: Job, outcome: Outcome) -> None:
        ended = replace(
            job,
            state=outcome.state,
            status_message=outcome.message,
            size=outcome.size,
            completed_at=self.cloud.clock.now(),
        )
        self._work.pop(job.id, None)
        self.workers[type(job)].settle(ended)
        self._save(ended)

    def _save(self, job: Job) -> None:
        self._jobs[job.id] = job
        self.saved(job)
        self.observed(job)


def _same_token(known: Job, job: J) -> TypeGuard[J]:
    return (
        job.token is not None
        and (known.token, known.account, known.region) == (job.token, job.account, job.region)
        and type(known) is type(job)
    )
