"""The state of a policy, and its next run during a pause."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.aws.account import NIGHTLY
from tidemark.answers.policies import PolicyFacts, State, facts_of
from tidemark.policy.pause import Pause
from tidemark.policy.policy import Schedule

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAILY = dataclasses.replace(NIGHTLY, schedule=Schedule(expression="cron(0 2 * * ? *)"))
PAUSE = Pause(since=NOW, by="arn")


def facts(policy=DAILY, *, pause=None, schedules=None):
    return PolicyFacts(policy=policy, pause=pause, schedules=schedules, next_run=None, last_run=None)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (facts(NIGHTLY, pause=PAUSE, schedules={}), State.MANUAL),
        (facts(pause=PAUSE, schedules={"x": "ENABLED"}), State.PAUSED),
        (facts(pause=PAUSE), State.PAUSED),
        (facts(), State.UNKNOWN),
        (facts(schedules={"x": "ENABLED"}), State.ACTIVE),
        (facts(schedules={"x": "DISABLED"}), State.DISABLED),
        (facts(schedules={}), State.DISABLED),
    ],
)
def test_the_state_follows_from_schedules_and_pause(given, state):
    assert given.state is state


@pytest.mark.parametrize(
    ("pause", "at"),
    [
        (None, datetime(2026, 12, 2, 2, tzinfo=UTC)),
        (PAUSE, None),
        (dataclasses.replace(PAUSE, until=NOW + timedelta(days=3)), datetime(2026, 12, 5, 2, tzinfo=UTC)),
        (
            dataclasses.replace(PAUSE, until=datetime(2026, 12, 5, 2, tzinfo=UTC)),
            datetime(2026, 12, 5, 2, tzinfo=UTC),
        ),
    ],
)
def test_the_next_run_is_the_first_that_starts_sessions(pause, at, monkeypatch):
    monkeypatch.setattr(
        "tidemark.answers.policies.pauses_of", lambda *_: {} if pause is None else {"nightly": pause}
    )
    monkeypatch.setattr("tidemark.answers.policies._states", lambda _: {})
    monkeypatch.setattr("tidemark.answers.policies.sessions_since", lambda *_: iter(()))
    connection = type("Connection", (), {"records": None})()
    (found,) = facts_of(connection, [DAILY], NOW)
    assert (found.next_run.at if found.next_run else None) == at
