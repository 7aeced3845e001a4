"""The store of `tidemark/sessions/transactions.py` in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import AwsThrottled
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

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_REFUSED = {"ConditionalCheckFailed", "TransactionConflict"}
_THROTTLED = {"ThrottlingError", "ProvisionedThroughputExceeded"}


class Records:
    """A deployment's two tables."""

    def __init__(self, client: DynamoDBClient, table_name: Callable[[TableSchema], str]) -> None:
        self._client = client
        self._name = table_name

    def get(self, table: TableSchema, key: Key) -> Item | None:
        """Return the current item (a strongly consistent read of the base table)."""
        answer = self._client.get_item(TableName=self._name(table), Key=_to_dynamo(key), ConsistentRead=True)
        return _from_dynamo(answer["Item"]) if "Item" in answer else None

    def transact(self, *writes: Write) -> None:
        """Apply all writes or none; raise ConditionNotMet if a condition does not hold.

        A conflict with another transaction counts as a condition that does not hold: the caller must read
        the other's writes first. Raises AwsThrottled. Source: TransactWriteItems, cancellation reasons.
        """
        try:
            self._client.transact_write_items(TransactItems=[self._request(write) for write in writes])
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & _REFUSED:
                raise ConditionNotMet from error
            if reasons & _THROTTLED:
                raise AwsThrottled("DynamoDB throttled a transaction; try again in a minute") from error
            raise

    def query(
        self, table: TableSchema, index: SecondaryIndex | None, partition: str, *, newest_first: bool = False
    ) -> Iterator[Item]:
        """Return a partition's items in the order of the sort key. Secondary indexes may lag."""
        request: dict[str, Any] = {
            "TableName": self._name(table),
            "KeyConditionExpression": "#partition = :partition",
            "ExpressionAttributeNames": {"#partition": (index or table).partition_key},
            "ExpressionAttributeValues": _to_dynamo({":partition": partition}),
            "ScanIndexForward": not newest_first,
        }
        if index is None:
            request["ConsistentRead"] = True
        else:
            request["IndexName"] = index.name
        for page in self._client.get_paginator("query").paginate(**request):
            for item in page["Items"]:
                yield _from_dynamo(item)

    def _request(self, write: Write) -> Any:
        expression = _Expression()
        request: dict[str, Any] = {"TableName": self._name(write.table)}
        if isinstance(write, Put):
            request["Item"] = _to_dynamo(write.item)
        else:
            request["Key"] = _to_dynamo(write.key)
        if isinstance(write, Update):
            request["UpdateExpression"] = expression.update(write)
        if write.conditions:
            request["ConditionExpression"] = expression.conditions(write.conditions)
        request |= expression.placeholders()
        name = {Put: "Put", Update: "Update", Delete: "Delete"}[type(write)]
        return {name: request}


class _Expression:
    """DynamoDB's expressions, with a placeholder for every name and value."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def _name(self, attribute: str) -> str:
        for placeholder, name in self._names.items():
            if name == attribute:
                return placeholder
        placeholder = f"#n{len(self._names)}"
        self._names[placeholder] = attribute
        return placeholder

    def _value(self, value: Value) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def update(self, write: Update) -> str:
        clauses = []
        if write.set:
            changes = []
            for path, value in write.set.items():
                names = path if isinstance(path, tuple) else (path,)
                changes.append(f"{'.'.join(self._name(name) for name in names)} = {self._value(value)}")
            clauses.append("SET " + ", ".join(changes))
        if write.add:
            added = [f"{self._name(name)} {self._value(members)}" for name, members in write.add.items()]
            clauses.append("ADD " + ", ".join(added))
        if write.remove:
            clauses.append("REMOVE " + ", ".join(self._name(name) for name in write.remove))
        return " ".join(clauses)

    def conditions(self, conditions: tuple[Condition, ...]) -> str:
        return " AND ".join(
            f"attribute_not_exists({self._name(condition.attribute)})"
            if condition.comparison is Comparison.ABSENT or condition.value is None
            else f"{self._name(condition.attribute)} = {self._value(condition.value)}"
            for condition in conditions
        )

    def placeholders(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._names:
            found["ExpressionAttributeNames"] = self._names
        if self._values:
            found["ExpressionAttributeValues"] = _to_dynamo(self._values)
        return found


def _to_dynamo(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(value) for name, value in values.items()}


def _from_dynamo(item: Mapping[str, Any]) -> Item:
    return {name: _untyped(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    """Return a value in DynamoDB's representation; the types are those of `transactions.Value`."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case frozenset():
            return {"SS": sorted(value)}
        case Mapping():
            return {"M": _to_dynamo(value)}
        case tuple() | list():
            return {"L": [_typed(entry) for entry in value]}
    raise TypeError(f"a record cannot hold {type(value).__name__}: {value!r}")


def _untyped(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return int(value)
        case "SS":
            return frozenset(value)
        case "M":
            return _from_dynamo(value)
        case "L":
            return tuple(_untyped(entry) for entry in value)
    return value
