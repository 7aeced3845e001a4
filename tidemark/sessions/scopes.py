"""The record of what a policy's last run included, so that the next run reports what changed.

It is an item of the table of indexes, whose partition is the policy's instead of a file system's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from tidemark.sessions.schema import INDEXES
from tidemark.sessions.transactions import Item, Key, Put, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScope:
    """The file systems that a run of a selecting policy included, by their names in the policy, sorted."""

    policy: str
    file_systems: tuple[str, ...]
    resolved_at: datetime
    # Since the run before.
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    def to_item(self) -> Item:
        """Return the item of the table."""
        return {
            **scope_key(self.policy),
            "policy": self.policy,
            "resolved_at": self.resolved_at.isoformat(),
            "scope": self.file_systems,
            "appeared": self.appeared,
            "vanished": self.vanished,
        }

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Return the record of `to_item`."""

        def names(attribute: str) -> tuple[str, ...]:
            found = item.get(attribute, ())
            return tuple(map(str, found)) if isinstance(found, (tuple, list)) else ()

        return cls(
            policy=str(item["policy"]),
            file_systems=names("scope"),
            resolved_at=datetime.fromisoformat(str(item["resolved_at"])),
            appeared=names("appeared"),
            vanished=names("vanished"),
        )


def scope_key(policy: str) -> Key:
    """Return the key of a policy's record."""
    return {"file_system": f"policy/{policy}", "record": "scope"}


def read_scope(store: Store, policy: str) -> RecordedScope | None:
    """Return what the last run of a policy included; None before its first run."""
    item = store.get(INDEXES, scope_key(policy))
    return None if item is None else RecordedScope.from_item(item)


def record_scope(store: Store, policy: str, file_systems: Sequence[str], now: datetime) -> RecordedScope:
    """Record what a run includes, and return the record with the changes since the run before.

    A repetition of the same run, such as a retry, keeps the changes that it reported first.
    """
    before = read_scope(store, policy)
    names = tuple(sorted(file_systems))
    if before is not None and before.file_systems == names and before.resolved_at >= now:
        return before
    known = set(before.file_systems) if before is not None else set(names)
    record = RecordedScope(
        policy=policy,
        file_systems=names,
        resolved_at=now,
        appeared=tuple(name for name in names if name not in known),
        vanished=tuple(sorted(known - set(names))),
    )
    store.transact(Put(table=INDEXES, item=record.to_item()))
    return record
