"""A store in memory that keeps DynamoDB's promises: strong reads, all-or-nothing transactions."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.sessions.schema import SecondaryIndex, TableSchema
from tidemark.sessions.store import (
    Comparison,
    Condition,
    ConditionNotMet,
    Delete,
    Item,
    Key,
    Put,
    Update,
    Write,
)


class MemoryStore:
    """The two tables as dictionaries whose items are never changed, only replaced. An item whose last attribute went is an item still, as in DynamoDB."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, ...], dict]] = {}

    def _table(self, table: TableSchema) -> dict[tuple[str, ...], dict]:
        return self.tables.setdefault(table.suffix, {})

    @staticmethod
    def _key(table: TableSchema, values: Item | Key) -> tuple[str, ...]:
        names = [table.partition_key] + ([table.sort_key] if table.sort_key else [])
        return tuple(str(values[name]) for name in names)

    def get(self, table: TableSchema, key: Key) -> Item | None:
        found = self._table(table).get(self._key(table, key))
        return None if found is None else dict(found)

    def transact(self, *writes: Write) -> None:
        keys = [(w.table.suffix, self._key(w.table, w.item if isinstance(w, Put) else w.key)) for w in writes]
        assert len(set(keys)) == len(keys), "DynamoDB refuses a transaction with two writes to one item"
        for write, (_, key) in zip(writes, keys, strict=True):
            stored = self._table(write.table).get(key, {})
            if not all(holds(condition, stored) for condition in write.conditions):
                raise ConditionNotMet
        for write, (_, key) in zip(writes, keys, strict=True):
            table = self._table(write.table)
            if isinstance(write, Put):
                table[key] = dict(write.item)
            elif isinstance(write, Delete):
                table.pop(key, None)
            elif isinstance(write, Update):
                item = table[key] = dict(table.get(key, write.key))
                for path, value in write.set.items():
                    if isinstance(path, tuple):
                        item[path[0]] = {**item[path[0]], path[1]: value}
                    else:
                        item[path] = value
                for name, members in write.add.items():
                    item[name] = frozenset(item.get(name, frozenset())) | members
                for name in write.remove:
                    item.pop(name, None)

    def query(
        self, table: TableSchema, index: SecondaryIndex | None, partition: str, *, newest_first: bool = False
    ) -> Iterator[Item]:
        partition_key = index.partition_key if index else table.partition_key
        sort_key = index.sort_key if index else table.sort_key
        found = [item for item in self._table(table).values() if item.get(partition_key) == partition]
        yield from sorted(found, key=lambda item: str(item[sort_key]), reverse=newest_first)


def holds(condition: Condition, stored: Item) -> bool:
    if condition.comparison is Comparison.ABSENT:
        return condition.attribute not in stored
    return condition.attribute in stored and stored[condition.attribute] == condition.value
