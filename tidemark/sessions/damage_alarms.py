"""The record of a file system's damage alarm: the item `damage` of the table `indexes`.

An alarm is raised by the first suspicious index, and stays open until a person releases it. Later suspicious
indexes are added to the open alarm. A released alarm stays in the record, because later indexes treat
its changes as accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from tidemark.sessions.schema import INDEXES
from tidemark.sessions.session import FileSystem
from tidemark.sessions.transactions import (
    ConditionNotMet,
    Item,
    Key,
    Put,
    Store,
    Value,
    absent,
    unchanged,
)

_RECORD = "damage"
MOST_SENTENCES = 20
_FOREVER = -1  # in a record, which cannot contain None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPoint:
    """A recovery point whose expiry an alarm has postponed, and its retention before."""

    recovery_point_arn: str
    account: str
    region: str
    vault: str
    keep_days: int | None  # None: forever
    cold_after_days: int | None  # None: never
    held_days: int  # since the creation of the point

    def to_map(self) -> dict[str, Value]:
        """Return the point as its entry in the record."""
        return {
            "account": self.account,
            "region": self.region,
            "vault": self.vault,
            "keep_days": _FOREVER if self.keep_days is None else self.keep_days,
            "cold_after_days": _FOREVER if self.cold_after_days is None else self.cold_after_days,
            "held_days": self.held_days,
        }

    @classmethod
    def from_map(cls, arn: str, entry: Mapping[str, object]) -> HeldPoint:
        """Return the point from its entry in the record."""
        keep, cold = int(str(entry["keep_days"])), int(str(entry["cold_after_days"]))
        return cls(
            recovery_point_arn=arn,
            account=str(entry["account"]),
            region=str(entry["region"]),
            vault=str(entry["vault"]),
            keep_days=None if keep == _FOREVER else keep,
            cold_after_days=None if cold == _FOREVER else cold,
            held_days=int(str(entry["held_days"])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageAlarm:
    """The newest alarm of a file system, open or released."""

    file_system: FileSystem
    first_index_id: str  # raised the alarm
    newest_index_id: str  # the newest suspicious one
    last_good_index_id: str  # empty if there is none
    raised_at: datetime  # UTC
    findings: tuple[str, ...]  # sentences about the newest suspicious index
    directories: tuple[str, ...]  # damaged ones, escaped
    notified_index_id: str = ""  # the newest index of which subscribers were notified
    holds: bool = False  # whether copies are not started, and expiry is postponed, while it is open
    held: tuple[HeldPoint, ...] = ()
    problems: tuple[str, ...] = ()  # why points are not held
    released_at: datetime | None = None
    accepted_until: str = ""  # the newest index whose changes a person has accepted

    @property
    def is_open(self) -> bool:
        """Whether no person has accepted the changes."""
        return self.newest_index_id > self.accepted_until

    def to_item(self) -> dict[str, Value]:
        """Return the alarm as its item in the table `indexes`."""
        item: dict[str, Value] = {
            **alarm_key(self.file_system),
            "first_index_id": self.first_index_id,
            "newest_index_id": self.newest_index_id,
            "last_good_index_id": self.last_good_index_id,
            "raised_at": self.raised_at.isoformat(),
            "findings": self.findings,
            "directories": self.directories,
            "notified_index_id": self.notified_index_id,
            "holds": self.holds,
            "held": {point.recovery_point_arn: point.to_map() for point in self.held},
            "problems": self.problems,
            "accepted_until": self.accepted_until,
        }
        if self.released_at is not None:
            item["released_at"] = self.released_at.isoformat()
        return item

    @classmethod
    def from_item(cls, item: Item) -> DamageAlarm:
        """Return the alarm that an item records."""
        held = cast(Mapping[str, Mapping[str, object]], item["held"])
        return cls(
            file_system=FileSystem.parse(str(item["file_system"])),
            first_index_id=str(item["first_index_id"]),
            newest_index_id=str(item["newest_index_id"]),
            last_good_index_id=str(item["last_good_index_id"]),
            raised_at=datetime.fromisoformat(str(item["raised_at"])),
            findings=_texts(item["findings"]),
            directories=_texts(item["directories"]),
            notified_index_id=str(item["notified_index_id"]),
            holds=item["holds"] is True,
            held=tuple(HeldPoint.from_map(arn, held[arn]) for arn in sorted(held)),
            problems=_texts(item["problems"]),
            released_at=datetime.fromisoformat(str(item["released_at"])) if "released_at" in item else None,
            accepted_until=str(item["accepted_until"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What a suspicious index reports."""

    file_system: FileSystem
    index_id: str
    last_good_index_id: str = ""
    findings: Sequence[str] = field(default=())
    directories: Sequence[str] = field(default=())


def alarm_key(file_system: FileSystem) -> Key:
    """Return the key of a file system's one alarm item."""
    return {"file_system": str(file_system), "record": _RECORD}


def read_alarm(store: Store, file_system: FileSystem) -> DamageAlarm | None:
    """Return the newest alarm of a file system, open or released; None if there was none."""
    item = store.get(INDEXES, alarm_key(file_system))
    return None if item is None else DamageAlarm.from_item(item)


def raise_alarm(store: Store, suspicion: Suspicion, *, holds: bool, now: datetime) -> DamageAlarm:
    """Record a suspicious index and return the alarm: a new one, or the open one with the index added.

    Idempotent. An index that is older than the recorded ones, or that was accepted, changes nothing.
    """
    while True:
        before = read_alarm(store, suspicion.file_system)
        alarm = _with(before, suspicion, holds=holds, now=now)
        if alarm == before or _written(store, before, alarm):
            return alarm


def update_alarm(store: Store, alarm: DamageAlarm, **changes: object) -> DamageAlarm:
    """Change fields of an alarm and return it; fields that are not named stay as they are in the record."""
    while True:
        before = read_alarm(store, alarm.file_system) or alarm
        after = replace(before, **changes)  # type: ignore[arg-type]  # names and types are those of the caller
        if after == before or _written(store, before, after):
            return after


def release_alarm(store: Store, alarm: DamageAlarm, now: datetime) -> DamageAlarm:
    """Record that a person accepts the changes up to the alarm's newest index, and return the alarm.

    A suspicious index that was added since `alarm` was read stays open.
    """
    return update_alarm(store, alarm, accepted_until=alarm.newest_index_id, released_at=now)


def _with(before: DamageAlarm | None, suspicion: Suspicion, *, holds: bool, now: datetime) -> DamageAlarm:
    if before is not None and suspicion.index_id <= max(before.newest_index_id, before.accepted_until):
        return before
    findings = tuple(suspicion.findings[:MOST_SENTENCES])
    directories = tuple(suspicion.directories[:MOST_SENTENCES])
    if before is not None and before.is_open:
        return replace(
            before,
            newest_index_id=suspicion.index_id,
            findings=findings,
            directories=tuple(dict.fromkeys((*before.directories, *directories)))[:MOST_SENTENCES],
            holds=before.holds or holds,
        )
    return DamageAlarm(
        file_system=suspicion.file_system,
        first_index_id=suspicion.index_id,
        newest_index_id=suspicion.index_id,
        last_good_index_id=suspicion.last_good_index_id,
        raised_at=now,
        findings=findings,
        directories=directories,
        holds=holds,
        held=before.held if before is not None else (),  # those whose retention could not be set back
        accepted_until=before.accepted_until if before is not None else "",
    )


def _written(store: Store, before: DamageAlarm | None, alarm: DamageAlarm) -> bool:
    """Write the alarm unless its record has changed since it was read; return whether it was written."""
    names = ("newest_index_id", "notified_index_id", "accepted_until", "held", "problems")
    item = before.to_item() if before is not None else {}
    conditions = tuple(unchanged(item, name) for name in names) if item else (absent("record"),)
    try:
        store.transact(Put(table=INDEXES, item=alarm.to_item(), conditions=conditions))
    except ConditionNotMet:
        return False
    return True


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in cast(tuple[object, ...], value))
