"""The store interface of the overlap rule: strong reads, and transactions whose conditions are values.

The rules build `Write`s and pass them together; the store applies all or none. The DynamoDB
implementation is `tidemark/aws/records.py`; the tests have one in memory, and one suite checks that
both behave alike. Conditions are data, so that the exhaustive test of the overlap rule runs the same
transactions that run in AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tidemark.sessions.schema import SecondaryIndex, TableSchema

Value = str | int | bool | frozenset[str] | Mapping[str, object] | tuple[object, ...]
Item = Mapping[str, Value]
Key = Mapping[str, str]
# An attribute, or an entry of a map attribute.
Path = str | tuple[str, str]


class Comparison(StrEnum):
    """How a condition compares a stored attribute."""

    ABSENT = "absent"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the stored item; if it does not hold, the whole transaction is refused."""

    attribute: str
    comparison: Comparison
    value: Value | None = None


def absent(attribute: str) -> Condition:
    """Hold if the item does not exist or lacks the attribute."""
    return Condition(attribute, Comparison.ABSENT)


def equal(attribute: str, value: Value) -> Condition:
    """Hold if the stored attribute equals the value."""
    return Condition(attribute, Comparison.EQUAL, value)


def unchanged(item: Item, attribute: str) -> Condition:
    """Hold if the stored attribute is the same as in `item`, or absent from both."""
    return equal(attribute, item[attribute]) if attribute in item else absent(attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Store the item, replacing any item with its key."""

    table: TableSchema
    item: Item
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change attributes of a stored item: set some, add members to string sets, remove some."""

    table: TableSchema
    key: Key
    conditions: tuple[Condition, ...]
    set: Mapping[Path, Value] = field(default_factory=dict)
    add: Mapping[str, frozenset[str]] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the item with the key."""

    table: TableSchema
    key: Key
    conditions: tuple[Condition, ...] = ()


Write = Put | Update | Delete


class ConditionNotMet(Exception):
    """The transaction was refused because an item changed since it was read. Read and decide again."""


class Store(Protocol):
    """The two tables."""

    def get(self, table: TableSchema, key: Key) -> Item | None:
        """Return the current item (a strongly consistent read of the base table)."""

    def transact(self, *writes: Write) -> None:
        """Apply all writes or none; raise ConditionNotMet if a condition does not hold."""

    def query(
        self, table: TableSchema, index: SecondaryIndex | None, partition: str, *, newest_first: bool = False
    ) -> Iterator[Item]:
        """Return a partition's items in the order of the sort key. Secondary indexes may lag."""


def update_existing(
    store: Store,
    table: TableSchema,
    key: Key,
    attributes: Mapping[Path, Value],
    *,
    remove: tuple[str, ...] = (),
    check_exists: Callable[[], object],
) -> None:
    """Set and remove attributes of an item; `check_exists` raises if there is none."""
    conditions = tuple(equal(name, value) for name, value in key.items())
    update = Update(table=table, key=key, conditions=conditions, set=attributes, remove=remove)
    while True:
        try:
            store.transact(update)
        except ConditionNotMet:
            check_exists()  # the item exists, so another write was in progress: try again
            continue
        return


def items_by_month(
    store: Store, table: TableSchema, index: SecondaryIndex, oldest: datetime, now: datetime
) -> Iterator[Item]:
    """Return the items of the months from `now` back to that of `oldest`, newest first.

    `index` is partitioned by months such as 2026-11.
    """
    year, month = now.year, now.month
    while (year, month) >= (oldest.year, oldest.month):
        yield from store.query(table, index, f"{year:04}-{month:02}", newest_first=True)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
