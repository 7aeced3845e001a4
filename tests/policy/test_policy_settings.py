"""Retention of indexes, retries, notifications and the damage alarm of a policy in `tidemark.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.test_configuration import NO_POLICIES, REGIONS, RIGHT, problem_of, written
from tidemark.policy.configuration import load
from tidemark.policy.policy import DamageSettings, NotifySettings, RetrySettings


def test_retries_and_notifications_become_settings(tmp_path: Path) -> None:
    (plain,) = load(written(tmp_path, RIGHT), REGIONS).policies
    assert (plain.retries, plain.notify) == (None, None)
    said = (
        "index: on\n    retries: {times: 3, interval: 2 hours}\n    notifications: {on: [success, success]}"
    )
    (policy,) = load(written(tmp_path, RIGHT.replace("index: on", said)), REGIONS).policies
    assert policy.retries == RetrySettings(times=3, interval_seconds=7200)
    assert policy.notify == NotifySettings(on=("success",), after_last_retry=True)
    (default,) = load(written(tmp_path, RIGHT.replace("index: on", "retries: {times: 1}")), REGIONS).policies
    assert default.retries == RetrySettings(times=1, interval_seconds=600)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("retries: 3", "should be keys with values, for example retries: {times: 3"),
        ("retries: {interval: 1 hour}", "'times' is missing, for example times: 3"),
        ("retries: {times: 0}", "greater than or equal to 1"),
        ("retries: {times: 11}", "less than or equal to 10"),
        ("retries: {times: true}", "is not a number"),
        ("retries: {times: 1, interval: 30}", "write it as '10 minutes'"),
        ("retries: {times: 1, interval: 25 hours}", "write it as '10 minutes'"),
        ("retries: {times: 1, intervall: 1 hour}", "did you mean 'interval'?"),
        ("notifications: {on: [failed]}", "'failed'"),
        ("notifications: {after_last_retry: 1}", "should be true or false"),
        ("notifications: {email: you@example.com}", "the keys here are on, after_last_retry"),
    ],
)
def test_invalid_retries_and_notifications_are_reported(tmp_path: Path, said: str, words: str) -> None:
    assert words in problem_of(tmp_path, RIGHT.replace("index: on", said))


def test_retries_without_a_schedule_are_reported(tmp_path: Path) -> None:
    text = NO_POLICIES + "policies:\n  a: {file_systems: [fs-01234567], keep: 1 day, retries: {times: 1}}\n"
    assert "only scheduled runs are retried" in problem_of(tmp_path, text)


def test_thresholds_of_the_damage_alarm_become_those_of_the_policy(tmp_path: Path) -> None:
    said = "damage: {files: 7, factor: 2.5, on_damage: hold, hold: 5 weeks}"
    (policy,) = load(written(tmp_path, RIGHT.replace("index: on", said)), REGIONS).policies
    assert policy.damage == DamageSettings(files=7, factor=2.5)
    assert policy.hold_days == 35
    (policy,) = load(written(tmp_path, RIGHT), REGIONS).policies
    assert (policy.damage, policy.hold_days) == (None, None)


@pytest.mark.parametrize(
    ("said", "days"), [("{keep: 1 year}", 365), ("{keep: forever}", None), ("{exclude: [/a]}", 0), ("on", 0)]
)
def test_index_accepts_a_minimum_retention(tmp_path: Path, said: str, days: int | None) -> None:
    (policy,) = load(written(tmp_path, RIGHT.replace("index: on", f"index: {said}")), REGIONS).policies
    assert policy.index_keep_days == days
