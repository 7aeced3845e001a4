"""User errors and AWS failures give one clear message and the error's exit code, and leave nothing behind."""

from __future__ import annotations

import pytest

from localcloud import Fault
from tests.e2e.conftest import Deployed, tasks, until
from tidemark import errors

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def refused(
    deployed: Deployed, error: type[errors.TidemarkError], *command: str, **environment: str | None
) -> str:
    """Run a command that must be refused without starting anything; return its message."""
    machines = ("policy-run", "backup-session", "indexing-session")
    before = [set(deployed.executions(name)) for name in machines]
    answer = deployed.tidemark(*command, **environment)
    assert answer.code == error.exit_code, answer.err
    assert "Traceback" not in answer.err
    assert answer.err.strip()
    assert [set(deployed.executions(name)) for name in machines] == before
    return answer.err


def test_an_unknown_policy(deployed: Deployed) -> None:
    said = refused(deployed, errors.PolicyNotFound, "run", "nihgtly")
    assert "home" in said


def test_a_malformed_file_system_id(deployed: Deployed) -> None:
    refused(deployed, errors.MalformedFileSystemId, "run", "home", "--file-system", "vol-123")


def test_a_file_system_of_another_policy(deployed: Deployed) -> None:
    foreign = deployed.cloud.file_systems["team"].id
    refused(deployed, errors.FileSystemNotInPolicy, "run", "home", "--file-system", foreign)


def test_no_credentials(deployed: Deployed) -> None:
    refused(
        deployed,
        errors.NoCredentials,
        "run",
        "home",
        AWS_ACCESS_KEY_ID=None,
        AWS_SECRET_ACCESS_KEY=None,
    )


def test_no_region(deployed: Deployed) -> None:
    refused(deployed, errors.NoCredentials, "sessions", AWS_REGION=None, AWS_DEFAULT_REGION=None)


def test_an_endpoint_that_does_not_answer(deployed: Deployed) -> None:
    refused(deployed, errors.AwsUnreachable, "run", "home", AWS_ENDPOINT_URL="http://127.0.0.1:9")


def test_another_deployment(deployed: Deployed) -> None:
    refused(deployed, errors.NotDeployed, "run", "home", TIDEMARK_DEPLOYMENT="elsewhere")


def test_denied_access(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="ssm",
            operation="GetParameter",
            action="fail",
            error_code="AccessDeniedException",
            status=400,
            message="User: arn:aws:iam::123456789012:user/x is not authorized",
        )
    )
    refused(deployed, errors.AccessDenied, "run", "home")


def test_an_unreachable_repository(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(service="s3", operation="*", action="fail", error_code="ServiceUnavailable", status=503)
    )
    refused(deployed, errors.AwsUnreachable, "search", "readme")


def test_a_missing_vault(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="backup",
            operation="DescribeBackupVault",
            region="eu-west-1",
            action="fail",
            error_code="ResourceNotFoundException",
            status=400,
        )
    )
    said = refused(deployed, errors.VaultNotFound, "run", "home")
    assert "tidemark-copies" in said
    assert "eu-west-1" in said


def test_no_mount_target(deployed: Deployed) -> None:
    efs = deployed.cloud.client("efs")
    file_system = deployed.cloud.file_systems["bare"].id
    targets = efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
    for target in targets:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    try:
        refused(deployed, errors.NoMountTarget, "run", "bare")
    finally:
        for target in targets:
            efs.create_mount_target(FileSystemId=file_system, SubnetId=target["SubnetId"])


def test_a_failed_backup_fails_the_session_and_a_redrive_recovers_it(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="backup",
            operation="BackupJob",
            action="fail",
            error_code="FAILED",
            message="the vault is full of sand",
            calls=(1, 1),
        )
    )
    answer = deployed.tidemark(
        "run", "team", "--file-system", deployed.cloud.file_systems["team"].id, "--wait", "--json"
    )
    assert answer.code == errors.SessionFailed.exit_code
    assert "the vault is full of sand" in answer.err
    (session,) = answer.json["sessions"]
    assert (session["status"], session["points"]) == ("failed", [])

    states = deployed.cloud.client("stepfunctions")
    arn = deployed.executions("backup-session")[session["session_id"]]
    states.redrive_execution(executionArn=arn)
    status = until(
        lambda: states.describe_execution(executionArn=arn)["status"], lambda status: status != "RUNNING"
    )
    assert status == "SUCCEEDED"
    fixed = deployed.session(session["session_id"])
    assert (fixed["status"], fixed["reasons"]) == ("success", [])
    jobs = deployed.cloud.client("backup").list_backup_jobs()["BackupJobs"]
    states_of_jobs = [job["State"] for job in jobs if job["ResourceArn"].endswith(session["file_system"])]
    assert states_of_jobs.count("FAILED") == 1


def test_a_failed_copy_is_a_warning_and_keeps_the_backup(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="backup",
            operation="CopyJob",
            action="fail",
            error_code="FAILED",
            message="the other Region is at sea",
            calls=(1, 1),
        )
    )
    session = deployed.run("team")
    assert session["status"] == "warning"
    assert "the other Region is at sea" in " ".join(session["reasons"])
    assert [point["kind"] for point in session["points"]] == ["backup"]
    assert session["index_id"] is not None
    assert deployed.associations()[session["points"][0]["recovery_point_arn"]] == session["index_id"]


def test_throttling_is_retried_and_a_zone_without_fargate_capacity_is_skipped(
    deployed: Deployed,
) -> None:
    """Two faults in one session, because a session takes seconds."""
    deployed.cloud.faults.add(
        Fault(service="backup", operation="StartBackupJob", action="throttle", calls=(1, 6))
    )
    efs, ec2 = deployed.cloud.client("efs"), deployed.cloud.client("ec2")
    file_system = deployed.cloud.file_systems["team"].id
    (first,) = efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
    groups = efs.describe_mount_target_security_groups(MountTargetId=first["MountTargetId"])
    other = next(
        subnet["SubnetId"]
        for subnet in ec2.describe_subnets()["Subnets"]
        if subnet["AvailabilityZone"] != first["AvailabilityZoneName"] and subnet["VpcId"] == first["VpcId"]
    )
    second = efs.create_mount_target(
        FileSystemId=file_system, SubnetId=other, SecurityGroups=groups["SecurityGroups"]
    )
    full = min((first, second), key=lambda target: target["MountTargetId"])["SubnetId"]
    deployed.cloud.faults.add(
        Fault(
            service="ecs",
            operation="TaskPlacement",
            action="fail",
            error_code="Capacity is unavailable at this time. Please try again later",
            match=full,
        )
    )
    before = set(tasks(deployed))
    try:
        assert deployed.run("team")["status"] == "success"
    finally:
        efs.delete_mount_target(MountTargetId=second["MountTargetId"])
    (task,) = (task for arn, task in tasks(deployed).items() if arn not in before)
    (subnet,) = (each["value"] for each in task["attachments"][0]["details"] if each["name"] == "subnetId")
    assert {subnet, full} == {first["SubnetId"], other}


def test_a_failing_file_system_does_not_stop_the_others_of_its_policy(deployed: Deployed) -> None:
    failing = deployed.cloud.file_systems["bare"].id
    deployed.cloud.faults.add(
        Fault(service="backup", operation="BackupJob", action="fail", error_code="FAILED", match=failing)
    )
    answer = deployed.tidemark("run", "pair", "--wait", "--json")
    assert answer.code == errors.SessionFailed.exit_code
    ends = {session["file_system"]: session["status"] for session in answer.json["sessions"]}
    assert ends == {failing: "failed", deployed.cloud.file_systems["team"].id: "success"}
    assert all(session["index_id"] is None for session in answer.json["sessions"])
