"""Vaults and points that are deleted while sessions run are named, and no session stays open.

Runs in a separate local cloud, because it deletes vaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import SECONDS, Deployed, start_cloud, until
from tests.infra.assemblies import assembly
from tidemark import errors

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

HERE, THERE = "eu-central-1", "eu-west-1"
VAULTS = {HERE: "tidemark", THERE: "copies"}
CONFIGURATION = """\
region: eu-central-1
vaults: {{eu-central-1: tidemark, eu-west-1: copies}}
policies:
  indexed:
    file_systems: [{home}]
    keep: 35 days
    copies: [{{region: eu-west-1, keep: forever}}]
  plain:
    file_systems: [{home}]
    keep: forever
    index: false
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    root = tmp_path_factory.mktemp("deleted")
    (root / "home").mkdir()
    (root / "home" / "readme.txt").write_text("home")
    (root / "nobody").mkdir()
    with start_cloud({"home": root / "home"}, region=HERE) as cloud:
        outputs = cloud.deploy(assembly(CONFIGURATION.format(home=cloud.file_systems["home"].id)))
        yield Deployed(
            cloud=cloud, outputs=outputs, directories={"home": root / "home"}, home=root / "nobody"
        )


@pytest.fixture(autouse=True)
def _vaults_are_there_again(deployed: Deployed) -> Iterator[None]:
    yield
    for region, vault in VAULTS.items():
        client = deployed.cloud.client("backup", region)
        if vault not in {one["BackupVaultName"] for one in client.list_backup_vaults()["BackupVaultList"]}:
            client.create_backup_vault(BackupVaultName=vault)


def delete_points(deployed: Deployed, region: str) -> None:
    client = deployed.cloud.client("backup", region)
    vault = VAULTS[region]
    for point in client.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]:
        client.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=point["RecoveryPointArn"])


def delete_vault(deployed: Deployed, region: str) -> None:
    delete_points(deployed, region)
    deployed.cloud.client("backup", region).delete_backup_vault(BackupVaultName=VAULTS[region])


def hold(deployed: Deployed, operation: str, service: str = "backup", match: str = "") -> None:
    """Delay the deployment's next call of an operation until the faults are cleared, so that a resource can
    be deleted before it."""
    deployed.cloud.faults.add(
        Fault(
            service=service,
            operation=operation,
            action="delay",
            seconds=SECONDS,
            match=match,
            principal=":role/",
            calls=(1, 1),
        )
    )


def test_a_vault_that_is_deleted_between_the_opening_and_the_start_fails_the_session_by_name(
    deployed: Deployed,
) -> None:
    hold(deployed, "StartBackupJob")
    name = deployed.start("plain")
    deployed.session(name)
    delete_vault(deployed, HERE)
    deployed.cloud.faults.clear()
    session = deployed.ended(name)
    assert session["status"] == "failed"
    assert f"no backup vault named tidemark in {HERE}" in session["reasons"][0]


def test_a_point_that_is_deleted_before_it_is_checked_is_named_and_so_is_the_copy_that_needs_it(
    deployed: Deployed,
) -> None:
    hold(deployed, "DescribeRecoveryPoint")
    name = deployed.start("indexed")
    client = deployed.cloud.client("backup", HERE)

    def made() -> list[Any]:
        points = client.list_recovery_points_by_backup_vault(BackupVaultName="tidemark")["RecoveryPoints"]
        return [point for point in points if point["Status"] == "COMPLETED"]

    until(made, bool)
    # The job has ended before the delay of the check begins.
    until(deployed.cloud.calls, lambda calls: any(call["operation"] == "DescribeBackupJob" for call in calls))
    delete_points(deployed, HERE)
    deployed.cloud.faults.clear()
    session = deployed.ended(name)
    assert session["status"] == "warning"
    (backup,) = session["points"]
    text = "\n".join(session["reasons"])
    assert "no longer in vault tidemark" in text
    assert backup["recovery_point_arn"] in text, "the copy names what it needs"


def test_points_that_are_deleted_before_their_index_is_complete_leave_no_session_open(
    deployed: Deployed,
) -> None:
    hold(deployed, "PutObject", service="s3", match="proposal")
    name = deployed.start("indexed")
    until(lambda: deployed.session(name), lambda session: len(session["points"]) == 2)
    delete_points(deployed, HERE)
    delete_vault(deployed, THERE)
    deployed.cloud.faults.clear()
    session = deployed.ended(name)
    assert session["status"] in ("success", "warning")


def test_what_is_deleted_before_the_sweep_is_named_by_it(deployed: Deployed) -> None:
    hold(deployed, "DescribeBackupJob")  # the session's, so that it does not end before it is stopped
    name = deployed.start("plain")
    until(lambda: deployed.session(name), lambda session: session["jobs"])
    states = deployed.cloud.client("stepfunctions")
    states.stop_execution(executionArn=deployed.executions("backup-session")[name])
    client = deployed.cloud.client("backup", HERE)
    job = deployed.session(name)["jobs"][0]["job_id"]
    until(lambda: client.describe_backup_job(BackupJobId=job)["State"], lambda state: state == "COMPLETED")
    delete_vault(deployed, HERE)
    # The sweeper skips young sessions.
    deployed.cloud.client("dynamodb").update_item(
        TableName="tidemark-sessions",
        Key={"session_id": {"S": name}},
        UpdateExpression="SET opened_at = :then",
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00+00:00"}},
    )

    def closed() -> dict[str, Any]:
        deployed.sweep()
        return deployed.session(name)

    session = until(closed, lambda session: session["status"] != "running", seconds=30)
    assert session["status"] == "aborted"
    assert len(session["points"]) == 1
    text = "\n".join(session["reasons"])
    assert "either the point or its vault tidemark was deleted" in text
    assert "backup:DescribeRecoveryPoint" in text


def test_every_command_names_the_vault_that_is_missing_and_shows_the_rest(deployed: Deployed) -> None:
    session = deployed.run("indexed")
    assert (session["status"], session["reasons"]) == ("success", [])
    backup, copy = sorted(session["points"], key=lambda point: point["kind"])
    described = deployed.cloud.client("backup", THERE).describe_recovery_point(
        BackupVaultName="copies", RecoveryPointArn=copy["recovery_point_arn"]
    )
    kept = described["CalculatedLifecycle"]["DeleteAt"] - described["CreationDate"]
    assert kept == timedelta(days=36_500), "forever, not with its source"
    delete_vault(deployed, THERE)
    file_system = session["file_system"]
    listed = deployed.tidemark("recovery-points", file_system)
    assert listed.code == errors.AccessDenied.exit_code
    assert backup["recovery_point_arn"] in listed.out
    for words in (f"vault copies in {THERE}", "does not exist", "grant"):
        assert words in listed.err
    for command in (
        ["search", "readme"],
        ["index", "show", session["index_id"]],
        ["index", "list"],
        ["history", "/readme.txt"],
        ["usage", session["index_id"]],
        ["session", session["session_id"]],
        ["sessions"],
        ["ls", f"{session['index_id']}:/"],
    ):
        answer = deployed.tidemark(*command)
        assert answer.code == 0, (command, answer.err)
        assert "Traceback" not in answer.err
    refused = deployed.tidemark("run", "indexed")
    assert refused.code == errors.AccessDenied.exit_code
    for words in (f"vault copies in {THERE}", "does not exist", "deploy again", "grant"):
        assert words in refused.err


def test_a_region_that_is_opted_out_of_efs_is_named_with_the_command(deployed: Deployed) -> None:
    client = deployed.cloud.client("backup", THERE)
    client.update_region_settings(ResourceTypeOptInPreference={"EFS": False})
    try:
        refused = deployed.tidemark("run", "indexed")
    finally:
        client.update_region_settings(ResourceTypeOptInPreference={"EFS": True})
    assert refused.code == errors.NotOptedIn.exit_code
    assert f"aws backup update-region-settings --region {THERE}" in refused.err
