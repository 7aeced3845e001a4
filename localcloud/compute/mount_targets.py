"""Checks whether a network interface can mount an EFS file system.

Source: EFS user guide, "Troubleshooting mount issues", and the stopped-task errors of ECS.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends

from localcloud.core.cloud import Cloud
from localcloud.core.partitions import url_suffix
from localcloud.core.trees import NotCopied
from localcloud.iam.callers import caller_keys
from localcloud.iam.permissions import missing_permission
from localcloud.iam.required_permissions import Check
from localcloud.iam.resource_policies import decision_of
from localcloud.services.file_system_directories import readable_directory, writable_directory

NFS_PORT = 2049
ANONYMOUS = "anonymous"  # a principal that no policy names
VIA_MOUNT_TARGET = {"elasticfilesystem:AccessedViaMountTarget": "true", "aws:SecureTransport": "true"}


class CannotMount(Exception):
    """The mount fails; the message is that of the mount helper."""


def mountable_directory(
    cloud: Cloud,
    file_system_id: str,
    *,
    account: str,
    region: str,
    subnet_id: str | None,
    security_groups: Collection[str],
    read_only: bool,
    role_arn: str | None,
) -> Path:
    """Return the directory of a file system, for a client in a subnet; raises CannotMount.

    There must be an available mount target in the subnet's Availability Zone, and one of its security groups
    must admit the client's on port 2049. `role_arn` is the role of a mount with IAM authorization: it must
    have ClientMount, and ClientWrite unless the mount is `read_only`. Without a role, the client is
    anonymous: if the file system has a policy, it must allow the same to everyone.
    """
    backend = efs_backends[account][region]
    if file_system_id not in backend.file_systems_by_id:
        raise CannotMount(_unresolved(file_system_id, region))
    subnets = ec2_backends[account][region]
    zone = subnets.get_subnet(subnet_id).availability_zone if subnet_id else None
    targets = [
        target
        for target in backend.mount_targets_by_id.values()
        if target.file_system_id == file_system_id
        and target.life_cycle_state == "available"
        and zone in (None, target.availability_zone_name)
    ]
    if not targets:
        raise CannotMount(_unresolved(file_system_id, region))
    if not any(_admits(subnets, target, security_groups, subnet_id) for target in targets):
        raise CannotMount(
            f"Connection timed out: no security group of the mount target of {file_system_id} admits the "
            f"client's on port {NFS_PORT}"
        )
    if role_arn is not None:
        _check_role(cloud, backend.file_systems_by_id[file_system_id], role_arn, read_only=read_only)
    else:
        _check_anonymous(backend.file_systems_by_id[file_system_id], read_only=read_only)
    if read_only:
        return readable_directory(cloud, file_system_id)
    try:
        return writable_directory(cloud, file_system_id)
    except NotCopied as error:
        raise CannotMount(f"the local cloud cannot copy the directory of {file_system_id}: {error}") from None


def _check_anonymous(file_system: Any, *, read_only: bool) -> None:
    """Raise CannotMount if the file system has a policy that does not allow the mount to everyone.

    Source: Amazon EFS User Guide, "Using IAM to control access to file systems", default policy.
    """
    if not file_system.file_system_policy:
        return
    policy = json.loads(file_system.file_system_policy)
    for name in ("ClientMount",) if read_only else ("ClientMount", "ClientWrite"):
        action, resource = f"elasticfilesystem:{name}", file_system.file_system_arn
        decision = decision_of(
            policy, action=action, resource=resource, principal=ANONYMOUS, context=VIA_MOUNT_TARGET
        )
        if decision != "Allow":
            raise CannotMount(
                f"b'mount.nfs4: access denied by server while mounting 127.0.0.1:/' (the policy of "
                f"{file_system.file_system_id} does not allow {action} to anonymous clients)"
            )


def _check_role(cloud: Cloud, file_system: Any, role_arn: str, *, read_only: bool) -> None:
    """Raise CannotMount unless policies of the role or of the file system allow the mount.

    AWS requires the permissions if the file system has a policy. The local cloud always requires them, so
    that a role that lacks one is found with any file system. Without ClientWrite, a mount on AWS succeeds and
    its writes fail; the programs here are plain processes, which nothing can keep from writing, so the mount
    itself fails.
    Source: Amazon EFS User Guide, "Using IAM to control access to file systems".
    """
    caller, region = cloud.issuer.anonymous(role_arn), file_system.file_system_arn.split(":")[3]
    keys = caller_keys(caller, cloud.accounts, region=region, now=cloud.clock.now())
    for name in ("ClientMount",) if read_only else ("ClientMount", "ClientWrite"):
        check = Check(action=f"elasticfilesystem:{name}", resource=file_system.file_system_arn)
        policy = json.loads(file_system.file_system_policy or "{}")
        decision = decision_of(
            policy,
            action=check.action,
            resource=check.resource,
            principal=role_arn,
            context={**keys, **VIA_MOUNT_TARGET},
        )
        missing = missing_permission(role_arn, [check]) if decision is None else None
        if decision == "Deny" or missing is not None:
            raise CannotMount(
                f"b'mount.nfs4: access denied by server while mounting 127.0.0.1:/' ({role_arn} lacks "
                f"{check.action} on {file_system.file_system_id})"
            )


def _unresolved(file_system_id: str, region: str) -> str:
    host = f"{file_system_id}.efs.{region}.{url_suffix(region)}"
    return (
        f'Failed to resolve "{host}" - check that your file system ID '
        "is correct, and ensure that the VPC has an EFS mount target for this file system ID."
    )


def _admits(backend: Any, target: Any, clients: Collection[str], subnet_id: str | None) -> bool:
    groups = target.security_groups or []
    for group in filter(None, (backend.get_security_group_from_id(group_id) for group_id in groups)):
        for rule in group.ingress_rules:
            admitted = rule.source_group.get("GroupId") in clients or _in_range(backend, rule, subnet_id)
            if admitted and _covers_nfs(rule):
                return True
    return not groups


def _covers_nfs(rule: Any) -> bool:
    if str(rule.ip_protocol) == "-1":
        return True
    if str(rule.ip_protocol) not in ("tcp", "6"):
        return False
    return int(rule.from_port) <= NFS_PORT <= int(rule.to_port)


def _in_range(backend: Any, rule: Any, subnet_id: str | None) -> bool:
    cidr = rule.ip_range.get("CidrIp")
    if not cidr or subnet_id is None:
        return bool(cidr)
    return IPv4Network(backend.get_subnet(subnet_id).cidr_block).subnet_of(IPv4Network(cidr))
