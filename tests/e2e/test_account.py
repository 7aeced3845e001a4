"""The main job in a real account; never runs in CI.

    TIDEMARK_TEST_ACCOUNT=<account id> make test-aws

Deploys under the name `tidemark-test`, creates a small file system in its own VPC with two public subnets (or
uses the file system TIDEMARK_TEST_FILE_SYSTEM), runs a session, checks it, and removes everything it created.
It has the requirements of `cdk deploy` (README, Deploy), and the Regions below must be bootstrapped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.account import make_file_system, make_network, wait

ACCOUNT = os.environ.get("TIDEMARK_TEST_ACCOUNT")
FILE_SYSTEM = os.environ.get("TIDEMARK_TEST_FILE_SYSTEM")
REGION = os.environ.get("AWS_REGION", "eu-central-1")
COPY_REGION = "eu-west-1" if REGION != "eu-west-1" else "eu-central-1"
DEPLOYMENT = "tidemark-test"
SOURCES = Path(__file__).resolve().parents[2]
HOURS = 3600

pytestmark = [
    pytest.mark.aws,
    pytest.mark.skipif(ACCOUNT is None, reason="no account: set TIDEMARK_TEST_ACCOUNT"),
    pytest.mark.timeout(3 * HOURS),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One session, in a deployment for this module."""
    assert boto3.client("sts", region_name=REGION).get_caller_identity()["Account"] == ACCOUNT, (
        "these credentials are of another account than TIDEMARK_TEST_ACCOUNT; nothing was done"
    )
    with ExitStack() as undo:
        file_system, worker = FILE_SYSTEM, ""
        if file_system is None:
            network = make_network(boto3.client("ec2", region_name=REGION), undo, DEPLOYMENT)
            efs = boto3.client("efs", region_name=REGION)
            file_system = make_file_system(efs, undo, DEPLOYMENT, network)
            worker = "    worker: {network: {public_address: true}}\n"
        configuration = tmp_path_factory.mktemp("account") / "tidemark.yaml"
        configuration.write_text(
            f"deployment: {DEPLOYMENT}\nregion: {REGION}\nkeep_on_destroy: false\n"
            f"vaults: {{{REGION}: {DEPLOYMENT}, {COPY_REGION}: {DEPLOYMENT}}}\n"
            f"policies:\n  only:\n    file_systems: [{file_system}]\n    keep: 1 day\n"
            f"    copies: [{{region: {COPY_REGION}, keep: 1 day}}]\n{worker}"
        )
        undo.callback(cdk, configuration, "destroy", "--all", "--force")
        cdk(configuration, "deploy", "--all", "--require-approval", "never")
        undo.callback(empty_repository)
        undo.callback(delete_points)
        yield json.loads(tidemark("run", "only", "--wait", "--json"))["sessions"][0]


def test_a_session_ends_with_a_point_a_copy_and_an_index(session: dict[str, Any]) -> None:
    assert (session["status"], session["reasons"]) == ("success", [])
    assert {point["region"] for point in session["points"]} == {REGION, COPY_REGION}


def test_every_point_has_the_tags_of_its_session_and_index(session: dict[str, Any]) -> None:
    listed = json.loads(tidemark("recovery-points", session["file_system"], "--json"))["recovery_points"]
    mine = [point for point in listed if point["metadata"]["session_id"] == session["session_id"]]
    assert len(mine) == 2
    assert {point["metadata"]["index_id"] for point in mine} == {session["index_id"]}
    assert [problem for point in mine for problem in point["problems"]] == []


def test_the_index_can_be_listed_and_everything_was_readable(session: dict[str, Any]) -> None:
    shown = json.loads(tidemark("session", session["session_id"], "--json"))
    assert shown["index_id"] == session["index_id"]
    tidemark("ls", f"{session['index_id']}:/")


def test_nothing_of_the_worker_is_left(session: dict[str, Any]) -> None:
    assert session["index_id"]
    ecs = boto3.client("ecs", region_name=REGION)
    (cluster,) = [arn for arn in ecs.list_clusters()["clusterArns"] if DEPLOYMENT in arn]
    wait(lambda: not ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"], 600)
    families = ecs.list_task_definition_families(familyPrefix=f"{DEPLOYMENT}-worker-", status="ACTIVE")
    assert families["families"] == []


def delete_points() -> None:
    """Delete the recovery points: a vault that is not empty cannot be deleted."""
    for region in (REGION, COPY_REGION):
        backup = boto3.client("backup", region_name=region)
        pages = backup.get_paginator("list_recovery_points_by_backup_vault")
        for page in pages.paginate(BackupVaultName=DEPLOYMENT):
            for point in page["RecoveryPoints"]:
                backup.delete_recovery_point(
                    BackupVaultName=DEPLOYMENT, RecoveryPointArn=point["RecoveryPointArn"]
                )

        def left(backup: Any = backup) -> bool:
            listed = backup.list_recovery_points_by_backup_vault(BackupVaultName=DEPLOYMENT)
            return listed["RecoveryPoints"] != []

        wait(lambda left=left: not left(), 1800)


def empty_repository() -> None:
    """Delete every version of every object: a bucket that is not empty cannot be deleted."""
    bucket = boto3.resource("s3", region_name=REGION).Bucket(f"{DEPLOYMENT}-repository-{ACCOUNT}-{REGION}")
    bucket.object_versions.delete()


def cdk(configuration: Path, *arguments: str) -> None:
    """Run the CDK CLI on the application, with this configuration."""
    command = [sys.executable, "-m", "infra.node", "npx", "cdk", *arguments, "-c", f"config={configuration}"]
    subprocess.run(command, cwd=SOURCES, check=True)


def tidemark(*arguments: str) -> str:
    """Run the CLI against the deployment and return what it prints."""
    environment = {**os.environ, "AWS_REGION": REGION, "TIDEMARK_DEPLOYMENT": DEPLOYMENT}
    command = [Path(sys.executable).with_name("tidemark"), *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
