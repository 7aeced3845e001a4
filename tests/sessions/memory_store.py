"""A store in memory that has DynamoDB's guarantees: strong reads, atomic transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidemark.sessions.schema import SecondaryIndex, TableSchema
from tidemark.sessions.transactions import (
    Comparison,
    Condition,
    ConditionNotMet,
    Delete,
    Item,
    Key,
    Put,
    Update,
    Value,
    Write,
)

ItemKey = tuple[str, ...]  # the table's suffix, the partition key, the sort key if there is one


class MemoryStore:
    """The two tables as one dictionary whose items are never changed, only replaced."""

    def __init__(self) -> None:
        self.items: dict[ItemKey, Item] = {}

    def get(self, table: TableSchema, key: Key) -> Item | None:
        return self.items.get(item_key(table, key))

    def transact(self, *writes: Write) -> None:
        keys = keys_of(writes)
        after = outcome(writes, [self.items.get(key) for key in keys])
        if after is None:
            raise ConditionNotMet
        for key, item in zip(keys, after, strict=True):
            if item is None:
                self.items.pop(key, None)
            else:
                self.items[key] = item

    def query(
        self, table: TableSchema, index: SecondaryIndex | None, partition: str, *, newest_first: bool = False
    ) -> Iterator[Item]:
        partition_key = (index or table).partition_key
        sort_key = (index or table).sort_key
        found = [
            item
            for key, item in self.items.items()
            if key[0] == table.suffix and item.get(partition_key) == partition and sort_key in item
        ]
        yield from sorted(found, key=lambda item: str(item[str(sort_key)]), reverse=newest_first)


def item_key(table: TableSchema, values: Item | Key) -> ItemKey:
    """Return the key of an item."""
    names = [table.partition_key] + ([table.sort_key] if table.sort_key else [])
    return (table.suffix, *(str(values[name]) for name in names))


def keys_of(writes: tuple[Write, ...]) -> tuple[ItemKey, ...]:
    """Return the key of each write's item; DynamoDB refuses two writes to one item."""
    keys = tuple(
        item_key(write.table, write.item if isinstance(write, Put) else write.key) for write in writes
    )
    assert len(set(keys)) == len(keys), "a transaction writes one item twice"
    return keys


def outcome(writes: tuple[Write, ...], stored: list[Item | None]) -> list[Item | None] | None:
    """Return the items after the transaction, None if a condition does not hold."""
    for write, item in zip(writes, stored, strict=True):
        if not all(_holds(condition, item or {}) for condition in write.conditions):
            return None
    return [_written(write, item) for write, item in zip(writes, stored, strict=True)]


def _holds(condition: Condition, stored: Item) -> bool:
    if condition.comparison is Comparison.ABSENT:
        return condition.attribute not in stored
    return condition.attribute in stored and stored[condition.attribute] == condition.value


def _written(write: Write, stored: Item | None) -> Item | None:
    if isinstance(write, Put):
        return dict(write.item)
    if isinstance(write, Delete):
        return None
    if not isinstance(write, Update):
        return stored
    item: dict[str, Value] = dict(write.key if stored is None else stored)
    for path, value in write.set.items():
        if isinstance(path, tuple):
            entries = item[path[0]]
            assert isinstance(entries, Mapping)
            item[path[0]] = {**entries, path[1]: value}
        else:
            item[path] = value
    for name, members in write.add.items():
        present = item.get(name, frozenset())
        assert isinstance(present, frozenset)
        item[name] = present | members
    for name in write.remove:
        item.pop(name, None)
    return item
