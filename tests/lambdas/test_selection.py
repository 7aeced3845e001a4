"""A policy that selects file systems by tags: each run lists them, and reports what changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas import resolve_policy
from lambdas._handler import Deployment
from tests.aws.account import NIGHTLY, REGION
from tests.lambdas.conftest import deploy_policy, opened
from tidemark.aws.clients import Clients
from tidemark.aws.workers import TEMPORARY_TAG
from tidemark.errors import ConfigurationError, FileSystemNotInPolicy, FileSystemNotSelected
from tidemark.policy.selection import Selection, Selector
from tidemark.sessions.scopes import read_scope

DAILY = Selector(places=("",), tags=(("backup", ("daily",)),))
TAGGED = replace(NIGHTLY, file_systems=(), selection=Selection(any_of=(DAILY,), priority=1))


def made(clients: Clients, **tags: str) -> str:
    """Create a file system with tags."""
    efs = clients.of("efs", REGION)
    pairs = [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]
    return efs.create_file_system(CreationToken=str(len(tags)) + str(tags), Tags=pairs)["FileSystemId"]


@pytest.fixture
def messages(deployment: Deployment, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of notifications."""
    sent: list[str] = []
    sns = clients.of("sns", REGION)
    publish = sns.publish
    monkeypatch.setattr(
        sns,
        "publish",
        lambda **request: (sent.append(json.loads(request["Message"])["default"]), publish(**request))[1],
    )
    return sent


def run(call: Any, hour: int = 2) -> list[str]:
    """Resolve the policy; return its file systems."""
    at = f"2026-11-22T{hour:02}:00:00Z"
    found = call("resolve_policy", {"policy": "nightly", "scheduled_time": at, "started_at": at})
    return [each["file_system"] for each in found["sessions"]]


def test_a_run_includes_what_has_the_tags_now(
    call: Any, clients: Clients, deployment: Deployment, messages: list[str]
) -> None:
    deploy_policy(clients, TAGGED)
    one, other = made(clients, backup="daily"), made(clients, backup="weekly")
    made(clients, backup="daily", tidemark_temporary="x")
    assert TEMPORARY_TAG == "tidemark:temporary"
    assert run(call) == [one]
    assert messages == []  # the first run has nothing to compare with
    efs = clients.of("efs", REGION)
    efs.tag_resource(ResourceId=other, Tags=[{"Key": "backup", "Value": "daily"}])
    efs.delete_file_system(FileSystemId=one)
    assert run(call, 3) == [other]
    assert len(messages) == 1
    assert run(call, 3) == [other]  # a retry: the first attempt may have failed before it sent the message
    assert messages == messages[:1] * 2
    assert f"{other} is new" in messages[0]
    assert f"{one} is no longer included" in messages[0]
    record = read_scope(deployment.records, "nightly")
    assert record is not None
    assert (record.appeared, record.vanished) == ((other,), (one,))


def test_exclusions_and_other_policies_win(call: Any, clients: Clients) -> None:
    kept, barred, named = (made(clients, backup="daily", n=str(number)) for number in range(3))
    deploy_policy(clients, replace(TAGGED, selection=replace(TAGGED.selection, exclude=(barred,))))
    deploy_policy(clients, replace(NIGHTLY, name="other", file_systems=(named,)))
    assert run(call) == [kept]


def test_a_session_of_a_file_system_that_is_not_selected_is_refused(
    call: Any, clients: Clients, file_system: str
) -> None:
    deploy_policy(clients, TAGGED)
    with pytest.raises(FileSystemNotSelected, match=file_system):
        opened(call, "s", file_system)
    clients.of("efs", REGION).tag_resource(ResourceId=file_system, Tags=[{"Key": "backup", "Value": "daily"}])
    assert opened(call, "s", file_system)["file_system"] == file_system
    with pytest.raises(FileSystemNotInPolicy):
        opened(call, "s", f"eu-west-1/{file_system}")  # the selection has no such place


def test_a_selection_above_the_limit_is_refused(
    call: Any, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy_policy(clients, TAGGED)
    for number in range(3):
        made(clients, backup="daily", n=str(number))
    monkeypatch.setattr(resolve_policy, "MOST_FILE_SYSTEMS", 2)
    with pytest.raises(ConfigurationError, match="selects 3 file systems; the limit is 2"):
        run(call)
