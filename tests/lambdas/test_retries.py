"""policy-run: retries of failed sessions, and the notification after the last one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.fail_policy_run import EVENTS_OF_A_RUN, EVENTS_OF_A_SESSION, MOST_EVENTS
from lambdas.resolve_policy import naming_moment
from tests.aws.account import ACCOUNT, FS, NIGHTLY, REGION
from tests.lambdas.conftest import close, deploy_policy, opened
from tests.lambdas.test_policy_run import SCHEDULED, minutes_later, paused
from tests.lambdas.test_policy_run import results as results
from tidemark.aws.clients import Clients
from tidemark.errors import SessionFailed
from tidemark.policy.pause import Pause
from tidemark.policy.policy import NotifySettings, Policy, RetrySettings, Schedule
from tidemark.policy.retrying import next_due, plan_retry

RETRIED = replace(
    NIGHTLY,
    schedule=Schedule(expression="rate(1 day)"),
    retries=RetrySettings(times=2, interval_seconds=600),
)
RUN = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:tidemark-policy-run:r"
FAILED = {
    "policy": "nightly",
    "results": results(False, True),
    "started": 2,
    "attempt": 0,
    "redrive_count": 0,
    "reruns": 0,
    "retries_left": 2,
    "execution_arn": RUN,
}


@pytest.fixture
def published(clients: Clients) -> Iterator[list[dict[str, Any]]]:
    """The messages that are published."""
    found: list[dict[str, Any]] = []
    client = clients.of("sns", REGION)

    def publish(params: Any, **_: Any) -> None:
        found.append(dict(params))

    client.meta.events.register_first("provide-client-params.sns.Publish", publish)
    yield found
    client.meta.events.unregister("provide-client-params.sns.Publish", publish)


def text_of(message: dict[str, Any]) -> str:
    text: str = json.loads(message["Message"])["default"]
    return text


@pytest.mark.parametrize(
    ("policy", "given", "left"),
    [
        (RETRIED, {"scheduled_time": SCHEDULED}, 2),
        (RETRIED, {"scheduled_time": SCHEDULED, "manual": True}, 0),
        (RETRIED, {"scheduled_time": None}, 0),
        (NIGHTLY, {"scheduled_time": SCHEDULED}, 0),
    ],
)
def test_scheduled_runs_of_a_policy_with_retries_have_them(
    call: Any, clients: Clients, policy: Policy, given: dict[str, Any], left: int
) -> None:
    deploy_policy(clients, policy)
    event = {"policy": "nightly", "started_at": minutes_later(1), **given}
    assert call("resolve_policy", event)["retries_left"] == left


def test_only_the_failed_sessions_are_run_again_after_the_interval(call: Any, clients: Clients) -> None:
    deploy_policy(clients, RETRIED)
    once = call("fail_policy_run", FAILED)
    assert once == {
        "sessions": [{"session_id": "s1-r1", "policy": "nightly", "file_system": "fs-1"}],
        "attempt": 0,
        "reruns": 1,
        "retries_left": 1,
        "wait_seconds": 600,
    }
    event = {
        **FAILED,
        **once,
        "started": 3,
        "results": [{**each, "failed": True} for each in once["sessions"]],
    }
    twice = call("fail_policy_run", event)
    assert ([each["session_id"] for each in twice["sessions"]], twice["retries_left"]) == (["s1-r2"], 0)
    event |= {"reruns": 2, "retries_left": 0, "started": 4}
    with pytest.raises(SessionFailed, match="1 of 1 session failed in the last of 3 attempts"):
        call("fail_policy_run", event)
    redriven = call("fail_policy_run", {**event, "redrive_count": 1})
    assert redriven["sessions"][0]["session_id"] == "s1-r3"
    assert (redriven["retries_left"], redriven["wait_seconds"], redriven["attempt"]) == (0, 0, 1)


def test_a_paused_policy_is_not_retried(call: Any, clients: Clients) -> None:
    deploy_policy(clients, RETRIED)
    paused(clients, None)
    with pytest.raises(SessionFailed, match="no further retry: policy nightly is paused"):
        call("fail_policy_run", FAILED)


def test_a_policy_that_is_no_longer_deployed_or_has_no_retries_is_not_retried(
    call: Any, clients: Clients
) -> None:
    with pytest.raises(SessionFailed, match="1 of 2 sessions failed: s1;"):
        call("fail_policy_run", FAILED)
    with pytest.raises(SessionFailed, match="1 of 2 sessions failed: s1;"):
        call("fail_policy_run", {**FAILED, "policy": "gone"})


def test_a_retry_without_room_in_the_history_is_not_made(call: Any, clients: Clients) -> None:
    deploy_policy(clients, RETRIED)
    room = (MOST_EVENTS - 2 * EVENTS_OF_A_RUN) // EVENTS_OF_A_SESSION
    assert call("fail_policy_run", {**FAILED, "started": room - 1})["sessions"]
    with pytest.raises(SessionFailed, match="has no room"):
        call("fail_policy_run", {**FAILED, "started": room})


moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - as hypothesis wants it
crons = st.sampled_from(["cron(0 2 * * ? *)", "cron(0/20 * * * ? *)", "cron(30 4 ? * SUN *)"])


@given(moments, crons, st.integers(60, 86_400))
def test_a_retry_always_begins_before_the_next_run(now: datetime, expression: str, interval: int) -> None:
    policy = replace(
        RETRIED,
        schedule=Schedule(expression=expression),
        retries=RetrySettings(times=1, interval_seconds=interval),
    )
    plan = plan_retry(policy, None, 1, now)
    following = next_due(policy, now)
    assert following is not None
    assert following > now
    if plan.wait_seconds is None:
        assert following <= now + timedelta(seconds=interval)
        assert f"{following:%Y-%m-%d %H:%M} UTC" in plan.why_not
    else:
        assert plan.wait_seconds == interval
        assert now + timedelta(seconds=interval) < following


@given(moments, st.none() | moments)
def test_no_retry_is_planned_during_a_pause_or_when_none_is_left(
    now: datetime, until: datetime | None
) -> None:
    pause = Pause(since=now, by="arn", until=until)
    assert (plan_retry(RETRIED, pause, 1, now).wait_seconds is None) == pause.holds_at(now)
    assert plan_retry(RETRIED, None, 0, now).wait_seconds is None
    assert plan_retry(NIGHTLY, None, 1, now).wait_seconds is None


def test_a_failure_that_may_be_retried_is_notified_after_the_last_retry_only(
    call: Any, clients: Clients, file_system: str, published: list[dict[str, Any]]
) -> None:
    deploy_policy(clients, replace(RETRIED, file_systems=(file_system,)))
    opened(call, "s", file_system)
    failure = {"Error": "BackupJobFailed", "Cause": "the disk is on fire"}
    close(call, failure=failure, retries_left=2)
    assert published == []
    paused(clients, None)
    failed = [{"session_id": "s", "file_system": file_system, "failed": True}]
    with pytest.raises(SessionFailed):
        call("fail_policy_run", {**FAILED, "results": failed, "reruns": 0})
    (message,) = published
    text = text_of(message)
    assert message["Subject"] == "Tidemark failed: nightly, 1 file system"
    assert message["MessageAttributes"]["policy"]["StringValue"] == "nightly"
    assert "the disk is on fire" in text
    assert "no further retry, because policy nightly is paused" in text
    assert f"tidemark run nightly --file-system {file_system} --wait" in text
    assert f"https://{REGION}.console.aws.amazon.com/states/home" in text


@pytest.mark.parametrize(
    ("notify", "left", "sent"),
    [
        (None, 0, True),
        (None, 1, False),
        (NotifySettings(after_last_retry=False), 1, True),
        (NotifySettings(on=("success",)), 0, False),
    ],
)
def test_each_failure_is_notified_once(
    call: Any,
    clients: Clients,
    file_system: str,
    published: list[dict[str, Any]],
    notify: NotifySettings | None,
    left: int,
    sent: bool,
) -> None:
    deploy_policy(clients, replace(NIGHTLY, file_systems=(file_system,), notify=notify))
    opened(call, "s", file_system)
    close(call, failure={"Error": "BackupJobFailed", "Cause": "no room"}, retries_left=left)
    assert len(published) == sent
    failed = [{"session_id": "s", "file_system": file_system, "failed": True}]
    with pytest.raises(SessionFailed):
        call("fail_policy_run", {**FAILED, "results": failed, "retries_left": left})
    wanted = notify is None or "failure" in notify.on
    assert len(published) == wanted


def test_a_session_that_was_never_opened_is_notified_by_its_run(
    call: Any, clients: Clients, published: list[dict[str, Any]]
) -> None:
    with pytest.raises(SessionFailed):
        call("fail_policy_run", {**FAILED, "retries_left": 0})
    assert "its session ended before it was opened" in text_of(published[0])
    deploy_policy(clients, replace(NIGHTLY, notify=NotifySettings(on=("warning",))))
    with pytest.raises(SessionFailed):
        call("fail_policy_run", {**FAILED, "retries_left": 0})
    assert len(published) == 1


def test_a_failure_of_a_session_that_a_user_has_redriven_is_notified(
    call: Any, clients: Clients, file_system: str, published: list[dict[str, Any]]
) -> None:
    opened(call, "s", file_system)
    failure = {"Error": "BackupJobFailed", "Cause": "no room"}
    close(call, failure=failure, retries_left=1)
    call("fail_session", {"session_id": "s", "attempt": 0, "redrive_count": 1, "failure": failure})
    close(call, failure=failure, retries_left=1)
    assert len(published) == 1


def test_a_rerun_has_the_time_of_its_run(call: Any, clients: Clients) -> None:
    """The name and the flags of a retried session are those of the scheduled time."""
    deploy_policy(clients, RETRIED)
    moment = naming_moment(SCHEDULED, minutes_later(1))
    name = f"nightly-{FS.file_system_id}-{moment:%Y%m%dT%H%M%SZ}"
    failed = [{"session_id": name, "file_system": FS.file_system_id, "failed": True}]
    (again,) = call("fail_policy_run", {**FAILED, "results": failed})["sessions"]
    assert again["session_id"] == f"{name}-r1"
