"""tidemark session"""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from tests.aws.account import COPY_REGION, REGION
from tests.cli.conftest import NOW
from tests.cli.test_sessions import FIELDS
from tidemark.aws.clock import utc_now
from tidemark.policy.calendars import Retention
from tidemark.policy.policy import policy_parameter
from tidemark.sessions.naming import session_id
from tidemark.sessions.overlap import claim, complete, settle
from tidemark.sessions.session import SessionStatus
from tidemark.sessions.sweep_schedule import SWEPT_WITHIN


def tag_nothing(*_: object) -> str:
    """The points of these tests have no tags."""
    return ""


def indexed(deployment, name, **fields):
    """Record a session whose index is being made."""
    session = deployment.session(name, points=(deployment.point(),), **fields)
    return claim(deployment.records, session.session_id, f"{session.file_system.file_system_id}-i", NOW)


def test_an_unknown_session_is_reported(tidemark, deployment):
    for name in ("nothing", "a b", "\x1b[2J"):
        result = tidemark("session", name)
        assert result.code == 16
        assert "tidemark sessions" in result.err
        assert "\x1b" not in result.err


@pytest.fixture
def machine(deployment):
    """The deployment's backup sessions, as Step Functions runs them."""
    states = deployment.clients.of("stepfunctions")
    arn = deployment.resources.backup_session
    states.create_state_machine(
        name=arn.rpartition(":")[2],
        definition='{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}',
        roleArn=f"arn:aws:iam::{deployment.resources.account}:role/states",
    )
    return lambda name: states.start_execution(stateMachineArn=arn, name=name)["executionArn"]


def test_a_session_whose_execution_has_started_is_shown_as_starting(tidemark, deployment, machine):
    machine("s-1")
    result = tidemark("session", "s-1")
    assert result.code == 16
    assert "is starting" in result.err
    assert "tidemark session s-1 --watch" in result.err


def test_watching_waits_for_a_session_that_is_starting(tidemark, deployment, machine, monkeypatch):
    machine("s-1")

    def sleep(_seconds):
        deployment.session("s-1", status=SessionStatus.SUCCESS, ended_at=NOW)

    monkeypatch.setattr("tidemark.cli.commands.session.time.sleep", sleep)
    result = tidemark("session", "s-1", "--watch")
    assert result.code == 0, result.err
    assert "session: starting" in result.err
    assert "success" in result.out


def test_a_recent_name_is_shown_as_starting_and_an_old_one_is_not(tidemark, deployment):
    file_system = deployment.file_system.file_system_id
    now = utc_now()
    assert "is starting" in tidemark("session", session_id("nightly", file_system, now)).err
    old = session_id("nightly", file_system, now - timedelta(hours=1))
    assert "no session" in tidemark("session", old, "--watch").err


def test_a_session_that_was_stopped_before_it_was_opened_is_reported(tidemark, deployment, machine):
    deployment.clients.of("stepfunctions").stop_execution(executionArn=machine("s-1"))
    result = tidemark("session", "s-1", "--watch")
    assert result.code == 16
    assert "ABORTED: it was stopped; run its policy again" in result.err


def test_a_running_session_whose_execution_was_stopped_is_reported_and_not_watched(
    tidemark, deployment, machine
):
    deployment.session("s-1")
    deployment.clients.of("stepfunctions").stop_execution(executionArn=machine("s-1"))
    for arguments in ((), ("--watch",)):
        result = tidemark("session", "s-1", *arguments)
        assert result.code == 0, result.err
        assert "its execution is ABORTED; redrive it, or run the policy nightly again" in result.out
        assert f"within {SWEPT_WITHIN.seconds // 60} minutes" in result.out
        assert "AWS Backup may hold it; see: tidemark recovery-points" in result.out
        document = tidemark("session", "s-1", "--json", *arguments).document
        assert (document["status"], document["execution_ended"]) == ("running", "ABORTED")


def test_a_stopped_session_shows_its_jobs_and_their_results(tidemark, deployment):
    jobs = (
        deployment.job(state="COMPLETED"),
        deployment.job(
            job_id="job-2",
            kind="copy",
            region=COPY_REGION,
            vault="copies",
            state="RUNNING",
            started_at=NOW + timedelta(minutes=1),
        ),
    )
    deployment.session(
        "s-1", points=(deployment.point(),), jobs=jobs, status=SessionStatus.ABORTED, ended_at=NOW
    )
    result = tidemark("session", "s-1")
    assert deployment.point().recovery_point_arn in result.out
    assert "left to AWS Backup, RUNNING at the last poll, job job-2" in " ".join(result.out.split())
    document = tidemark("session", "s-1", "--json").document
    assert [job["job_id"] for job in document["jobs"]] == ["job-1", "job-2"]
    assert document["execution_ended"] is None


def test_a_session_whose_execution_runs_is_shown_as_running(tidemark, deployment, machine):
    machine("s-1")
    deployment.session("s-1")
    result = tidemark("session", "s-1")
    assert "AWS Backup is running the job" in result.out
    assert "its execution is" not in result.out


def test_a_session_with_an_unknown_execution_cannot_be_redriven(tidemark, deployment):
    deployment.session("s-1")
    result = tidemark("session", "s-1", "--watch")
    assert "its execution is MISSING; run the policy nightly again" in result.out


def test_a_running_session_shows_its_steps_and_the_workers_progress(tidemark, deployment):
    claimed = indexed(deployment, "s-1", age=timedelta(minutes=3))
    progress = {"entries": 1200, "directories_queued": 3, "entries_per_second": 400.0}
    key = f"indexes/{deployment.file_system}/{claimed.index_id}/progress.json"
    deployment.store.put(key, json.dumps(progress).encode())
    result = tidemark("session", "s-1")
    assert result.code == 0, result.err
    assert "1.2 MB in vault tidemark" in result.out
    assert "1,200 entries, 400/s, 3 directories to go" in result.out
    assert "no index describes it" in result.out
    document = tidemark("session", "s-1", "--json").document
    assert document["progress"] == progress
    assert document["index"]["status"] == "running"
    assert document["associations"] == []


def test_a_complete_session_names_its_index_and_associations(tidemark, deployment):
    claimed = indexed(deployment, "s-1", status=SessionStatus.SUCCESS, ended_at=NOW)
    totals = {"files": 10, "directories": 2, "others": 0, "bytes": 99, "unreadable": 0}
    complete(deployment.records, deployment.file_system, claimed.index_id, totals, NOW)
    settle(deployment.records, "s-1", tag_nothing)
    result = tidemark("session", "s-1", "--watch")
    assert "10 files, 2 directories" in result.out
    assert "no index describes it" not in result.out
    document = tidemark("session", "s-1", "--json").document
    assert set(document) == FIELDS | {"execution_ended", "index", "progress", "associations"}
    assert document["index"]["files"] == 10
    assert document["progress"] is None
    assert document["associations"] == [
        {"recovery_point_arn": deployment.point().recovery_point_arn, "index_id": claimed.index_id}
    ]


def test_reasons_are_shown_and_cannot_move_the_cursor(tidemark, deployment):
    deployment.session("s-1", status=SessionStatus.WARNING, ended_at=NOW, reasons=("copy \x1b[2J failed",))
    assert r"! copy \x1b[2J failed" in tidemark("session", "s-1").out


def test_a_deleted_policy_is_no_error(tidemark, deployment):
    deployment.session("s-1", policy="gone")
    assert tidemark("session", "s-1").code == 0


def test_a_scheduled_session_shows_its_flags_and_only_the_copies_that_its_run_makes(tidemark, deployment):
    kept = (("M", Retention(keep_days=365)),)
    monthly = dataclasses.replace(deployment.policy.copies[0], retentions=kept)
    deployment.clients.of("ssm", REGION).put_parameter(
        Name=policy_parameter("tidemark", deployment.policy.name),
        Value=dataclasses.replace(deployment.policy, copies=(monthly,)).to_json(),
        Overwrite=True,
    )
    for name, flags in (("daily", ("D",)), ("both", ("D", "M"))):
        deployment.session(name, flags=flags)
    daily, both = (tidemark("session", name).out for name in ("daily", "both"))
    assert "D M" in both
    assert "copy to" in both
    assert "copy to" not in daily
    assert tidemark("session", "both", "--json").document["flags"] == ["D", "M"]
