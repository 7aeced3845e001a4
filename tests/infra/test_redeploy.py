"""The real templates, created, failed, destroyed and created again in one account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud, NotDeployed
from localcloud.client.local_cloud import Fault
from tests.infra import assemblies
from tests.infra.conftest import CONFIGURATION

MAIN, COPIES, SPARE = "Tidemark-cellar", "Tidemark-cellar-eu-west-1", "Tidemark-cellar-us-east-1"
RESTORES = "Tidemark-cellar-restore"
# In the order of deletion: the stack of restores imports from the main one.
REGIONS = {RESTORES: "eu-central-1", MAIN: "eu-central-1", COPIES: "eu-west-1", SPARE: "us-east-1"}
# Resources that fail to be created: the first table, keys and vaults of all stacks, and late ones.
FAILING = {
    "a table, after the other": ("dynamodb", "CreateTable", "cellar-indexes", None),
    "the bucket": ("s3", "CreateBucket", "cellar-repository", None),
    "the vault": ("backup", "CreateBackupVault", "wine", "eu-central-1"),
    "a vault of copies": ("backup", "CreateBackupVault", "wine-copies", "eu-west-1"),
    "the second vault of copies": ("backup", "CreateBackupVault", "spare", "us-east-1"),
    "a function": ("lambda", "CreateFunction", "cellar-sweep", None),
    "a state machine": ("stepfunctions", "CreateStateMachine", "cellar-policy-run", None),
    "a schedule": ("scheduler", "CreateSchedule", "sweep", None),
    "a function of restores": ("lambda", "CreateFunction", "cellar-open-restore", None),
    "the dashboard": ("cloudwatch", "PutDashboard", "", None),
}


@pytest.fixture(scope="module")
def assembly(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemblies.without_code(assembly, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def destroyed_wholly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of a deployment that leaves nothing behind."""
    whole = assemblies.assembly(CONFIGURATION + "keep_on_destroy: false\n")
    return assemblies.without_code(whole, tmp_path_factory.mktemp("destroyed"))


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start(time_scale=0.02, timeout_scale=0.02, region="eu-central-1") as running:
        yield running


@pytest.mark.parametrize("what", FAILING)
def test_the_next_deployment_after_a_failed_first_one_succeeds(
    cloud: LocalCloud, assembly: Path, what: str
) -> None:
    service, operation, match, region = FAILING[what]
    cloud.faults.add(
        Fault(
            service=service,
            operation=operation,
            match=match,
            region=region,
            action="fail",
            error_code="AccessDeniedException",
            status=403,
        )
    )
    with pytest.raises(NotDeployed, match="AccessDenied"):
        cloud.deploy(assembly)
    cloud.faults.clear()
    assert set(cloud.deploy(assembly)) == set(REGIONS)


def test_kept_resources_block_the_next_deployment_of_the_same_name(cloud: LocalCloud, assembly: Path) -> None:
    cloud.deploy(assembly)
    assert [destroy(cloud, stack) for stack in REGIONS] == ["DELETE_COMPLETE"] * 4
    for stack, region in REGIONS.items():
        skipped = {e["ResourceType"] for e in events(cloud, stack, region, "DELETE_SKIPPED")}
        kept = {"AWS::KMS::Key", "AWS::Backup::BackupVault"}
        more = {MAIN: kept | {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}, RESTORES: set[str]()}
        assert skipped == more.get(stack, kept)
    with pytest.raises(NotDeployed, match=r"'AWS::Backup::BackupVault' with identifier '.*' already exists"):
        cloud.deploy(assembly)


def test_a_deployment_that_keeps_nothing_can_be_destroyed_and_deployed_again(
    cloud: LocalCloud, destroyed_wholly: Path
) -> None:
    for _ in range(2):
        cloud.deploy(destroyed_wholly)
        assert [destroy(cloud, stack) for stack in REGIONS] == ["DELETE_COMPLETE"] * 4


def test_a_bucket_with_an_index_in_it_is_not_destroyed(cloud: LocalCloud, destroyed_wholly: Path) -> None:
    cloud.deploy(destroyed_wholly)
    s3 = cloud.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"] if "repository" in b["Name"]]
    s3.put_object(Bucket=bucket, Key="indexes/a", Body=b"1")
    assert destroy(cloud, RESTORES) == "DELETE_COMPLETE"
    assert destroy(cloud, MAIN) == "DELETE_FAILED"
    (failed,) = events(cloud, MAIN, REGIONS[MAIN], "DELETE_FAILED", "AWS::S3::Bucket")
    assert "BucketNotEmpty" in failed["ResourceStatusReason"]
    # Its key remains because it needs it. Without objects the stack can be deleted.
    s3.delete_object(Bucket=bucket, Key="indexes/a")
    versions = s3.list_object_versions(Bucket=bucket)
    for one in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())):
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    assert destroy(cloud, MAIN) == "DELETE_COMPLETE"


def destroy(cloud: LocalCloud, stack: str) -> str:
    """Delete a stack and return its final status."""
    cloudformation = cloud.client("cloudformation", REGIONS[stack])
    identifier = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=stack)
    while (status := _status(cloudformation, identifier)) == "DELETE_IN_PROGRESS":
        time.sleep(0.05)
    return status


def events(
    cloud: LocalCloud, stack: str, region: str, status: str, kind: str | None = None
) -> list[dict[str, Any]]:
    """Return the events with this status since the stack was last created."""
    cloudformation = cloud.client("cloudformation", region)
    listed = cloudformation.list_stacks()["StackSummaries"]
    named = [one["StackId"] for one in listed if one["StackName"] == stack]
    found = cloudformation.describe_stack_events(StackName=named[-1])["StackEvents"]
    return [e for e in found if e["ResourceStatus"] == status and kind in (None, e["ResourceType"])]


def _status(cloudformation: Any, identifier: str) -> str:
    return str(cloudformation.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"])
