"""The tables in DynamoDB behave like the store in memory on which the overlap rule is tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.aws.account import REGION, create_tables, records_of, the_clients
from tests.sessions import examples
from tests.sessions.memory_store import MemoryStore, item_key
from tests.sessions.restore_examples import restore_sessions
from tests.sessions.world import FS, new_session
from tidemark.aws.records import Records
from tidemark.errors import AwsThrottled
from tidemark.sessions.indexing import LEASE_MARK, Lease
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.schema import BY_FILE_SYSTEM, INDEXES, LEASES, RESTORES, RUNNING, SESSIONS, TABLES
from tidemark.sessions.session import RUNNING_MARK, Session
from tidemark.sessions.transactions import (
    ConditionNotMet,
    Delete,
    Key,
    Put,
    Store,
    Update,
    Write,
    absent,
    equal,
)

# Few keys and values, so that writes meet existing items. `size` and `status` are reserved in DynamoDB.
SESSION_KEYS: list[Key] = [{"session_id": "a"}, {"session_id": "b"}]
INDEX_KEYS: list[Key] = [{"file_system": "1/r/fs", "record": record} for record in ("lease", "index#x")]
attributes = st.sampled_from(["size", "status", "x-y"])
values = st.one_of(
    st.sampled_from(["", "text"]),
    st.integers(-2, 2),
    st.booleans(),
    st.frozensets(st.sampled_from("pq"), min_size=1),
    st.dictionaries(st.sampled_from("mn"), st.integers(0, 1), max_size=2),
    st.lists(st.sampled_from(["one", "two"]), max_size=2).map(tuple),
)
conditions = st.lists(
    st.builds(absent, attributes | st.sampled_from(["session_id", "record"]))
    | st.builds(equal, attributes, values),
    max_size=2,
    unique_by=lambda condition: condition.attribute,
).map(tuple)
tables_and_keys = st.sampled_from(
    [(SESSIONS, key) for key in SESSION_KEYS] + [(INDEXES, key) for key in INDEX_KEYS]
)


@st.composite
def a_write(draw: st.DrawFn) -> Write:
    table, key = draw(tables_and_keys)
    holds = draw(conditions)
    match draw(st.sampled_from(["put", "update", "delete"])):
        case "put":
            # Every item has a map and a set, as every session and every lease has.
            item = {
                "points": {},
                "sessions": frozenset("o"),
                **draw(st.dictionaries(attributes, values)),
                **key,
            }
            return Put(table=table, item=item, conditions=holds)
        case "update":
            changed = draw(st.dictionaries(attributes, values, max_size=2))
            removed = draw(st.lists(attributes, unique=True, max_size=1).map(tuple))
            added = draw(
                st.dictionaries(st.just("sessions"), st.frozensets(st.sampled_from("pq"), min_size=1))
            )
            entry = draw(
                st.dictionaries(
                    st.sampled_from([("points", "arn:1"), ("points", "arn:2")]), values, max_size=1
                )
            )
            # An entry of a map needs the map: which `update_session` ensures by its condition.
            exists = (equal("points", {}),) if entry else ()
            return Update(
                table=table,
                key=key,
                conditions=(*holds, *exists),
                set={**changed, **entry} or {"filled": True},
                add=added,
                remove=tuple(name for name in removed if name not in changed),
            )
        case _:
            return Delete(table=table, key=key, conditions=holds)


transactions = st.lists(
    a_write(),
    min_size=1,
    max_size=3,
    unique_by=lambda write: item_key(write.table, write.item if isinstance(write, Put) else write.key),
)


@pytest.fixture(scope="module")
def dynamo() -> Iterator[Records]:
    clients = the_clients()
    with mock_aws():
        create_tables(clients)
        yield records_of(clients)


def refuses(store: Store, transaction: list[Write]) -> bool:
    try:
        store.transact(*transaction)
    except ConditionNotMet:
        return True
    return False


def emptied(dynamo: Records) -> Records:
    for table, keys in ((SESSIONS, SESSION_KEYS), (INDEXES, INDEX_KEYS)):
        for key in keys:
            dynamo.transact(Delete(table=table, key=key))
    return dynamo


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(transactions, min_size=1, max_size=8))
def test_the_same_transactions_leave_the_same_items(dynamo: Records, history: list[list[Write]]) -> None:
    memory, stored = MemoryStore(), emptied(dynamo)
    for transaction in history:
        assert refuses(stored, transaction) == refuses(memory, transaction)
        for table, keys in ((SESSIONS, SESSION_KEYS), (INDEXES, INDEX_KEYS)):
            for key in keys:
                assert stored.get(table, key) == memory.get(table, key)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=examples.records | restore_sessions)
def test_every_record_is_read_back_unchanged(dynamo: Records, record: object) -> None:
    table = {Session: SESSIONS, RestoreSession: RESTORES}.get(type(record), INDEXES)  # type: ignore[call-overload]  # any class
    item = record.to_item()  # type: ignore[attr-defined]  # each of the four has it
    dynamo.transact(Put(table=table, item=item))
    names = [table.partition_key] + ([table.sort_key] if table.sort_key else [])
    stored = dynamo.get(table, {name: item[name] for name in names})
    assert stored is not None
    assert type(record).from_item(stored) == record  # type: ignore[attr-defined]


@pytest.mark.parametrize("newest_first", [False, True])
def test_both_stores_list_a_partition_in_the_same_order(dynamo: Records, *, newest_first: bool) -> None:
    memory = MemoryStore()
    for day in (3, 1, 2):
        item = new_session(f"on-day-{day}").to_item() | {"opened_at": f"2026-11-0{day}"}
        for store in (memory, dynamo):
            store.transact(Put(table=SESSIONS, item=item))
    for index, partition in ((RUNNING, RUNNING_MARK), (BY_FILE_SYSTEM, str(FS))):
        listed = [
            list(s.query(SESSIONS, index, partition, newest_first=newest_first)) for s in (dynamo, memory)
        ]
        of_this_test = [item for item in listed[0] if str(item["session_id"]).startswith("on-day-")]
        assert of_this_test == listed[1]
        assert [item["opened_at"] for item in listed[1]] == sorted(
            (item["opened_at"] for item in listed[1]), reverse=newest_first
        )


@given(examples.leases)
def test_only_items_with_the_index_attribute_are_listed_as_leases(lease: Lease) -> None:
    store = MemoryStore()
    store.transact(Put(table=INDEXES, item=lease.to_item()))
    assert [item["index_id"] for item in store.query(INDEXES, LEASES, LEASE_MARK)] == [lease.index_id]


def test_every_key_of_every_secondary_index_is_written_by_some_record() -> None:
    written = {
        name
        for strategy in (examples.sessions, examples.leases, examples.associations, restore_sessions)
        for name in _attributes(strategy)
    }
    for table in TABLES:
        for index in table.secondary_indexes:
            assert {index.partition_key, index.sort_key} <= written


def _attributes(strategy: st.SearchStrategy[object]) -> set[str]:
    found: set[str] = set()

    @settings(max_examples=20, database=None)
    @given(strategy)
    def look(record: object) -> None:
        found.update(record.to_item())  # type: ignore[attr-defined]  # each of them has it

    look()
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ConditionalCheckFailed", ConditionNotMet),
        ("TransactionConflict", ConditionNotMet),
        ("ThrottlingError", AwsThrottled),
        ("ItemCollectionSizeLimitExceeded", ClientError),
    ],
)
def test_a_transaction_conflict_counts_as_a_failed_condition(code: str, expected: type[Exception]) -> None:
    client = the_clients().of("dynamodb", REGION)
    with Stubber(client) as stub:
        stub.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": code}]},
        )
        with pytest.raises(expected):
            Records(client, lambda table: table.suffix).transact(Delete(table=SESSIONS, key=SESSION_KEYS[0]))


def test_any_other_error_is_not_a_failed_condition() -> None:
    client = the_clients().of("dynamodb", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("transact_write_items", "ValidationException")
        with pytest.raises(ClientError):
            Records(client, lambda table: table.suffix).transact(Delete(table=SESSIONS, key=SESSION_KEYS[0]))
