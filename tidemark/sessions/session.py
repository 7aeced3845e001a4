"""The record of a backup session: one run of one policy for one file system."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, cast

from tidemark.sessions.transactions import Item, Value


@dataclass(frozen=True, slots=True, order=True)
class FileSystem:
    """An EFS file system in any account and Region."""

    account: str
    region: str
    file_system_id: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}/{self.file_system_id}"

    @classmethod
    def parse(cls, text: str, *, home: tuple[str, str] | None = None) -> FileSystem:
        """Return the file system from its `str` form.

        `home` is an account and a Region; with it, both may be missing in the text, or the account alone.
        """
        before = home or ()
        parts = (*before[: 2 - text.count("/")], *text.split("/"))
        account, region, file_system_id = parts
        return cls(account, region, file_system_id)

    def name_at(self, home: tuple[str, str]) -> str:
        """Return the shortest text from which `parse` with the same `home` returns the file system."""
        if self.account != home[0]:
            return str(self)
        return self.file_system_id if self.region == home[1] else f"{self.region}/{self.file_system_id}"

    @property
    def site(self) -> tuple[str, str]:
        """Its account and Region."""
        return self.account, self.region

    @property
    def arn(self) -> str:
        """The ARN of the file system, which AWS Backup uses as its resource ARN."""
        return (
            f"arn:{partition_of(self.region)}:elasticfilesystem:{self.region}:{self.account}"
            f":file-system/{self.file_system_id}"
        )


_PARTITIONS = {  # by prefix of the Region; all others are in `aws`. Source: botocore's partitions.json.
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}


def partition_of(region: str) -> str:
    """Return the AWS partition of a Region, as used in ARNs."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


class SessionStatus(StrEnum):
    """The status of a session; everything but `running` is final until a redrive."""

    RUNNING = "running"
    SUCCESS = "success"
    WARNING = "warning"  # a recovery point, but a copy or the index is missing
    FAILED = "failed"  # no recovery point
    ABORTED = "aborted"  # its execution was stopped from outside


PointKind = Literal["backup", "copy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A recovery point, or a copy of one, that a session made."""

    recovery_point_arn: str
    kind: PointKind
    account: str
    region: str
    vault: str
    job_id: str
    size_bytes: int  # bytes that the job transferred; for an EFS backup, the changes since the last one
    completed_at: datetime  # UTC
    issues: str = ""  # AWS Backup's message, if the job did not end in a plain success
    tag_problem: str = ""  # why its index could not be written to its tags


UNKNOWN_DAYS = 0  # for a job recorded by a version that did not record its retention


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A backup or copy job that a session has started, with its last recorded state."""

    job_id: str
    kind: PointKind
    account: str  # this and the next two fields are those of the job's recovery point
    region: str
    vault: str
    started_at: datetime  # UTC
    state: str = "CREATED"  # AWS Backup's state, when last recorded
    message: str = ""  # AWS Backup's message about the end of the job
    keep_days: int | None = UNKNOWN_DAYS  # the requested retention of the point; None: forever
    cold_after_days: int | None = None  # requested until the point moves to cold storage; None: never

    @property
    def is_running(self) -> bool:
        """Whether the state can still change."""
        return self.state in RUNNING_JOB_STATES

    @property
    def end(self) -> str:
        """The state of the ended job, followed by AWS Backup's reason."""
        return f"{self.state}: {self.message or 'AWS Backup gave no reason'}"


# Source: the model of AWS Backup, BackupJobState and CopyJobState.
RUNNING_JOB_STATES = frozenset({"CREATED", "PENDING", "RUNNING", "ABORTING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One backup session. Its id is the name of its Step Functions execution."""

    session_id: str
    policy: str
    file_system: FileSystem
    execution_arn: str
    opened_at: datetime  # UTC
    index_wanted: bool
    status: SessionStatus = SessionStatus.RUNNING
    reasons: tuple[str, ...] = ()  # why the status is not success, in words
    ended_at: datetime | None = None
    redriven_at: datetime | None = None  # when the last redrive began
    index_id: str | None = None
    points: tuple[Point, ...] = ()
    waiting_token: str | None = None  # the task token of its state that waits for the index
    jobs: tuple[Job, ...] = ()  # oldest first
    flags: tuple[str, ...] = ()  # of D, W, M and Y; empty for a run that was started manually or by a cron
    is_manual: bool = False  # a user started the run; False if an earlier version recorded it
    # How long its index is kept after it ended, even without points, in days; None: forever.
    index_keep_days: int | None = 0

    def keep_days_of(self, job_id: str) -> int | None:
        """Return the requested retention of a job's point: None for forever, UNKNOWN_DAYS if not recorded."""
        return next((job.keep_days for job in self.jobs if job.job_id == job_id), UNKNOWN_DAYS)

    def cold_after_days_of(self, job_id: str) -> int | None:
        """Return the days after which a job's point was requested to move to cold storage; None: never."""
        return next((job.cold_after_days for job in self.jobs if job.job_id == job_id), None)

    @property
    def earlier_points(self) -> tuple[Point, ...]:
        """The points of attempts before the redrive, which the index of this attempt does not describe."""
        begun = self.redriven_at
        return tuple(point for point in self.points if begun is not None and point.completed_at < begun)

    @property
    def open_jobs(self) -> tuple[Job, ...]:
        """The jobs whose end is not recorded yet."""
        return tuple(job for job in self.jobs if job.is_running)

    @property
    def is_watched(self) -> bool:
        """Whether the sweeper watches the session: its execution, or jobs left by a stopped one."""
        return self.status is SessionStatus.RUNNING or (
            self.status is SessionStatus.ABORTED and bool(self.open_jobs)
        )

    def to_item(self) -> dict[str, Value]:
        """Return the session as its item in the table `sessions`."""
        item: dict[str, Value] = {
            "session_id": self.session_id,
            "policy": self.policy,
            "file_system": str(self.file_system),
            "execution_arn": self.execution_arn,
            "opened_at": self.opened_at.isoformat(),
            "month": f"{self.opened_at:%Y-%m}",
            "index_wanted": self.index_wanted,
            "status": self.status.value,
            "reasons": self.reasons,
            "points": {point.recovery_point_arn: point_to_map(point) for point in self.points},
        }
        for job in self.jobs:
            item[job_attribute(job.job_id)] = job_to_map(job)
        if self.is_watched:
            item["running"] = RUNNING_MARK
        if self.ended_at is not None:
            item["ended_at"] = self.ended_at.isoformat()
        if self.redriven_at is not None:
            item["redriven_at"] = self.redriven_at.isoformat()
        if self.index_id is not None:
            item["index_id"] = self.index_id
        if self.waiting_token is not None:
            item["waiting_token"] = self.waiting_token
        if self.flags:
            item["flags"] = self.flags
        if self.is_manual:
            item["is_manual"] = True
        if self.index_keep_days != 0:
            item["index_keep_days"] = _FOREVER if self.index_keep_days is None else self.index_keep_days
        return item

    @classmethod
    def from_item(cls, item: Item) -> Session:
        """Return the session that an item of the table `sessions` records."""
        ended_at, redriven_at = item.get("ended_at"), item.get("redriven_at")
        points = cast(Mapping[str, Mapping[str, object]], item.get("points", {}))
        return cls(
            session_id=str(item["session_id"]),
            policy=str(item["policy"]),
            file_system=FileSystem.parse(str(item["file_system"])),
            execution_arn=str(item["execution_arn"]),
            opened_at=datetime.fromisoformat(str(item["opened_at"])),
            index_wanted=bool(item["index_wanted"]),
            status=SessionStatus(str(item["status"])),
            reasons=tuple(str(reason) for reason in cast(tuple[object, ...], item.get("reasons", ()))),
            ended_at=None if ended_at is None else datetime.fromisoformat(str(ended_at)),
            redriven_at=None if redriven_at is None else datetime.fromisoformat(str(redriven_at)),
            index_id=_optional(item, "index_id"),
            points=tuple(
                sorted(
                    (_point_from_map(entry) for entry in points.values()),
                    key=lambda point: (point.completed_at, point.recovery_point_arn),
                )
            ),
            waiting_token=_optional(item, "waiting_token"),
            jobs=tuple(
                sorted(
                    (
                        _job_from_map(cast(Mapping[str, object], value))
                        for name, value in item.items()
                        if name.startswith(_JOB)
                    ),
                    key=lambda job: (job.started_at, job.job_id),
                )
            ),
            flags=tuple(str(flag) for flag in cast(tuple[object, ...], item.get("flags", ()))),
            is_manual=bool(item.get("is_manual", False)),
            index_keep_days=_days(item.get("index_keep_days", 0)),
        )


# The value of the sparse attribute `running`; see schema.RUNNING.
RUNNING_MARK = "yes"


def point_to_map(point: Point) -> dict[str, object]:
    """Return the point as its entry in a session's map `points`."""
    return {**dataclasses.asdict(point), "completed_at": point.completed_at.isoformat()}


def _point_from_map(entry: Mapping[str, object]) -> Point:
    fields = dict(entry)
    fields["completed_at"] = datetime.fromisoformat(str(entry["completed_at"]))
    fields["size_bytes"] = int(str(entry["size_bytes"]))
    return Point(**fields)  # type: ignore[arg-type]  # the map is what point_to_map wrote


# Each job is a separate attribute, because older records may lack a map to add it to.
_JOB = "job#"
_FOREVER = -1  # the value of days in a record, which cannot contain None


def job_attribute(job_id: str) -> str:
    """Return the name of a job's attribute in its session's item."""
    return _JOB + job_id


def job_to_map(job: Job) -> dict[str, object]:
    """Return the job as the value of its attribute."""
    kept = _FOREVER if job.keep_days is None else job.keep_days
    fields = {**dataclasses.asdict(job), "started_at": job.started_at.isoformat(), "keep_days": kept}
    if job.cold_after_days is None:
        del fields["cold_after_days"]  # a record cannot contain None
    return fields


def _job_from_map(entry: Mapping[str, object]) -> Job:
    fields = {**entry, "started_at": datetime.fromisoformat(str(entry["started_at"]))}
    if "keep_days" in entry:
        fields["keep_days"] = _days(entry["keep_days"])
    if "cold_after_days" in entry:
        fields["cold_after_days"] = int(str(entry["cold_after_days"]))
    return Job(**fields)  # type: ignore[arg-type]  # the map is what job_to_map wrote


def _days(value: object) -> int | None:
    days = int(str(value))
    return None if days == _FOREVER else days


def _optional(item: Item, attribute: str) -> str | None:
    return str(item[attribute]) if attribute in item else None
