from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import ACCOUNT, FS, NIGHTLY, REGION, SETTINGS, the_clients
from tidemark.aws.backup_jobs import (
    describe_backup,
    describe_copy,
    idempotency_token,
    start_backup,
    start_copy,
    vault_arn,
)
from tidemark.errors import AccessDenied, VaultNotFound
from tidemark.policy.policy import CopyTarget, Schedule

POINT = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
# Source: the model of AWS Backup; StartBackupJob's State and StartCopyJob's.
STATES = {
    "CREATED": "runs", "PENDING": "runs", "RUNNING": "runs", "ABORTING": "runs",
    "ABORTED": "ended", "FAILED": "ended", "EXPIRED": "ended",
    "COMPLETED": "done", "PARTIAL": "done",
}  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Any:
    return the_clients().of("backup", REGION)


def test_every_state_of_a_job_is_known(client: Any) -> None:
    for shape in ("BackupJobState", "CopyJobState"):
        known = client.meta.service_model.shape_for(shape).enum
        assert set(known) - {"AGGREGATE_ALL", "ANY"} <= set(STATES) | {"COMPLETING", "AVAILABLE", "CANCELLED"}


@pytest.mark.parametrize(("keep_days", "asked"), [(35, {"Lifecycle": {"DeleteAfterDays": 35}}), (None, {})])
@pytest.mark.parametrize(
    ("schedule", "window"), [(None, 480), (Schedule(expression="cron(0 0/6 * * ? *)"), 360)]
)
def test_a_backup_is_requested_once_with_its_token_and_tags(
    client: Any, keep_days: Any, asked: dict[str, Any], schedule: Any, window: int
) -> None:
    expected = {
        "BackupVaultName": "tidemark",
        "ResourceArn": FS.arn,
        "IamRoleArn": SETTINGS.backup_role,
        "IdempotencyToken": "token",
        "StartWindowMinutes": window,
        "CompleteWindowMinutes": 10080,
        "RecoveryPointTags": {"k": "v"},
        **asked,
    }
    with Stubber(client) as stub:
        stub.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT}, expected)
        policy = replace(NIGHTLY, keep_days=keep_days, schedule=schedule)
        answer = start_backup(client, policy, FS, role=SETTINGS.backup_role, token="token", tags={"k": "v"})
    assert answer == ("job", POINT)


def test_a_copy_is_requested_once_for_each_target(client: Any) -> None:
    expected = {
        "RecoveryPointArn": POINT,
        "SourceBackupVaultName": "tidemark",
        "DestinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copies",
        "IamRoleArn": SETTINGS.backup_role,
        "IdempotencyToken": "token",
        "Lifecycle": {"DeleteAfterDays": 36_500},  # -1 would keep the source's expiration date
    }
    with Stubber(client) as stub:
        stub.add_response("start_copy_job", {"CopyJobId": "job"}, expected)
        assert copy(client) == "job"


def copy(client: Any) -> str:
    return start_copy(
        client,
        NIGHTLY,
        NIGHTLY.copies[0],
        account=ACCOUNT,
        recovery_point_arn=POINT,
        role=SETTINGS.backup_role,
        token="token",
    )


def test_a_missing_vault_is_named_with_its_region(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_backup_job", "ResourceNotFoundException")
        with pytest.raises(VaultNotFound, match=f"tidemark in {REGION}"):
            start_backup(client, NIGHTLY, FS, role="arn:role", token="t", tags={})
        stub.add_client_error("start_copy_job", "ResourceNotFoundException")
        with pytest.raises(VaultNotFound, match="copies in eu-west-1"):
            copy(client)
        stub.add_client_error("start_backup_job", "AccessDeniedException")
        with pytest.raises(AccessDenied, match=f"vault tidemark in {REGION}.*deploy again.*grant"):
            start_backup(client, NIGHTLY, FS, role="arn:role", token="t", tags={})


@pytest.mark.parametrize(("state", "means"), STATES.items())
def test_a_job_is_running_or_completed_or_has_ended_without_a_point(
    client: Any, state: str, means: str
) -> None:
    ended = datetime(2026, 11, 22, tzinfo=UTC)
    fields = {"State": state, "StatusMessage": "words", "BackupSizeInBytes": 7, "CompletionDate": ended}
    with Stubber(client) as stub:
        stub.add_response(
            "describe_backup_job",
            {**fields, "RecoveryPointArn": POINT, "BackupVaultName": "vault"},
            {"BackupJobId": "job"},
        )
        stub.add_response(
            "describe_copy_job",
            {
                "CopyJob": {
                    **_without_message(fields),
                    "DestinationRecoveryPointArn": POINT,
                    "DestinationBackupVaultArn": "arn:aws:backup:eu-west-1:1:backup-vault:vault",
                }
            },
            {"CopyJobId": "job"},
        )
        for job in (describe_backup(client, "job"), describe_copy(client, "job")):
            assert (job.is_running, job.is_done) == (means == "runs", means == "done")
            assert (job.recovery_point_arn, job.size_bytes, job.completed_at) == (POINT, 7, ended)
            assert (job.job_id, job.vault) == ("job", "vault")


def _without_message(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "StatusMessage"}


def test_a_new_job_has_neither_point_nor_size(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("describe_backup_job", {"State": "CREATED"}, {"BackupJobId": "job"})
        job = describe_backup(client, "job")
    assert (job.recovery_point_arn, job.message, job.size_bytes, job.completed_at) == ("", "", 0, None)


@pytest.mark.parametrize(
    ("state", "category", "issues"),
    [
        ("COMPLETED", None, ""),
        ("COMPLETED", "SUCCESS", ""),
        ("COMPLETED", "Success", ""),
        ("COMPLETED", "AccessDenied", "COMPLETED: words"),
        ("PARTIAL", "SUCCESS", "PARTIAL: words"),
        ("PARTIAL", None, "PARTIAL: words"),
    ],
)
def test_a_point_that_was_created_with_issues_reports_them(
    client: Any, state: str, category: str | None, issues: str
) -> None:
    answer = {"State": state, "StatusMessage": "words", "RecoveryPointArn": POINT, "BackupVaultName": "vault"}
    with Stubber(client) as stub:
        stub.add_response("describe_backup_job", answer | ({"MessageCategory": category} if category else {}))
        job = describe_backup(client, "job")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    point = job.point("backup", account=ACCOUNT, region=REGION, now=now)
    assert (point.issues, point.completed_at, point.vault) == (issues, now, "vault")


@given(
    st.tuples(st.text(max_size=9), st.integers(0, 9), st.text(max_size=9)),
    st.tuples(st.text(max_size=9), st.integers(0, 9), st.text(max_size=9)),
)
def test_another_session_attempt_or_vault_is_another_job(one: Any, other: Any) -> None:
    if not any("\n" in part for part in (one[0], one[2], other[0], other[2])):
        assert (idempotency_token(*one) == idempotency_token(*other)) == (one == other)


def test_a_vaults_arn_is_in_the_partition_and_account_of_the_copy() -> None:
    target = CopyTarget(region="us-gov-west-1", vault="v", account="999999999999", keep_days=1)
    assert vault_arn(target, ACCOUNT) == "arn:aws-us-gov:backup:us-gov-west-1:999999999999:backup-vault:v"
