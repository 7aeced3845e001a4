from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.aws.account import REGION, the_clients
from tests.sessions.memory_store import MemoryStore
from tests.sessions.world import FS, START, new_session, point
from tidemark.aws.notify_sessions import notify_sessions
from tidemark.sessions.indexing import Index
from tidemark.sessions.overlap import add_point, claim, complete, open_session
from tidemark.sessions.queries import wait_for_index


class FakeTags:
    def __init__(self) -> None:
        self.points: list[str] = []

    def tag_with_index(self, _session: Any, made: Any, _index: Index) -> str:
        self.points.append(made.recovery_point_arn)
        return ""


@pytest.fixture
def store() -> MemoryStore:
    """Two sessions that wait for one index, and one that does not wait yet."""
    store = MemoryStore()
    for name in ("a", "b", "c"):
        open_session(store, new_session(name), START)
        claim(store, name, "index", START)
        add_point(store, name, point(name, "backup"), FakeTags().tag_with_index)
    for name in ("a", "b"):
        wait_for_index(store, name, f"token-{name}")
    return store


def test_every_waiting_session_is_answered_even_if_one_token_has_expired(store: MemoryStore) -> None:
    client, tags = the_clients().of("stepfunctions", REGION), FakeTags()
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", "TaskTimedOut")
        stub.add_response("send_task_success", {})
        notify_sessions(store, tags, client, complete(store, FS, "index", {}, START))  # type: ignore[arg-type]  # stands for the tags
        stub.assert_no_pending_responses()
    assert tags.points == ["arn:a:backup", "arn:b:backup", "arn:c:backup"]


def test_a_deleted_session_does_not_block_the_others(store: MemoryStore) -> None:
    index = complete(store, FS, "index", {}, START)
    client = the_clients().of("stepfunctions", REGION)
    with Stubber(client) as stub:
        for _ in "ab":
            stub.add_response("send_task_success", {})
        notify_sessions(store, FakeTags(), client, replace(index, sessions=index.sessions | {"0-gone"}))  # type: ignore[arg-type]  # stands for the tags
        stub.assert_no_pending_responses()


def test_other_errors_of_step_functions_are_raised(store: MemoryStore) -> None:
    client = the_clients().of("stepfunctions", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", "KmsThrottlingException")
        with pytest.raises(ClientError):
            notify_sessions(store, FakeTags(), client, complete(store, FS, "index", {}, START))  # type: ignore[arg-type]  # stands for the tags
