"""Grants on file systems: each by its ARN or, if there are too many, all of the account and Region.

IAM gives a role 10,240 characters for all its inline policies, and ten managed policies of 6,144. An ARN
takes about 85, so no role can name 1,000 file systems. Tags are no alternative: for client mounts, EFS
enforces only the condition keys that it documents for clients, and `aws:ResourceTag` is not one of them.
Source: IAM User Guide, "IAM and AWS STS quotas"; Amazon EFS User Guide, "Using IAM to control access to file
systems", EFS condition keys for clients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from infra.grants import Grant
from infra.names import Names
from tidemark.aws.workers import DEPLOYMENT_TAG, TEMPORARY_TAG

EVERY = "*"  # stands for all file systems of a site, of which policies select some when they run
# With the longest ids and names, the largest role takes 8,700 characters: see tests/infra/test_limits.py.
MOST_NAMED = 40
WHY_PATTERN = (
    f"A role's policies cannot name more than {MOST_NAMED} file systems one by one; "
    "limited to this account and Region."
)
WHY_EVERY = "Policies select file systems when they run; limited to this account and Region."
# Security groups of mount targets restrict clients in addition.
VIA_MOUNT_TARGET = {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}


def are_named(file_systems: Collection[str]) -> bool:
    """Return whether roles name the file systems one by one; otherwise, all of the account and Region."""
    return len(file_systems) <= MOST_NAMED and EVERY not in file_systems


def read_files(names: Names, file_systems: Collection[str]) -> list[Grant]:
    """Return the grant to mount a deployment's file systems read-only and read all files."""
    # No ClientWrite: read-only. Root access: without it, directories of other users cannot be read.
    return on_file_systems(
        names, file_systems, "ClientMount", "ClientRootAccess", conditions=VIA_MOUNT_TARGET
    )


def write_files(names: Names, file_systems: Collection[str]) -> list[Grant]:
    """Return the grant to mount a deployment's file systems and change all files."""
    operations = ("ClientMount", "ClientWrite", "ClientRootAccess")
    return on_file_systems(names, file_systems, *operations, conditions=VIA_MOUNT_TARGET)


def on_file_systems(
    names: Names,
    file_systems: Collection[str],
    *operations: str,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Grant]:
    """Return the grant of EFS operations on a deployment's file systems; empty without file systems."""
    if not file_systems:
        return []
    many = not are_named(file_systems)
    return [
        Grant(
            actions=tuple(f"elasticfilesystem:{operation}" for operation in operations),
            resources=tuple(map(names.file_system_arn, ("*",) if many else file_systems)),
            conditions=conditions or {},
            why_pattern=(WHY_EVERY if EVERY in file_systems else WHY_PATTERN) if many else None,
        )
    ]


def on_new_file_systems(
    names: Names, *operations: str, conditions: Mapping[str, Mapping[str, Any]] | None = None
) -> Grant:
    """Return the grant of EFS operations on file systems that restores have created and marked."""
    marked = {"StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": names.deployment}}
    return Grant(
        actions=tuple(f"elasticfilesystem:{operation}" for operation in operations),
        resources=(names.file_system_arn("*"),),
        conditions=marked if conditions is None else conditions,
        why_pattern="EFS generates the ids of new file systems; changes are limited to those with the "
        "deployment's tag, which it sets when AWS Backup has created them.",
    )


def on_temporary_file_systems(names: Names, *operations: str) -> Grant:
    """Return the grant of EFS operations on file systems of drills and restore tests."""
    temporary = {
        "StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": names.deployment},
        "Null": {f"aws:ResourceTag/{TEMPORARY_TAG}": "false"},
    }
    return on_new_file_systems(names, *operations, conditions=temporary)


def remove_temporary_mount_targets(names: Names) -> list[Grant]:
    """Return the grants to remove the mount targets of file systems of drills and restore tests."""
    return [
        on_temporary_file_systems(names, "DescribeMountTargets", "DeleteMountTarget"),
        # EFS calls EC2 on behalf of its caller. Source: EFS API Reference, DeleteMountTarget.
        Grant(
            actions=("ec2:DeleteNetworkInterface",),
            resources=(names.arn("ec2", "network-interface/*"),),
            why_pattern="EFS creates the network interfaces of mount targets; EC2 lets only EFS delete them.",
        ),
    ]


def remove_temporary_file_systems(names: Names) -> list[Grant]:
    """Return the grants to remove the file systems of drills, which are marked as temporary."""
    return [
        *remove_temporary_mount_targets(names),
        on_temporary_file_systems(names, "DeleteFileSystem"),
    ]
