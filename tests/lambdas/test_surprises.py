"""The steps of a session when AWS Backup deviates from the requests or a resource was deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, REGION
from tests.lambdas.conftest import AT_TWO, COPY, POINT, STARTED, close, opened
from tidemark.aws.clients import Clients
from tidemark.errors import AccessDenied, BackupJobFailed, NotOptedIn, VaultNotFound
from tidemark.sessions.records import read_session


def described(stub: Stubber, arn: str, vault: str, **lifecycle: datetime) -> None:
    """Make AWS Backup report the retention of a point."""
    answer: dict[str, Any] = {"CreationDate": AT_TWO, "CalculatedLifecycle": lifecycle}
    stub.add_response("describe_recovery_point", answer, {"BackupVaultName": vault, "RecoveryPointArn": arn})


def start_backup(call: Any, backup: Stubber, session: Any) -> None:
    backup.add_response("start_backup_job", {"BackupJobId": "job", "RecoveryPointArn": POINT})
    call("start_backup", {"session": session, "attempt": 0})


@pytest.mark.parametrize(("days", "status"), [(35, "success"), (7, "warning")])
def test_a_backup_that_expires_earlier_than_asked_is_a_warning(
    call: Any, backup: Stubber, clients: Clients, file_system: str, session: Any, days: int, status: str
) -> None:
    session["index_wanted"] = False
    start_backup(call, backup, session)
    backup.add_response(
        "describe_backup_job",
        {"State": "COMPLETED", "RecoveryPointArn": POINT, "BackupVaultName": "tidemark"},
        {"BackupJobId": "job"},
    )
    described(backup, POINT, "tidemark", DeleteAt=AT_TWO + timedelta(days=days))
    assert call("check_backup", {"session": session, "backup": STARTED})["finished"]
    reasons = close(call)["reasons"]
    said = [reason for reason in reasons if "has issues" in reason]
    assert bool(said) == (status == "warning")
    if said:
        assert f"the backup in {REGION} has issues: AWS Backup deletes it on 2026-11-29" in said[0]
        assert "the policy keeps it 35 days; change it with: aws backup" in said[0]


def test_a_copy_that_expires_with_its_source_is_a_warning_if_the_policy_keeps_it_forever(
    call: Any, backup: Stubber, clients: Clients, session: Any
) -> None:
    start_backup(call, backup, session)
    backup.add_response("start_copy_job", {"CopyJobId": "copy"})
    event = {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": session["copies"][0]}
    started = call("start_copy", event)
    done = {
        "State": "COMPLETED",
        "DestinationRecoveryPointArn": COPY,
        "DestinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copies",
    }
    backup.add_response("describe_copy_job", {"CopyJob": done}, {"CopyJobId": "copy"})
    with Stubber(clients.of("backup", "eu-west-1")) as there:
        described(there, COPY, "copies", DeleteAt=AT_TWO + timedelta(days=35))
        call("check_copy", {"session": session, "copy": started})
        there.assert_no_pending_responses()
    (reason,) = [reason for reason in close(call)["reasons"] if "has issues" in reason]
    assert "the copy in eu-west-1 has issues: AWS Backup deletes it on 2026-12-27" in reason
    assert "the policy keeps it forever" in reason


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_point_that_was_deleted_between_its_job_and_the_check_is_recorded_and_named(
    call: Any, backup: Stubber, session: Any, deployment: Deployment, code: str
) -> None:
    start_backup(call, backup, session)
    backup.add_response(
        "describe_backup_job",
        {"State": "COMPLETED", "RecoveryPointArn": POINT, "BackupVaultName": "tidemark"},
        {"BackupJobId": "job"},
    )
    backup.add_client_error("describe_recovery_point", code, "Insufficient privileges")
    assert call("check_backup", {"session": session, "backup": STARTED})["finished"]
    assert len(read_session(deployment.records, "s").points) == 1
    closed = close(call)
    assert closed["status"] == "warning"
    assert any("was deleted" in reason for reason in closed["reasons"])


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", AccessDenied), ("ResourceNotFoundException", VaultNotFound)]
)
def test_a_vault_that_was_deleted_after_the_session_was_opened_is_named_when_its_job_starts(
    call: Any, backup: Stubber, session: Any, code: str, error: type[Exception]
) -> None:
    backup.add_client_error("start_backup_job", code, "Insufficient privileges")
    with pytest.raises(error, match=f"tidemark in {REGION}.*deploy again"):
        call("start_backup", {"session": session, "attempt": 0})
    backup.add_client_error("start_copy_job", code, "Insufficient privileges")
    event = {"session": session, "attempt": 0, "recovery_point_arn": POINT, "target": session["copies"][0]}
    with pytest.raises(error, match=f"copies in eu-west-1.*{POINT}.*tidemark"):
        call("start_copy", event)


def test_an_expired_backup_names_the_copy_that_blocked_it(call: Any, backup: Stubber, session: Any) -> None:
    file_system = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{session['file_system']}"
    of_it = {"ByResourceArn": file_system}
    backup.add_response(
        "describe_backup_job",
        {
            "State": "EXPIRED",
            "StatusMessage": "Backup job failed because there was a running job for the same resource.",
            "CreationDate": AT_TWO,
            "CompletionDate": AT_TWO + timedelta(hours=8),
        },
        {"BackupJobId": "job"},
    )
    backup.add_response("list_backup_jobs", {"BackupJobs": []}, of_it)
    running = {
        "CopyJobId": "long",
        "State": "RUNNING",
        "CreationDate": AT_TWO - timedelta(hours=1),
        "DestinationBackupVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copies",
    }
    backup.add_response("list_copy_jobs", {"CopyJobs": [running]}, of_it)
    with pytest.raises(BackupJobFailed, match=r"EXPIRED.*copy job long to copies in eu-west-1.*redrive"):
        call("check_backup", {"session": session, "backup": STARTED})


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_nothing_is_written_if_aws_backup_is_not_opted_in(
    call: Any, clients: Clients, deployment: Deployment, file_system: str, region: str
) -> None:
    with Stubber(clients.of("backup", region)) as stub:
        stub.add_response("describe_region_settings", {"ResourceTypeOptInPreference": {"EFS": False}})
        with pytest.raises(NotOptedIn, match=f"--region {region}"):
            opened(call, "s", file_system)
    assert clients.of("dynamodb", REGION).scan(TableName="tidemark-sessions")["Items"] == []
