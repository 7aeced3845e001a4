"""tidemark sessions"""

from __future__ import annotations

from datetime import timedelta

from tests.aws.account import COPY_REGION
from tidemark.sessions.session import SessionStatus

FIELDS = {
    "session_id",
    "policy",
    "account",
    "region",
    "file_system",
    "status",
    "reasons",
    "opened_at",
    "ended_at",
    "index_wanted",
    "index_id",
    "execution_arn",
    "flags",
    "points",
    "jobs",
}
JOB_FIELDS = {"job_id", "kind", "account", "region", "vault", "started_at", "state", "message"}


def test_without_sessions_the_command_that_starts_one_is_shown(tidemark, deployment):
    result = tidemark("sessions")
    assert result.code == 0
    assert result.out == ""
    assert "just started appears within moments" in result.err
    assert "tidemark run POLICY" in result.err
    assert "of policy weekly" in tidemark("sessions", "--policy", "weekly").err
    assert tidemark("sessions", "--json").document == {"sessions": []}


def test_sessions_are_listed_newest_first_across_months(tidemark, deployment):
    for days in (200, 40, 1):
        deployment.session(f"s-{days}", age=timedelta(days=days))
    result = tidemark("sessions")
    assert [line.split()[-1] for line in result.out.splitlines()] == ["session", "s-1", "s-40", "s-200"]
    assert [s["session_id"] for s in tidemark("sessions", "--limit", "2", "--json").document["sessions"]] == [
        "s-1",
        "s-40",
    ]


def test_sessions_are_filtered_by_file_system_and_policy(tidemark, deployment):
    deployment.session("a")
    deployment.session("b", policy="weekly")
    other = deployment.resources.file_system("fs-ffffffffffffffff0")
    deployment.session("c", file_system=other)

    def found(*arguments):
        return {s["session_id"] for s in tidemark("sessions", "--json", *arguments).document["sessions"]}

    assert found() == {"a", "b", "c"}
    assert found("--policy", "weekly") == {"b"}
    assert found("--file-system", "fs-ffffffffffffffff0") == {"c"}
    assert found("--file-system", "fs-ffffffffffffffff0", "--policy", "weekly") == set()
    assert tidemark("sessions", "--file-system", "nonsense").code == 14


def test_json_has_the_documented_fields(tidemark, deployment):
    copy = deployment.point(2, kind="copy", region=COPY_REGION, vault="copies")
    job = deployment.job()
    deployment.session(
        "a",
        points=(deployment.point(), copy),
        jobs=(job,),
        status=SessionStatus.WARNING,
        reasons=("why",),
    )
    (session,) = tidemark("sessions", "--json").document["sessions"]
    assert set(session) == FIELDS
    assert session["status"] == "warning"
    assert session["opened_at"].endswith("Z")
    assert set(session["jobs"][0]) == JOB_FIELDS
    assert session["jobs"][0]["state"] == "CREATED"
    assert set(session["points"][0]) == {
        "recovery_point_arn",
        "kind",
        "account",
        "region",
        "vault",
        "job_id",
        "size_bytes",
        "completed_at",
        "issues",
    }
