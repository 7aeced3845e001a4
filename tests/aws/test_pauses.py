"""Pauses are SSM parameters below the policies, which do not count as policies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.aws.account import NIGHTLY, REGION
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import policy_names
from tidemark.aws.pauses import read_pauses, remove_pause, write_pause
from tidemark.errors import ConfigurationError
from tidemark.policy.pause import Pause, pause_parameter
from tidemark.policy.policy import policy_parameter

PAUSE = Pause(since=datetime(2026, 12, 1, tzinfo=UTC), by="arn:aws:iam::1:user/me", reason="moving")


def test_pauses_are_written_replaced_read_and_removed(clients: Clients) -> None:
    ssm = clients.of("ssm", REGION)
    names = [f"p{number}" for number in range(25)]  # more than one request can name
    for name in (names[0], names[24]):
        write_pause(ssm, "tidemark", name, Pause(since=PAUSE.since, by="first"))
        write_pause(ssm, "tidemark", name, PAUSE)
    assert read_pauses(ssm, "tidemark", names) == {names[0]: PAUSE, names[24]: PAUSE}
    assert read_pauses(ssm, "other", names) == {}
    assert remove_pause(ssm, "tidemark", names[0])
    assert not remove_pause(ssm, "tidemark", names[0])
    assert list(read_pauses(ssm, "tidemark", names)) == [names[24]]


def test_the_pause_of_a_policy_is_no_policy(clients: Clients) -> None:
    ssm = clients.of("ssm", REGION)
    ssm.put_parameter(Name=policy_parameter("tidemark", "nightly"), Value=NIGHTLY.to_json(), Type="String")
    write_pause(ssm, "tidemark", "nightly", PAUSE)
    assert policy_names(ssm, "tidemark") == ["nightly"]


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"since": "soon", "by": "me"}'])
def test_a_parameter_that_was_edited_is_an_error_with_the_command_that_removes_it(
    clients: Clients, text: str
) -> None:
    ssm = clients.of("ssm", REGION)
    name = pause_parameter("tidemark", "nightly")
    ssm.put_parameter(Name=name, Value=text or "-", Type="String")
    with pytest.raises(ConfigurationError, match="tidemark policy resume nightly"):
        read_pauses(ssm, "tidemark", ["nightly"])


@pytest.mark.parametrize("name", ["a b", "\x1b", "x" * 3000])
def test_the_pause_of_an_impossible_name_does_not_exist(clients: Clients, name: str) -> None:
    assert not remove_pause(clients.of("ssm", REGION), "tidemark", name)
