"""What the rules ask of a database: strong reads, and transactions whose conditions are values.

The rules build `Write`s and hand them over together; the store applies all or none. DynamoDB's
implementation is `tidemark/aws/records.py`; the tests have one in memory, and one suite checks that
both behave alike. Conditions are data, so that the exhaustive test of the overlap rule runs the very
transactions that run in AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    """One thing that must hold about the stored item, or the whole transaction is refused."""

    attribute: str
    comparison: Comparison
    value: Value | None = None


def absent(attribute: str) -> Condition:
    """Hold when the item, or the attribute of it, is not stored."""
    return Condition(attribute, Comparison.ABSENT)


def equal(attribute: str, value: Value) -> Condition:
    """Hold when the stored attribute equals the value."""
    return Condition(attribute, Comparison.EQUAL, value)


def unchanged(item: Item, attribute: str) -> Condition:
    """Hold when the stored attribute is still as it was read, also when it was not there."""
    return equal(attribute, item[attribute]) if attribute in item else absent(attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Store the item in place of whatever has its key."""

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
    """Remove the item that has the key."""

    table: TableSchema
    key: Key
    conditions: tuple[Condition, ...] = ()


Write = Put | Update | Delete


class ConditionNotMet(Exception):
    """The transaction was refused: something had changed since it was read. Read again and decide anew."""


class Store(Protocol):
    """The two tables."""

    def get(self, table: TableSchema, key: Key) -> Item | None:
        """Return the item as of now (a strongly consistent read of the base table)."""

    def transact(self, *writes: Write) -> None:
        """Apply all writes or none; raise ConditionNotMet when a condition does not hold."""

    def query(
        self, table: TableSchema, index: SecondaryIndex | None, partition: str, *, newest_first: bool = False
    ) -> Iterator[Item]:
        """Return a partition's items in the order of the sort key. Secondary indexes may lag."""
