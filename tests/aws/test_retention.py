"""The requested retention and the one that AWS Backup reports, with responses in botocore's own shapes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import ACCOUNT, COPY_REGION, REGION, the_clients
from tidemark.aws.retention import check_vault_lock, lifecycle, with_retention_checked
from tidemark.errors import RetentionNotAllowed
from tidemark.sessions.session import UNKNOWN_DAYS, Point

CREATED = datetime(2026, 11, 22, 2, tzinfo=UTC)
BACKUP = Point(
    recovery_point_arn=f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1",
    kind="backup",
    account=ACCOUNT,
    region=REGION,
    vault="tidemark",
    job_id="job",
    size_bytes=1,
    completed_at=CREATED + timedelta(hours=5),
)
COPY = replace(BACKUP, kind="copy", region=COPY_REGION, vault="copies")


def issues(point: Point, keep_days: int | None, cold_days: int | None = None, **lifecycle: datetime) -> str:
    """Return the issues of a point when AWS Backup describes it with these members."""
    client = the_clients().of("backup", point.region)
    answer: dict[str, Any] = {"CreationDate": CREATED, "CalculatedLifecycle": lifecycle}
    expected = {"BackupVaultName": point.vault, "RecoveryPointArn": point.recovery_point_arn}
    with Stubber(client) as stub:
        stub.add_response("describe_recovery_point", answer, expected)
        return with_retention_checked(the_clients(), point, keep_days, cold_days).issues


def after(days: int) -> datetime:
    return CREATED + timedelta(days=days)


@pytest.mark.parametrize(
    ("kind", "keep_days", "asked"),
    [
        ("backup", 35, {"DeleteAfterDays": 35}),
        ("backup", None, None),
        ("copy", 90, {"DeleteAfterDays": 90}),
        ("copy", None, {"DeleteAfterDays": 36_500}),
    ],
)
def test_forever_is_no_lifecycle_for_a_backup_and_a_century_for_a_copy(
    kind: Any, keep_days: int | None, asked: Any
) -> None:
    assert lifecycle(kind, keep_days) == asked


def test_a_point_with_the_requested_retention_has_no_issue() -> None:
    assert issues(BACKUP, 35, DeleteAt=after(35)) == ""
    assert issues(BACKUP, None) == ""
    assert issues(COPY, 90, DeleteAt=after(90)) == ""
    assert issues(COPY, None, DeleteAt=after(36_500)) == ""
    assert issues(COPY, None) == ""


def test_a_copy_with_retention_forever_that_expires_with_its_source_is_reported_with_the_fix() -> None:
    said = issues(COPY, None, DeleteAt=after(35))
    named = f"--backup-vault-name copies --recovery-point-arn {COPY.recovery_point_arn}"
    for words in (
        f"deletes it on {after(35):%Y-%m-%d}",
        "forever",
        f"aws backup update-recovery-point-lifecycle --region {COPY_REGION} {named}",
        "DeleteAfterDays=36500",
    ):
        assert words in said


@given(
    st.none() | st.integers(1, 36_500), st.none() | st.integers(1, 36_500), st.sampled_from([BACKUP, COPY])
)
def test_any_difference_of_more_than_a_day_is_reported(
    asked: int | None, does: int | None, point: Point
) -> None:
    same = (asked or 36_500) == (does or 36_500) if point is COPY and asked is None else asked == does
    near = asked is not None and does is not None and abs(asked - does) <= 1
    near = near or (point is COPY and asked is None and does is not None and does >= 36_499)
    said = issues(point, asked, **({} if does is None else {"DeleteAt": after(does)}))
    assert (said == "") == (same or near)


def test_cold_storage_that_the_policy_does_not_request_is_reported() -> None:
    said = issues(BACKUP, 200, DeleteAt=after(200), MoveToColdStorageAt=after(30))
    assert f"cold storage on {after(30):%Y-%m-%d}" in said


@pytest.mark.parametrize(
    ("kind", "keep_days", "cold_days", "asked"),
    [
        ("backup", 400, 30, {"DeleteAfterDays": 400, "MoveToColdStorageAfterDays": 30}),
        ("backup", None, 30, {"MoveToColdStorageAfterDays": 30}),
        ("copy", None, 30, {"DeleteAfterDays": 36_500, "MoveToColdStorageAfterDays": 30}),
    ],
)
def test_cold_storage_is_part_of_the_lifecycle(
    kind: Any, keep_days: int | None, cold_days: int, asked: Any
) -> None:
    assert lifecycle(kind, keep_days, cold_days) == asked


@given(st.integers(1, 300), st.none() | st.integers(1, 300))
def test_any_difference_in_cold_storage_of_more_than_a_day_is_reported_with_the_fix(
    asked: int, does: int | None
) -> None:
    said = issues(
        BACKUP,
        400,
        asked,
        DeleteAt=after(400),
        **({} if does is None else {"MoveToColdStorageAt": after(does)}),
    )
    assert (said == "") == (does is not None and abs(asked - does) <= 1)
    if said:
        assert f"MoveToColdStorageAfterDays={asked},DeleteAfterDays=400" in said


def test_issues_reported_by_the_job_are_kept() -> None:
    assert issues(replace(BACKUP, issues="PARTIAL: words"), 7, DeleteAt=after(8 * 7)).startswith(
        "PARTIAL: words; AWS Backup deletes it on"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "AccessDeniedException",
            ["was deleted", "backup:DescribeRecoveryPoint", "Insufficient", "look with"],
        ),
        ("ResourceNotFoundException", ["no longer in vault copies", "deleted", "run the policy again"]),
        ("InternalFailure", ["could not be checked", "look with"]),
    ],
)
def test_a_point_that_cannot_be_described_is_recorded_with_both_possible_causes(
    code: str, words: list[str]
) -> None:
    client = the_clients().of("backup", COPY.region)
    with Stubber(client) as stub:
        stub.add_client_error("describe_recovery_point", code, "Insufficient privileges")
        point = with_retention_checked(the_clients(), COPY, 35)
    assert replace(point, issues="") == COPY
    for word in words:
        assert word in point.issues


def test_a_job_without_recorded_retention_is_not_checked() -> None:
    client = the_clients().of("backup", REGION)
    with Stubber(client):
        assert with_retention_checked(the_clients(), BACKUP, UNKNOWN_DAYS) == BACKUP


limits = st.none() | st.integers(1, 36_500)


@given(limits, limits, limits, st.sampled_from(["backup", "copy"]))
def test_a_lock_refuses_retentions_outside_its_limits(
    least: int | None, most: int | None, keep_days: int | None, kind: Any
) -> None:
    vault: Any = {"BackupVaultName": "v", "MinRetentionDays": least, "MaxRetentionDays": most}
    vault = {name: value for name, value in vault.items() if value is not None}
    days = float("inf") if keep_days is None and kind == "backup" else (keep_days or 36_500)
    if (least or 0) <= days <= (most or float("inf")):
        check_vault_lock(vault, kind, keep_days, REGION)
    else:
        with pytest.raises(RetentionNotAllowed, match=f"vault v in {REGION}"):
            check_vault_lock(vault, kind, keep_days, REGION)
