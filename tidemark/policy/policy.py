"""A policy as the Lambdas and the CLI read it: plain values with a JSON form.

`infra/` stores each policy's JSON in the SSM parameter that `policy_parameter` names. Standard library
only, so that Lambda cold starts do not import pydantic; the rules for user input are in
`configuration.py`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self

from tidemark.damage.settings import DamageSettings
from tidemark.errors import FileSystemNotInPolicy, MalformedFileSystemId
from tidemark.policy.calendars import Calendar, Retention, longest
from tidemark.policy.selection import Selection, place_of
from tidemark.policy.sites import file_system_id_of

# Source: botocore's efs model, shape FileSystemId.
FILE_SYSTEM_ID = re.compile(r"fs-[0-9a-f]{8,40}")
# Optionally after an account, by its id or by its name in tidemark.yaml, and a Region.
_NAME = re.compile(rf"(([a-z0-9-]+/)?[a-z0-9-]+/)?{FILE_SYSTEM_ID.pattern}")

# The sessions of one run pass through policy-run's states, which hold 256 KiB, and take 10 events each of the
# 25,000 that an execution can have. Source: Step Functions Developer Guide, "Step Functions service quotas".
MOST_FILE_SYSTEMS = 1_000
MOST_DRILLED = 1_000  # files of a drill; more is a restore of the file system
LONGEST_KEEP_DAYS = 36_500  # 100 years. Source: StartBackupJob, Lifecycle
SHORTEST_COLD_DAYS = 90  # in cold storage. Source: AWS Backup API Reference, Lifecycle
MANUAL = "manual"  # stands for a flag: runs that carry none, because they were started manually

# Omitted from JSON if None, so that the document of a policy without them is that of earlier versions.
_OMITTED = (
    "calendar",
    "cold_after_days",
    "damage",
    "hold_days",
    "notify",
    "retentions",
    "retries",
    "selection",
    "vaults",
)

DEFAULT_INSTANCE_TYPE = "m7g.large"  # of EC2 workers

WorkerKind = Literal["fargate", "ec2"]
Notified = Literal["success", "warning", "failure"]


def check_file_system_id(text: str) -> str:
    """Return `text`, which is an EFS file system id such as `fs-0123456789abcdef0`.

    Raises MalformedFileSystemId otherwise; ARNs are not ids.
    """
    if not FILE_SYSTEM_ID.fullmatch(text):
        raise MalformedFileSystemId(text)
    return text


def id_of(name: str) -> str:
    """Return the id in the name of a file system: an id, or an id after its site as in tidemark.yaml.

    Ids are unique in a deployment. Raises MalformedFileSystemId.
    """
    if not _NAME.fullmatch(name):
        raise MalformedFileSystemId(name)
    return file_system_id_of(name)


def policy_parameter(deployment: str, policy: str) -> str:
    """Return the name of the SSM parameter that holds a policy's JSON."""
    return f"/{deployment}/policies/{policy}"


def resources_parameter(deployment: str) -> str:
    """Return the name of the SSM parameter that lists the resources of a deployment."""
    return f"/{deployment}/resources"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a policy runs, in EventBridge Scheduler's syntax."""

    expression: str  # cron(...) with six fields, or rate(...)
    time_zone: str = "UTC"  # IANA name; Scheduler handles daylight saving time

    @property
    def is_rate(self) -> bool:
        """Whether it counts from its deployment; otherwise it is a cron."""
        return self.expression.startswith("rate(")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CopyTarget:
    """A vault to which each recovery point is copied."""

    region: str
    vault: str
    account: str | None = None  # None: the account of the file system
    keep_days: int | None  # None keeps forever
    cold_after_days: int | None = None  # until a copy moves to cold storage; None: never
    # By flag, or MANUAL, instead of the two above. Runs without any of these are not copied.
    retentions: tuple[tuple[str, Retention], ...] | None = None

    def for_run(self, flags: Sequence[str]) -> CopyTarget | None:
        """Return the target with the retention of a run's copies; None if the run is not copied."""
        if self.retentions is None:
            return self
        kept = longest(dict(self.retentions), flags or (MANUAL,))
        if kept is None:
            return None
        return dataclasses.replace(
            self, keep_days=kept.keep_days, cold_after_days=kept.cold_after_days, retentions=None
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The machine that crawls a file system, and its network."""

    kind: WorkerKind = "fargate"
    cpu_units: int = 1024  # 1024 units are one vCPU; Fargate only
    memory_mib: int = 2048  # Fargate only
    instance_type: str | None = None  # EC2 only; None: DEFAULT_INSTANCE_TYPE
    subnets: tuple[str, ...] = ()  # empty: chosen from the file system's mount targets
    security_groups: tuple[str, ...] = ()  # empty: chosen from the file system's mount targets
    public_address: bool = False  # for subnets whose only route out is an internet gateway


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSettings:
    """How a worker reads a file system to create its index."""

    exclude: tuple[str, ...] = ()  # patterns of directories; see exclusions.py
    operations_per_second: int | None = None  # metadata operations; None: no limit


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrillSettings:
    """How much a drill restores of each file system, and when."""

    files: int = 20
    most_bytes: int = 10_000_000_000
    schedule: Schedule | None = None  # None: started manually only


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How often, and after which time, the failed sessions of a scheduled run are run again."""

    times: int
    interval_seconds: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """Which ends of sessions are notified."""

    on: tuple[Notified, ...] = ("warning", "failure")
    after_last_retry: bool = True  # notify of a failure only if no retry follows


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to back up, when, where to and for how long, and whether to index it."""

    name: str
    account: str | None = None  # None: the account of the deployment
    region: str  # of the file systems without a Region in their names, and of `vault`
    # Ids in the deployment's account and Region; <Region>/ID in another Region, <account>/<Region>/ID in
    # another account.
    file_systems: tuple[str, ...]
    selection: Selection | None = None  # of further file systems, when the policy runs
    vault: str
    vaults: tuple[tuple[str, str], ...] | None = None  # of other Regions with file systems: Region, vault
    keep_days: int | None  # of the points of runs without flags; None keeps forever
    cold_after_days: int | None = None  # until they move to cold storage; None: never
    copies: tuple[CopyTarget, ...] = ()
    index: bool = True
    index_keep_days: int | None = 0  # minimum retention of an index after its crawl; None keeps forever
    crawl: CrawlSettings = CrawlSettings()
    schedule: Schedule | None = None
    calendar: Calendar | None = None  # instead of `schedule`; with neither, started manually only
    worker: WorkerSettings = WorkerSettings()
    drill: DrillSettings = DrillSettings()
    retries: RetrySettings | None = None  # None: failed sessions are not run again
    notify: NotifySettings | None = None  # None: the defaults of NotifySettings
    damage: DamageSettings | None = None  # thresholds of the damage alarm; None: the defaults
    hold_days: int | None = None  # how long an alarm keeps the last good points; None: it holds nothing

    def named(self, text: str) -> str:
        """Return the name of one of its file systems by that name or by its id.

        A policy that selects file systems has those of all places of its selection. Raises
        MalformedFileSystemId, FileSystemNotInPolicy.
        """
        file_system_id = check_file_system_id(file_system_id_of(text))
        for name in self.file_systems:
            if name == text or ("/" not in text and file_system_id_of(name) == file_system_id):
                return name
        if self.selection is not None and place_of(text) in self.selection.places:
            return text
        raise FileSystemNotInPolicy(text, self.name, list(self.file_systems))

    @property
    def listed_places(self) -> tuple[str, ...]:
        """The places whose file systems must be listed to know which of them a run includes."""
        if self.selection is None:
            return ()
        # File systems that the policy names may have a tag that excludes them.
        named = map(place_of, self.file_systems) if self.selection.exclude_tags else ()
        return tuple(dict.fromkeys([*self.selection.places, *named]))

    def at(self, account: str, region: str) -> Policy:
        """Return the policy for the file systems of a site: with its account, Region and vault."""
        vault = dict(self.vaults or ()).get(region, self.vault)
        return dataclasses.replace(self, account=account, region=region, vault=vault)

    @property
    def at_home(self) -> Policy:
        """The policy with the file systems in the home site only."""
        own = tuple(name for name in self.file_systems if "/" not in name)
        return self if own == self.file_systems else dataclasses.replace(self, file_systems=own)

    def flags_at(self, scheduled_time: str | None) -> tuple[str, ...]:
        """Return the flags of the run that was scheduled for a time in ISO 8601 form.

        Empty for a run that was started manually, which has no such time, or by a cron or a rate.
        """
        if self.calendar is None or not scheduled_time:
            return ()
        return self.calendar.flags_at(datetime.fromisoformat(scheduled_time))

    def for_run(self, flags: Sequence[str]) -> Policy:
        """Return the policy with the retention of a run that carries `flags`, and with the copies it makes.

        Flags that the calendar no longer has do not count; without any, the retention is that of manual runs.
        """
        kept = self.calendar.retention(flags) if self.calendar else None
        kept = kept or Retention(keep_days=self.keep_days, cold_after_days=self.cold_after_days)
        return dataclasses.replace(
            self,
            keep_days=kept.keep_days,
            cold_after_days=kept.cold_after_days,
            copies=tuple(made for copy in self.copies if (made := copy.for_run(flags)) is not None),
        )

    def for_each_flag(self) -> list[Policy]:
        """Return `for_run` of each flag of the calendar alone; empty without a calendar."""
        return [self.for_run((flag,)) for flag in (self.calendar.flags if self.calendar else ())]

    def to_json(self) -> str:
        """Return the policy as one line of JSON with sorted keys; equal policies give equal text."""
        fields = dataclasses.asdict(self)
        fields["calendar"] = self.calendar.to_fields() if self.calendar else None
        fields["copies"] = [_without_omitted(copy) for copy in fields["copies"]]
        if self.index_keep_days == 0:
            del fields["index_keep_days"]  # the default, as in documents of earlier versions
        return json.dumps(_without_omitted(fields), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the policy that `to_json` wrote.

        Ignores unknown fields, so that an older CLI can read a newer deployment. Raises TypeError if a field
        without a default is missing.
        """
        fields: dict[str, Any] = json.loads(text)
        return cls(
            **_known(cls, fields)
            | {
                "file_systems": tuple(fields["file_systems"]),
                "selection": Selection.from_fields(fields["selection"]) if fields.get("selection") else None,
                "vaults": tuple((region, vault) for region, vault in fields.get("vaults") or ()) or None,
                "copies": tuple(_copy(copy) for copy in fields.get("copies", ())),
                "schedule": _schedule(fields.get("schedule")),
                "calendar": Calendar.from_fields(fields["calendar"]) if fields.get("calendar") else None,
                "drill": _drill(fields.get("drill", {})),
                "crawl": _crawl(fields.get("crawl", {})),
                "worker": _worker(fields.get("worker", {})),
                "retries": _retries(fields.get("retries")),
                "notify": _notify(fields.get("notify")),
                "damage": DamageSettings.from_json(fields["damage"]) if fields.get("damage") else None,
            }
        )


def _copy(fields: dict[str, Any]) -> CopyTarget:
    listed = fields.get("retentions")
    retentions = None if listed is None else tuple((flag, _retention(kept)) for flag, kept in listed)
    return CopyTarget(**_known(CopyTarget, fields) | {"retentions": retentions})


def _retention(fields: dict[str, Any]) -> Retention:
    return Retention(**_known(Retention, fields))


def _schedule(fields: dict[str, Any] | None) -> Schedule | None:
    return Schedule(**_known(Schedule, fields)) if fields else None


def _drill(fields: dict[str, Any]) -> DrillSettings:
    return DrillSettings(
        **_known(DrillSettings, fields) | {"schedule": _schedule(fields.get("schedule"))},
    )


def _crawl(fields: dict[str, Any]) -> CrawlSettings:
    return CrawlSettings(
        **_known(CrawlSettings, fields) | {"exclude": tuple(fields.get("exclude", ()))},
    )


def _worker(fields: dict[str, Any]) -> WorkerSettings:
    return WorkerSettings(
        **_known(WorkerSettings, fields)
        | {
            "subnets": tuple(fields.get("subnets", ())),
            "security_groups": tuple(fields.get("security_groups", ())),
        }
    )


def _retries(fields: dict[str, Any] | None) -> RetrySettings | None:
    return RetrySettings(**_known(RetrySettings, fields)) if fields else None


def _notify(fields: dict[str, Any] | None) -> NotifySettings | None:
    if not fields:
        return None
    return NotifySettings(**_known(NotifySettings, fields) | {"on": tuple(fields.get("on", ()))})


def _without_omitted(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None or name not in _OMITTED}


def _known(cls: type, fields: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: value for name, value in fields.items() if name in names}
