from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas._handler import Deployment
from lambdas.fail_policy_run import again
from lambdas.resolve_policy import naming_moment
from tests.aws.account import FS, REGION
from tests.sessions.examples import times
from tidemark.aws.clients import Clients
from tidemark.aws.pauses import write_pause
from tidemark.errors import ConfigurationError, PolicyNotFound, SessionFailed
from tidemark.policy.pause import Pause, pause_parameter

SCHEDULED = "2026-11-22T02:00:00Z"


def minutes_later(minutes: float) -> str:
    return (datetime.fromisoformat(SCHEDULED) + timedelta(minutes=minutes)).isoformat()


@given(st.lists(st.floats(-15, 15), min_size=2, max_size=2))
def test_a_schedule_that_is_delivered_twice_names_the_same_sessions(late: list[float]) -> None:
    one, other = (naming_moment(SCHEDULED, minutes_later(minutes)) for minutes in late)
    assert one == other == datetime.fromisoformat(SCHEDULED)


@given(st.floats(15.1, 10**5))
def test_a_rerun_of_a_scheduled_input_names_new_sessions(late: float) -> None:
    assert naming_moment(SCHEDULED, minutes_later(late)) == datetime.fromisoformat(minutes_later(late))


@given(times)
def test_a_run_by_hand_is_named_by_its_start(started: datetime) -> None:
    for absent in (None, ""):
        assert naming_moment(absent, started.isoformat()) == started


def test_a_policy_becomes_one_session_for_each_file_system(call: Any) -> None:
    event = {"policy": "nightly", "scheduled_time": SCHEDULED, "started_at": minutes_later(1)}
    name = f"nightly-{FS.file_system_id}-20261122T020000Z"
    assert call("resolve_policy", event) == {
        "sessions": [{"session_id": name, "policy": "nightly", "file_system": FS.file_system_id}],
        "retries_left": 0,
    }


def test_a_policy_that_is_not_deployed_is_an_error(call: Any) -> None:
    with pytest.raises(PolicyNotFound, match="nightly"):
        call("resolve_policy", {"policy": "weekly", "scheduled_time": None, "started_at": SCHEDULED})


def paused(clients: Clients, until: str | None) -> None:
    """Record a pause of the policy."""
    end = None if until is None else datetime.fromisoformat(until)
    pause = Pause(since=datetime.fromisoformat(SCHEDULED), by="arn", until=end)
    write_pause(clients.of("ssm", REGION), "tidemark", "nightly", pause)


@pytest.mark.parametrize(
    ("until", "given", "sessions"),
    [
        (None, {}, 0),
        (minutes_later(1), {}, 0),
        (SCHEDULED, {}, 1),
        (None, {"manual": True}, 1),
        (None, {"manual": False}, 0),
        (None, {"scheduled_time": None}, 1),
    ],
)
def test_a_paused_policy_starts_no_sessions_on_schedule(
    call: Any, clients: Clients, until: str | None, given: dict[str, Any], sessions: int
) -> None:
    paused(clients, until)
    event = {"policy": "nightly", "scheduled_time": SCHEDULED, "started_at": minutes_later(1), **given}
    assert len(call("resolve_policy", event)["sessions"]) == sessions


def test_a_pause_that_cannot_be_read_fails_the_run(call: Any, clients: Clients) -> None:
    """Neither a backup that a user did not want, nor a policy that never runs again without a notice."""
    clients.of("ssm", REGION).put_parameter(
        Name=pause_parameter("tidemark", "nightly"), Value="soon", Type="String"
    )
    with pytest.raises(ConfigurationError, match="tidemark policy resume nightly"):
        call(
            "resolve_policy",
            {"policy": "nightly", "scheduled_time": SCHEDULED, "started_at": minutes_later(1)},
        )


def results(*failed: bool) -> list[dict[str, Any]]:
    return [
        {"session_id": f"s{number}", "file_system": f"fs-{number}", "failed": each}
        for number, each in enumerate(failed)
    ]


def test_the_failed_sessions_are_named(call: Any) -> None:
    event = {"policy": "nightly", "results": results(False, True, True), "attempt": 0, "redrive_count": 0}
    with pytest.raises(SessionFailed, match="2 of 3 sessions failed: s1, s2;"):
        call("fail_policy_run", event)


def test_every_redrive_runs_the_failed_ones_again_under_new_names(call: Any) -> None:
    event = {"policy": "nightly", "results": results(False, True), "attempt": 0, "redrive_count": 1}
    once = call("fail_policy_run", event)
    assert once == {
        "attempt": 1,
        "reruns": 1,
        "retries_left": 0,
        "wait_seconds": 0,
        "sessions": [{"session_id": "s1-r1", "policy": "nightly", "file_system": "fs-1"}],
    }
    event = {**event, "results": [{**each, "failed": True} for each in once["sessions"]], "attempt": 1}
    with pytest.raises(SessionFailed):
        call("fail_policy_run", event)
    twice = call("fail_policy_run", {**event, "redrive_count": 2})
    assert [session["session_id"] for session in twice["sessions"]] == ["s1-r2"]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=6))
def test_reruns_have_unique_names_that_do_not_grow(steps: list[int]) -> None:
    name, number, names = "nightly-fs-0", 0, ["nightly-fs-0"]
    for step in steps:
        number += step
        name = again(name, number)
        names.append(name)
    assert len(set(names)) == len(names)
    assert len(name) <= len("nightly-fs-0-r") + 2


def test_the_deployment_is_created_once_for_each_sandbox(deployment: Deployment) -> None:
    assert deployment.records is deployment.records


def test_some_of_a_thousand_failed_sessions_are_named(call: Any) -> None:
    event = {"policy": "nightly", "results": results(*[True] * 1000), "attempt": 0, "redrive_count": 0}
    with pytest.raises(
        SessionFailed, match="s19 and 980 more, listed by: tidemark sessions --policy"
    ) as raised:
        call("fail_policy_run", event)
    assert len(str(raised.value)) < 32_768


@pytest.mark.parametrize(("count", "said"), [(20, "s19;"), (21, "s19 and 1 more, listed by")])
def test_sessions_that_are_not_named_are_counted(call: Any, count: int, said: str) -> None:
    event = {"policy": "nightly", "results": results(*[True] * count), "attempt": 0, "redrive_count": 0}
    with pytest.raises(SessionFailed, match=said):
        call("fail_policy_run", event)


def test_history_is_used_up_to_its_limit_and_no_further(call: Any) -> None:
    """Two runs have 40 events in addition to their sessions': 20,000 leave ten each for 1,996 sessions."""
    event = {"policy": "nightly", "results": results(*[True] * 996), "attempt": 0, "redrive_count": 1}
    assert len(call("fail_policy_run", {**event, "started": 1000})["sessions"]) == 996
    with pytest.raises(SessionFailed, match="and start a new execution"):
        call("fail_policy_run", {**event, "started": 1001})


def test_a_redrive_runs_only_sessions_that_fit_into_the_history(call: Any) -> None:
    event = {"policy": "nightly", "results": results(*[True] * 900), "attempt": 0, "redrive_count": 1}
    assert len(call("fail_policy_run", {**event, "started": 1000})["sessions"]) == 900
    with pytest.raises(SessionFailed, match="and start a new execution"):
        call("fail_policy_run", {**event, "started": 1900, "attempt": 1, "redrive_count": 2})
