"""tidemark run: invalid input is reported before anything is started."""

from __future__ import annotations

import dataclasses

import pytest
from botocore.stub import Stubber

from tests.aws.account import COPY_REGION, REGION
from tests.cli.conftest import NOW
from tidemark.errors import NotOptedIn
from tidemark.policy.policy import policy_parameter
from tidemark.sessions.outcome import Outcome
from tidemark.sessions.queries import close_session
from tidemark.sessions.session import SessionStatus


def executions(deployment):
    states = deployment.clients.of("stepfunctions")
    return [
        execution
        for machine in (deployment.resources.policy_run, deployment.resources.backup_session)
        for execution in states.list_executions(stateMachineArn=machine)["executions"]
    ]


def deploy(deployment, **fields):
    policy = dataclasses.replace(deployment.policy, **fields)
    deployment.clients.of("ssm").put_parameter(
        Name=policy_parameter("tidemark", policy.name), Value=policy.to_json(), Overwrite=True
    )


@pytest.fixture
def deployment(deployment):
    """The deployment with the vaults and state machines that a run uses."""
    aws, resources = deployment.clients, deployment.resources
    aws.of("backup", REGION).create_backup_vault(BackupVaultName="tidemark")
    aws.of("backup", COPY_REGION).create_backup_vault(BackupVaultName="copies")
    for machine in (resources.policy_run, resources.backup_session):
        aws.of("stepfunctions").create_state_machine(
            name=machine.rpartition(":")[2],
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{resources.account}:role/states",
        )
    return deployment


@pytest.fixture
def own(deployment):
    """A file system that can be mounted; the policy names it alone."""
    efs, ec2 = deployment.clients.of("efs"), deployment.clients.of("ec2")
    made = efs.create_file_system(CreationToken="one")["FileSystemId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    deploy(deployment, file_systems=(made,))
    return made


def test_a_policy_is_started_and_its_sessions_are_named(tidemark, deployment, own):
    result = tidemark("run", "nightly")
    assert result.code == 0, result.err
    assert f"  nightly-{own}-20" in result.out
    assert "tidemark session nightly-" in result.out
    assert "https://eu-central-1.console.aws.amazon.com/states/" in result.out
    (execution,) = executions(deployment)
    assert execution["stateMachineArn"] == deployment.resources.policy_run


def test_one_file_system_is_started_under_its_session_id(tidemark, deployment, own):
    result = tidemark("run", "nightly", "--file-system", own, "--json")
    assert result.code == 0, result.err
    (session,) = result.document["sessions"]
    (execution,) = executions(deployment)
    assert execution["stateMachineArn"] == deployment.resources.backup_session
    assert execution["name"] == session["session_id"]
    assert session["file_system"] == own
    assert result.document["execution_arn"] == execution["executionArn"]


def test_an_execution_that_ends_without_a_session_is_a_failure(tidemark, deployment, own, monkeypatch):
    monkeypatch.setattr("tidemark.aws.executions.ended_as", lambda *_: "FAILED")
    result = tidemark("run", "nightly", "--wait")
    assert result.code == 32
    assert "its execution ended before it opened the session" in result.err


def test_a_stopped_execution_is_reported_with_the_command_that_shows_its_session(
    tidemark, deployment, own, monkeypatch
):
    deployment.session("s-1")
    monkeypatch.setattr("tidemark.cli.commands.run.session_id", lambda *_: "s-1")
    monkeypatch.setattr("tidemark.aws.executions.ended_as", lambda *_: "ABORTED")
    result = tidemark("run", "nightly", "--wait")
    assert result.code == 32
    assert "its execution ended without closing it, see: tidemark session s-1" in result.err


def test_two_runs_in_the_same_second_follow_the_same_sessions_to_their_end(
    tidemark, deployment, own, monkeypatch
):
    """The second policy-run finds its sessions started, and has nothing to do."""
    deployment.session("s-1", points=(deployment.point(),))
    monkeypatch.setattr("tidemark.cli.commands.run.session_id", lambda *_: "s-1")
    monkeypatch.setattr("tidemark.cli.commands.run.INTERVAL_SECONDS", 0.01)
    asked: list[str] = []

    def ended_as(_client, arn):
        asked.append(arn)
        if arn.endswith(":s-1") and len(asked) > 6:
            done = Outcome(status=SessionStatus.SUCCESS, reasons=())
            close_session(deployment.records, "s-1", done, NOW)
            return "SUCCEEDED"
        return None if arn.endswith(":s-1") else "SUCCEEDED"

    monkeypatch.setattr("tidemark.aws.executions.ended_as", ended_as)
    result = tidemark("run", "nightly", "--wait")
    assert result.code == 0, result.err
    assert "session: success" in result.err


def refused(tidemark, deployment, code, *arguments):
    result = tidemark("run", *arguments)
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    assert executions(deployment) == []
    return result.err


def test_an_unknown_policy_is_refused(tidemark, deployment):
    said = refused(tidemark, deployment, 12, "nighty")
    assert "deployed policies: nightly" in said


@pytest.mark.parametrize("name", ["", "../x", "a b", "\x1b[2J"])
def test_an_invalid_policy_name_is_refused(tidemark, deployment, name):
    said = refused(tidemark, deployment, 12, name)
    assert "\x1b" not in said


def test_a_malformed_file_system_id_is_refused(tidemark, deployment):
    assert "describe-file-systems" in refused(tidemark, deployment, 14, "nightly", "--file-system", "fs-XYZ")


def test_a_file_system_outside_the_policy_is_refused(tidemark, deployment):
    said = refused(tidemark, deployment, 13, "nightly", "--file-system", "fs-ffffffffffffffff0")
    assert "add it to the policy" in said


def test_a_deleted_file_system_is_reported(tidemark, deployment):
    refused(tidemark, deployment, 15, "nightly")


def test_a_missing_mount_target_is_reported(tidemark, deployment, own):
    efs = deployment.clients.of("efs")
    for target in efs.describe_mount_targets(FileSystemId=own)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    assert "create-mount-target" in refused(tidemark, deployment, 21, "nightly")


def test_each_invalid_file_system_is_reported_with_the_commands_for_the_valid_ones(tidemark, deployment, own):
    efs = deployment.clients.of("efs")
    bare = efs.create_file_system(CreationToken="two")["FileSystemId"]
    gone = "fs-0000000000000dead"
    deploy(deployment, file_systems=(bare, own, gone))
    said = refused(tidemark, deployment, 21, "nightly")
    assert f"{bare} has no available mount target" in said
    assert f"{gone} does not exist" in said
    assert said.endswith(f"one by one with:\n  tidemark run nightly --file-system {own}\n")
    alone = refused(tidemark, deployment, 21, "nightly", "--file-system", bare)
    assert "by itself" not in alone
    assert tidemark("run", "nightly", "--file-system", own).code == 0


def test_a_missing_vault_is_reported(tidemark, deployment, own):
    deployment.clients.of("backup", REGION).delete_backup_vault(BackupVaultName="tidemark")
    assert f"in {REGION}" in refused(tidemark, deployment, 22, "nightly")


def test_a_vault_in_another_region_is_reported_as_missing(tidemark, deployment, own):
    deployment.clients.of("backup", COPY_REGION).delete_backup_vault(BackupVaultName="copies")
    deployment.clients.of("backup", REGION).create_backup_vault(BackupVaultName="copies")
    assert f"no backup vault named copies in {COPY_REGION}" in refused(tidemark, deployment, 22, "nightly")


def test_a_missing_deployment_is_reported(tidemark, aws, monkeypatch):
    result = tidemark("run", "nightly")
    assert result.code == 11
    monkeypatch.setenv("TIDEMARK_DEPLOYMENT", "other")
    assert "no deployment named other in eu-central-1" in tidemark("run", "nightly").err


def test_missing_credentials_are_reported(tidemark, monkeypatch):
    monkeypatch.setenv("AWS_REGION", REGION)
    result = tidemark("run", "nightly")
    assert result.code == 23
    assert "aws configure" in result.err


def test_a_missing_region_is_reported(tidemark):
    result = tidemark("run", "nightly")
    assert result.code == 23
    assert "AWS_REGION" in result.err


def test_an_unreachable_endpoint_is_reported(tidemark, monkeypatch):
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    result = tidemark("run", "nightly")
    assert result.code == 25
    assert "AWS_ENDPOINT_URL" in result.err


def test_a_region_that_is_opted_out_is_named_and_nothing_is_started(tidemark, deployment, own):
    with Stubber(deployment.clients.of("backup", COPY_REGION)) as stub:
        stub.add_response("describe_region_settings", {"ResourceTypeOptInPreference": {"EFS": False}})
        result = tidemark("run", "nightly")
    assert result.code == NotOptedIn.exit_code
    assert f"--region {COPY_REGION} --resource-type-opt-in-preference EFS=true" in result.err
    assert executions(deployment) == []


def test_without_permission_to_read_the_opt_ins_the_session_checks_them(tidemark, deployment, own):
    with Stubber(deployment.clients.of("backup", REGION)) as stub:
        stub.add_client_error("describe_region_settings", "AccessDeniedException")
        stub.add_response("describe_backup_vault", {"BackupVaultName": "tidemark"})
        result = tidemark("run", "nightly")
    assert result.code == 0, result.err
    assert len(executions(deployment)) == 1
