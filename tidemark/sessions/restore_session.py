"""The record of a restore session: one execution of one restore plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from tidemark.sessions.restore_test import RestoreTest
from tidemark.sessions.session import FileSystem, SessionStatus
from tidemark.sessions.transactions import Item, Value

# What a running restore session waits for.
Phase = Literal["turn", "jobs", "mounting", "placing", "verifying", "removing", "ended"]
# A drill restores a sample to a temporary file system, compares it with the index, and removes it. AWS Backup
# creates the file system of a test, and Tidemark verifies it.
Kind = Literal["restore", "drill", "test"]

# Source: the model of AWS Backup, RestoreJobStatus.
RUNNING_STATES = frozenset({"PENDING", "RUNNING"})
# Failed jobs of an attempt after which their requests are no longer divided. Without a completed job, all
# may fail for the same reason; one request out of 10,000 fails 14 jobs before the first one completes.
MOST_FAILED = 50
MOST_FAILED_FIRST = 15
YES = "yes"  # the value of attributes that are present or absent
RUNNING_MARK = YES  # the value of the sparse attribute `running`


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreJob:
    """A restore job of AWS Backup: a range of the requests of one point of the plan."""

    job_id: str
    point: int  # the number of the point in the plan, from 0
    first: int  # the number of its first request of that point
    end: int  # the number after its last request; `first` + 1 if the job restores the whole point
    attempt: int  # the redrive count of the execution that started it
    started_at: datetime  # UTC
    state: str = "PENDING"  # AWS Backup's state, when last recorded
    message: str = ""  # AWS Backup's message about the end of the job
    percent: str = ""  # AWS Backup's progress, such as 42.5; empty if not reported
    began_at: datetime | None = None  # AWS Backup's times of the job
    completed_at: datetime | None = None
    created: str = ""  # the file system that AWS Backup reports as created, also if it existed

    @property
    def is_running(self) -> bool:
        """Whether the state can still change."""
        return self.state in RUNNING_STATES

    @property
    def is_done(self) -> bool:
        """Whether the job has restored its items."""
        return self.state == "COMPLETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests of one point that no job covers yet."""

    point: int
    first: int
    end: int  # after the last request that may be in the same job


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSession:
    """One restore session. Its id is the name of its Step Functions execution."""

    restore_id: str
    plan_id: str
    file_system: FileSystem
    execution_arn: str
    started_at: datetime  # UTC
    status: SessionStatus = SessionStatus.RUNNING
    phase: Phase = "turn"
    reasons: tuple[str, ...] = ()  # why the status is not success
    ended_at: datetime | None = None
    most_items: int = 0  # items per job after a refusal; 0: the plan's number
    jobs: tuple[RestoreJob, ...] = ()  # oldest first
    totals: Mapping[str, int] = dataclasses.field(default_factory=dict)  # as the worker reported them
    worker_id: str = ""  # of the worker that the session waits for
    worker_token: str = ""  # the task token that this worker answers
    is_new: bool = False  # whether it restores to a new file system; `file_system` is then the original
    kind: Kind = "restore"
    is_removed: bool = False  # whether the new file system has been removed, as after a drill
    test: RestoreTest | None = None  # what is verified; None unless `kind` is `test`
    # What could not be set on the new file system, and why, by the part: tags, lifecycle, ...
    problems: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def target(self) -> str:
        """The id of the file system with the restored files; empty while the new one does not exist."""
        if not self.is_new:
            return self.file_system.file_system_id
        return next((job.created for job in self.jobs if job.is_done and job.created), "")

    @property
    def created(self) -> tuple[str, ...]:
        """The ids of the file systems that the jobs have created, also of failed jobs, sorted."""
        return tuple(sorted({job.created for job in self.jobs if self.is_new and job.created}))

    def next_batch(self, requests: Sequence[int], attempt: int) -> Batch | None:
        """Return the first requests that no job covers; None if jobs cover all.

        `requests` is the number of requests of each point of the plan. A job that failed in an earlier
        attempt covers nothing: a redrive restores its items again. A failed job of this attempt covers its
        request if it has only one. The requests of others get two smaller jobs, because a single request may
        have failed the job, until too many jobs of the attempt have failed.
        """
        failed = [job for job in self.jobs if job.attempt == attempt and not (job.is_running or job.is_done)]
        completed = any(job.is_done and job.attempt == attempt for job in self.jobs)
        may_divide = len(failed) < (MOST_FAILED if completed else MOST_FAILED_FIRST)
        divided = [job for job in failed if job.end - job.first > 1] if may_divide else []
        for point, count in enumerate(requests):
            covered = sorted(
                (job.first, job.end)
                for job in self.jobs
                if job.point == point
                and (job.is_running or job.is_done or (job.attempt == attempt and job not in divided))
            )
            first = 0
            for start, end in [*covered, (count, count)]:
                if start > first:
                    halves = [_half(job, first) for job in divided if job.point == point]
                    return Batch(point=point, first=first, end=min([start, *filter(None, halves)]))
                first = max(first, end)
        return None

    def to_item(self) -> dict[str, Value]:
        """Return the session as its item in the table `restores`."""
        item: dict[str, Value] = {
            "restore_id": self.restore_id,
            "plan_id": self.plan_id,
            "file_system": str(self.file_system),
            "execution_arn": self.execution_arn,
            "started_at": self.started_at.isoformat(),
            "month": f"{self.started_at:%Y-%m}",
            "status": self.status.value,
            "phase": self.phase,
            "reasons": self.reasons,
            "most_items": self.most_items,
            "totals": dict(self.totals),
            **{job_attribute(job.job_id): job_to_map(job) for job in self.jobs},
            **{problem_attribute(part): problem for part, problem in self.problems.items()},
        }
        if self.is_new:
            item["is_new"] = YES
        if self.kind != "restore":
            item["kind"] = self.kind
        if self.is_removed:
            item["is_removed"] = YES
        if self.test is not None:
            item["test"] = self.test.to_map()
        optional = {"worker_id": self.worker_id, "worker_token": self.worker_token}
        item |= {name: value for name, value in optional.items() if value}
        if self.ended_at is not None:
            item["ended_at"] = self.ended_at.isoformat()
        if self.status is SessionStatus.RUNNING:
            item["running"] = RUNNING_MARK
        return item

    @classmethod
    def from_item(cls, item: Item) -> RestoreSession:
        """Return the session that an item of the table `restores` records."""
        return cls(
            restore_id=str(item["restore_id"]),
            plan_id=str(item["plan_id"]),
            file_system=FileSystem.parse(str(item["file_system"])),
            execution_arn=str(item["execution_arn"]),
            started_at=datetime.fromisoformat(str(item["started_at"])),
            status=SessionStatus(str(item["status"])),
            phase=cast(Phase, str(item["phase"])),
            reasons=tuple(str(reason) for reason in cast(tuple[object, ...], item.get("reasons", ()))),
            ended_at=_moment(item.get("ended_at")),
            most_items=int(str(item.get("most_items", 0))),
            jobs=tuple(sorted(_jobs(item), key=lambda job: (job.started_at, job.job_id))),
            totals={
                name: int(str(value))
                for name, value in cast(Mapping[str, object], item.get("totals", {})).items()
            },
            worker_id=str(item.get("worker_id", "")),
            worker_token=str(item.get("worker_token", "")),
            is_new="is_new" in item,
            kind=cast(Kind, str(item.get("kind", "restore"))),
            is_removed="is_removed" in item,
            test=RestoreTest.from_map(item["test"]) if "test" in item else None,
            problems={
                name.removeprefix(_PROBLEM): str(value)
                for name, value in item.items()
                if name.startswith(_PROBLEM)
            },
        )


def _half(job: RestoreJob, request: int) -> int | None:
    """Return the end of the half of a job that contains a request; None if the job does not contain it."""
    if not job.first <= request < job.end:
        return None
    middle = (job.first + job.end) // 2
    return middle if request < middle else job.end


# Each job is a separate attribute, so that recording one needs no read of the others.
_JOB = "job#"
_PROBLEM = "problem#"


def job_attribute(job_id: str) -> str:
    """Return the name of a job's attribute in its session's item."""
    return _JOB + job_id


def problem_attribute(part: str) -> str:
    """Return the name of the attribute of a part of a new file system that could not be set."""
    return _PROBLEM + part


def job_to_map(job: RestoreJob) -> dict[str, object]:
    """Return the job as the value of its attribute."""
    values = dataclasses.asdict(job)
    for name in ("started_at", "began_at", "completed_at"):
        values[name] = values[name].isoformat() if values[name] else ""
    return values


def _jobs(item: Item) -> Iterator[RestoreJob]:
    for name, value in item.items():
        if name.startswith(_JOB):
            fields = dict(cast(Mapping[str, object], value))
            for moment in ("started_at", "began_at", "completed_at"):
                fields[moment] = _moment(fields[moment])
            for number in ("point", "first", "end", "attempt"):
                fields[number] = int(str(fields[number]))
            yield RestoreJob(**fields)  # type: ignore[arg-type]  # the map is what job_to_map wrote


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
