"""The items of the table `indexes`: a file system's lease, its indexes, and their associations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import cast

from tidemark.sessions.session import FileSystem
from tidemark.sessions.sweep_schedule import SWEEP_INTERVAL
from tidemark.sessions.transactions import Item, Key, Value

# The sweeper renews a lease while the indexing execution runs, so a lease outlives three missed sweeps, and a
# lost execution blocks its file system for no longer than this (I4).
LEASE_DURATION = 4 * SWEEP_INTERVAL

# A DynamoDB item holds 400 KB. The write that ends an index stores all its sessions in its record: 80
# characters each, plus a few kilobytes of totals or a reason. These limits keep the record below 400 KB.
MOST_ATTACHED = 2_000
LONGEST_REASON = 2_000  # characters

_LEASE = "lease"
_INDEX = "index#"
_ASSOCIATION = "association#"
# The value of the sparse attribute `lease`; see schema.LEASES.
LEASE_MARK = "held"


class IndexStatus(StrEnum):
    """The status of an indexing session and its index.

    `complete` and `failed` are final, until retention removes the index: `removing` is followed by the end of
    the record.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    REMOVING = "removing"


# The statuses of an index that a session can share.
USABLE = (IndexStatus.RUNNING, IndexStatus.COMPLETE)
# The attribute that every new association changes; see removal.py.
LAST_ASSOCIATED = "last_associated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right of one indexing session to be the only one of its file system (I1)."""

    file_system: FileSystem
    index_id: str
    owner: str  # the session that launches the indexing session
    expires_at: datetime  # UTC
    sessions: frozenset[str]  # every session whose points get the index, the owner's included

    @property
    def has_room(self) -> bool:
        """Return whether one more session can attach."""
        return len(self.sessions) < MOST_ATTACHED

    def is_live(self, now: datetime) -> bool:
        """Return whether the lease has not expired, so that no other session may take it over."""
        return now < self.expires_at

    def to_item(self) -> dict[str, Value]:
        """Return the lease as its item in the table `indexes`."""
        return {
            **lease_key(self.file_system),
            "lease": LEASE_MARK,
            "index_id": self.index_id,
            "owner": self.owner,
            "expires_at": self.expires_at.isoformat(),
            "sessions": self.sessions,
        }

    @classmethod
    def from_item(cls, item: Item) -> Lease:
        """Return the lease that an item records."""
        return cls(
            file_system=FileSystem.parse(str(item["file_system"])),
            index_id=str(item["index_id"]),
            owner=str(item["owner"]),
            expires_at=datetime.fromisoformat(str(item["expires_at"])),
            sessions=cast(frozenset[str], item["sessions"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The record of one indexing session and, once complete, of its index."""

    file_system: FileSystem
    index_id: str
    status: IndexStatus
    started_at: datetime  # UTC
    ended_at: datetime | None = None
    reason: str | None = None  # why it failed, in words
    sessions: frozenset[str] = frozenset()  # those attached when it ended; empty while it runs
    totals: Mapping[str, int | str] = field(default_factory=dict)  # the worker's result; see index_worker
    last_associated: str | None = None  # the recovery point that was associated last

    @property
    def manifest_sha256(self) -> str | None:
        """The digest of the published manifest; None if an earlier version published it."""
        digest = self.totals.get("manifest_sha256")
        return None if digest is None else str(digest)

    def to_item(self) -> dict[str, Value]:
        """Return the index as its item in the table `indexes`."""
        item: dict[str, Value] = {
            **index_key(self.file_system, self.index_id),
            "index_id": self.index_id,
            "status": self.status.value,
            "started_at": self.started_at.isoformat(),
            "totals": dict(self.totals),
        }
        if self.ended_at is not None:
            item["ended_at"] = self.ended_at.isoformat()
        if self.reason is not None:
            item["reason"] = self.reason
        if self.sessions:
            item["sessions"] = self.sessions
        if self.last_associated is not None:
            item[LAST_ASSOCIATED] = self.last_associated
        return item

    @classmethod
    def from_item(cls, item: Item) -> Index:
        """Return the index that an item records."""
        return cls(
            file_system=FileSystem.parse(str(item["file_system"])),
            index_id=str(item["index_id"]),
            status=IndexStatus(str(item["status"])),
            started_at=datetime.fromisoformat(str(item["started_at"])),
            ended_at=datetime.fromisoformat(str(item["ended_at"])) if "ended_at" in item else None,
            reason=str(item["reason"]) if "reason" in item else None,
            sessions=cast(frozenset[str], item.get("sessions", frozenset())),
            totals=cast(Mapping[str, int | str], item.get("totals", {})),
            last_associated=str(item[LAST_ASSOCIATED]) if LAST_ASSOCIATED in item else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """The index that describes a recovery point. Each point has at most one (I3)."""

    file_system: FileSystem
    recovery_point_arn: str
    index_id: str
    session_id: str  # the session that made the point

    def to_item(self) -> dict[str, Value]:
        """Return the association as its item in the table `indexes`."""
        return {
            **association_key(self.file_system, self.recovery_point_arn),
            "recovery_point_arn": self.recovery_point_arn,
            "index_id": self.index_id,
            "session_id": self.session_id,
        }

    @classmethod
    def from_item(cls, item: Item) -> Association:
        """Return the association that an item records."""
        return cls(
            file_system=FileSystem.parse(str(item["file_system"])),
            recovery_point_arn=str(item["recovery_point_arn"]),
            index_id=str(item["index_id"]),
            session_id=str(item["session_id"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One launch of a worker: its task token and its machine."""

    worker_id: str  # task ARN or instance id; empty until ECS or EC2 has returned it
    task_token: str


def lease_key(file_system: FileSystem) -> Key:
    """Return the key of a file system's one lease item."""
    return {"file_system": str(file_system), "record": _LEASE}


def index_key(file_system: FileSystem, index_id: str) -> Key:
    """Return the key of an index's item."""
    return {"file_system": str(file_system), "record": _INDEX + index_id}


def association_key(file_system: FileSystem, recovery_point_arn: str) -> Key:
    """Return the key of a recovery point's one association item."""
    return {"file_system": str(file_system), "record": _ASSOCIATION + recovery_point_arn}


def is_index_item(item: Item) -> bool:
    """Return whether an item of the table `indexes` records an index."""
    return str(item["record"]).startswith(_INDEX)


def is_association_item(item: Item) -> bool:
    """Return whether an item of the table `indexes` records an association."""
    return str(item["record"]).startswith(_ASSOCIATION)
