"""Deploys a synthesized CDK assembly as the CDK CLI does."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError, WaiterError

from localcloud.core.errors import NotDeployed
from localcloud.core.partitions import partition_of, url_suffix

BOOTSTRAP_VERSION = "28"  # the highest that CDK currently requires is 21
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
POLL = {"Delay": 0.1, "MaxAttempts": 6000}


class MakeClient(Protocol):
    """As LocalCloud.client."""

    def __call__(self, service: str, region: str | None = None) -> Any: ...  # any service's


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack of an assembly."""

    artifact_id: str
    name: str
    account: str
    region: str
    template: Path
    parameters: dict[str, str]
    tags: dict[str, str]
    depends_on: tuple[str, ...]  # artifact ids
    assets: tuple[Path, ...]  # asset manifests


def deploy(
    assembly: Path,
    *,
    client: MakeClient,
    account_id: str,
    default_region: str,
    register_image: Callable[[str, Path], object],
    other_accounts: Mapping[str, MakeClient] | None = None,
) -> dict[str, dict[str, str]]:
    """Publish the assets, deploy the stacks in dependency order; return {stack: {output: value}}.

    A stack without an account goes to `account_id`. `other_accounts` has a client factory for each further
    account that stacks may name.
    """
    clients = {**(other_accounts or {}), account_id: client}
    stacks = in_order(read_stacks(assembly, account_id, default_region, accounts=clients))
    for account, region in dict.fromkeys((stack.account, stack.region) for stack in stacks):
        bootstrap(region, client=clients[account], account_id=account)
    for stack in stacks:
        for manifest in stack.assets:
            _publish(manifest, stack.region, stack.account, clients[stack.account], register_image)
    return {stack.name: _deploy_stack(stack, clients[stack.account]) for stack in stacks}


def bootstrap(region: str, *, client: MakeClient, account_id: str) -> None:
    """Prepare a Region for assemblies, as `cdk bootstrap` does: version parameter and assets bucket."""
    client("ssm", region).put_parameter(
        Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True
    )
    _create_bucket(client("s3", region), _assets_bucket(account_id, region))


def _assets_bucket(account_id: str, region: str) -> str:
    return f"cdk-hnb659fds-assets-{account_id}-{region}"


def read_stacks(
    assembly: Path, account_id: str, default_region: str, *, accounts: Container[str] = ()
) -> list[Stack]:
    """Return the stacks of an assembly and of the assemblies nested in it (stages).

    Raises NotDeployed for a stack of an account that is neither `account_id` nor in `accounts`.
    """
    path = assembly / "manifest.json"
    if not path.is_file():
        raise NotDeployed(f"{assembly} is not a CDK assembly: it has no manifest.json; run: cdk synth")
    artifacts = json.loads(path.read_text())["artifacts"]
    stacks = []
    for artifact_id, artifact in artifacts.items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            nested = assembly / properties["directoryName"]
            stacks += read_stacks(nested, account_id, default_region, accounts=accounts)
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        account, region = artifact["environment"].removeprefix("aws://").split("/")
        account = account_id if account == "unknown-account" else account
        if account != account_id and account not in accounts:
            raise NotDeployed(
                f"stack {artifact_id} is for account {account}, the local cloud has account {account_id}; "
                f"synthesize it without an account, or with CDK_DEFAULT_ACCOUNT={account_id}"
            )
        needed = artifact.get("dependencies", [])
        stacks.append(
            Stack(
                artifact_id=artifact_id,
                name=properties.get("stackName", artifact_id),
                account=account,
                region=default_region if region == "unknown-region" else region,
                template=assembly / properties["templateFile"],
                parameters=properties.get("parameters", {}),
                tags=properties.get("tags", {}),
                depends_on=tuple(needed),
                assets=tuple(
                    assembly / artifacts[one]["properties"]["file"]
                    for one in needed
                    if artifacts[one]["type"] == "cdk:asset-manifest"
                ),
            )
        )
    return stacks


def in_order(stacks: list[Stack]) -> list[Stack]:
    """Return the stacks sorted so that each follows its dependencies."""
    by_id = {stack.artifact_id: stack for stack in stacks}
    ordered: dict[str, Stack] = {}

    def visit(stack: Stack) -> None:
        if stack.artifact_id in ordered:
            return
        for needed in stack.depends_on:
            if needed in by_id:
                visit(by_id[needed])
        ordered[stack.artifact_id] = stack

    for stack in stacks:
        visit(stack)
    return list(ordered.values())


def _publish(
    manifest: Path,
    region: str,
    account_id: str,
    client: MakeClient,
    register_image: Callable[[str, Path], object],
) -> None:
    assets = json.loads(manifest.read_text())

    values = (("AccountId", account_id), ("Region", region), ("Partition", partition_of(region)))

    def filled(text: str) -> str:
        for name, value in values:
            text = text.replace(f"${{AWS::{name}}}", value)
        return text

    for asset in assets.get("files", {}).values():
        if asset["source"].get("path", "").endswith(".template.json"):
            continue  # the template is uploaded when the stack is deployed
        source = manifest.parent / asset["source"]["path"]
        packed = asset["source"].get("packaging") == "zip"
        for destination in asset["destinations"].values():
            s3 = client("s3", destination.get("region", region))
            bucket, key = filled(destination["bucketName"]), filled(destination["objectKey"])
            _create_bucket(s3, bucket)
            # As the CDK CLI does: the key of an asset contains the digest of its content.
            if not _has_object(s3, bucket, key):
                with (_zipped(source) if packed else source).open("rb") as body:
                    s3.put_object(Bucket=bucket, Key=key, Body=body)
    for asset in assets.get("dockerImages", {}).values():
        directory = (manifest.parent / asset["source"]["directory"]).resolve()
        for destination in asset["destinations"].values():
            home = destination.get("region", region)
            registry = f"{account_id}.dkr.ecr.{home}.{url_suffix(home)}"
            repository, tag = filled(destination["repositoryName"]), filled(destination["imageTag"])
            register_image(f"{registry}/{repository}:{tag}", directory)


def _create_bucket(s3: Any, name: str) -> None:  # an S3 client
    region = s3.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=name, **where)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


def _has_object(s3: Any, bucket: str, key: str) -> bool:  # an S3 client
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True


def _zipped(source: Path) -> Path:
    """Return a zip of an asset's directory, uncompressed because it does not leave this machine.

    Like the CDK CLI, keeps it in the assembly's directory `.cache` for the next deployment. The name of an
    asset contains the digest of its content.
    """
    archive = source.parent / ".cache" / f"{source.name}.zip"
    if not archive.exists():
        archive.parent.mkdir(exist_ok=True)
        unfinished = archive.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as zipped:
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    # a fixed date: equal bytes, equal hash
                    info = zipfile.ZipInfo(str(path.relative_to(source)))
                    info.external_attr = (path.stat().st_mode & 0xFFFF) << 16
                    zipped.writestr(info, path.read_bytes())
        unfinished.replace(archive)
    return archive


def _remove_failed(cloudformation: Any, name: str) -> None:  # a CloudFormation client
    """Delete a stack whose creation failed, as `cdk deploy` does before it creates the stack again."""
    found = _describe(cloudformation, name)
    if found and found["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        cloudformation.delete_stack(StackName=name)
        waiter = cloudformation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=found["StackId"], WaiterConfig=POLL)


def _template(stack: Stack, client: MakeClient) -> dict[str, str]:
    """Upload the template, as the CDK CLI does for any size; return the argument that locates it."""
    bucket, key = _assets_bucket(stack.account, stack.region), stack.template.name
    client("s3", stack.region).put_object(Bucket=bucket, Key=key, Body=stack.template.read_bytes())
    return {"TemplateURL": f"https://s3.{stack.region}.{url_suffix(stack.region)}/{bucket}/{key}"}


def _deploy_stack(stack: Stack, client: MakeClient) -> dict[str, str]:
    cloudformation = client("cloudformation", stack.region)
    request = {
        "StackName": stack.name,
        **_template(stack, client),
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
        "Tags": [{"Key": k, "Value": v} for k, v in stack.tags.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    _remove_failed(cloudformation, stack.name)
    exists = _describe(cloudformation, stack.name) is not None
    try:
        if exists:
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
        waiter = cloudformation.get_waiter("stack_update_complete" if exists else "stack_create_complete")
        waiter.wait(StackName=stack.name, WaiterConfig=POLL)
    except WaiterError as error:
        reasons = "\n".join(f"  {line}" for line in _failures(cloudformation, stack.name))
        raise NotDeployed(f"stack {stack.name} was not deployed:\n{reasons}") from error
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise NotDeployed(f"stack {stack.name} was not deployed: {error}") from error
    described = _describe(cloudformation, stack.name) or {}
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _describe(cloudformation: Any, name: str) -> dict[str, Any] | None:  # a client
    try:
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None
    return described


def _failures(cloudformation: Any, name: str) -> Iterator[str]:  # a client
    for event in reversed(cloudformation.describe_stack_events(StackName=name)["StackEvents"]):
        if event["ResourceStatus"].endswith("_FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            yield f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
