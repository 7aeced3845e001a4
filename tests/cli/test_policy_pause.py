"""tidemark policy pause"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.aws.account import REGION
from tests.cli.test_policy_list import daily as daily
from tidemark.aws.pauses import read_pauses
from tidemark.errors import PolicyNotFound
from tidemark.policy.pause import LONGEST_REASON


def recorded(deployment):
    return read_pauses(deployment.clients.of("ssm", REGION), "tidemark", ["nightly", "weekly"])


def test_a_pause_is_recorded_with_its_caller_and_shown(tidemark, deployment, daily):
    result = tidemark("policy", "pause", "nightly", "--reason", "moving", "--until", "3d", "--json")
    assert result.code == 0, result.err
    pause = recorded(deployment)["nightly"]
    assert result.document == {
        "policy": "nightly",
        "since": pause.since.isoformat().replace("+00:00", "Z"),
        "by": pause.by,
        "reason": "moving",
        "until": pause.until.isoformat().replace("+00:00", "Z"),
    }
    assert pause.by.startswith("arn:aws:sts::")
    assert pause.until - pause.since == timedelta(days=3)
    (listed,) = tidemark("policy", "list", "--json").document["policies"]
    assert listed["state"] == "paused"
    assert listed["pause"]["reason"] == "moving"
    assert datetime.fromisoformat(listed["next_run"]["at"]) >= pause.until


def test_a_second_pause_replaces_the_first(tidemark, deployment, daily):
    tidemark("policy", "pause", "nightly", "--until", "3d")
    result = tidemark("policy", "pause", "nightly")
    assert "tidemark policy resume nightly" in result.out
    assert recorded(deployment)["nightly"].until is None


def test_a_pause_whose_end_is_past_is_not_shown(tidemark, deployment, daily, monkeypatch):
    before = datetime.now(UTC) - timedelta(days=2)
    monkeypatch.setattr("tidemark.cli.commands.policy_pause.utc_now", lambda: before)
    assert tidemark("policy", "pause", "nightly", "--until", "1d").code == 0
    (listed,) = tidemark("policy", "list", "--json").document["policies"]
    assert (listed["state"], listed["pause"]) == ("active", None)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("weekly",), PolicyNotFound.exit_code),
        (("a b",), PolicyNotFound.exit_code),
        (("nightly", "--until", "soon"), 2),
        (("nightly", "--until", "2020-01-01"), 2),
        (("nightly", "--until", "99999999w"), 2),
        (("nightly", "--reason", "x" * (LONGEST_REASON + 1)), 2),
    ],
)
def test_bad_input_is_refused_and_nothing_is_paused(tidemark, deployment, arguments, code):
    result = tidemark("policy", "pause", *arguments)
    assert result.code == code, result
    assert recorded(deployment) == {}
