"""Chooses the worker's subnet and security groups, from which the file system can be mounted."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.aws.reachability import missing_services
from tidemark.aws.workers import AT_HOME, Callback
from tidemark.errors import FileSystemNotFound, NoMountTarget, WorkerCutOff, WorkerNetworkNotFound
from tidemark.policy.policy import WorkerSettings
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, SecurityGroupTypeDef
    from mypy_boto3_efs import EFSClient
    from mypy_boto3_efs.type_defs import MountTargetDescriptionTypeDef

NFS_PORT = 2049
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNetwork:
    """The network configuration of an ECS task or an EC2 instance."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


def available_mount_targets(
    client: EFSClient, file_system: FileSystem
) -> list[MountTargetDescriptionTypeDef]:
    """Return the mount targets that can be mounted now, in a stable order.

    Raises FileSystemNotFound, and NoMountTarget if there is none.
    """
    try:
        pages = client.get_paginator("describe_mount_targets").paginate(
            FileSystemId=file_system.file_system_id
        )
        found = [target for page in pages for target in page["MountTargets"]]
    except ClientError as error:
        if code_of(error) == "FileSystemNotFound":
            raise FileSystemNotFound(file_system.file_system_id, file_system.region) from error
        raise
    available = [target for target in found if target["LifeCycleState"] == "available"]
    if not available:
        raise NoMountTarget(file_system.file_system_id)
    return sorted(available, key=lambda target: target["MountTargetId"])


def choose_networks(
    efs: EFSClient,
    ec2: EC2Client,
    file_system: FileSystem,
    settings: WorkerSettings,
    callback: Callback = AT_HOME,
) -> list[WorkerNetwork]:
    """Return one or more networks for the worker: those in the policy, otherwise by mount targets.

    Each mount target contributes its own subnet, so that traffic stays in its Availability Zone; the next one
    is used if the zone has no capacity. If the policy names subnets, ECS chooses among them, and EC2 tries
    them in order. `callback` is how the worker answers its session. Subnets without a route to the AWS
    services that a worker calls are omitted. Raises NoMountTarget, FileSystemNotFound, WorkerNetworkNotFound
    if no mount target allows a known security group, and WorkerCutOff if no subnet is left.
    """
    targets = {
        target["SubnetId"]: target["MountTargetId"] for target in available_mount_targets(efs, file_system)
    }

    def groups_of(subnet: str) -> Sequence[str]:
        answer = efs.describe_mount_target_security_groups(MountTargetId=targets[subnet])
        return answer["SecurityGroups"]

    return _networks(ec2, file_system, tuple(targets), groups_of, settings, callback)


def planned_networks(
    ec2: EC2Client,
    file_system: FileSystem,
    mount_targets: Mapping[str, Sequence[str]],
    settings: WorkerSettings,
) -> list[WorkerNetwork]:
    """Return what `choose_networks` would return with these mount targets, security groups by subnet.

    `file_system` is for errors.
    """
    return _networks(ec2, file_system, tuple(mount_targets), mount_targets.__getitem__, settings, AT_HOME)


def _networks(
    ec2: EC2Client,
    file_system: FileSystem,
    targets: Sequence[str],
    groups_of: Callable[[str], Sequence[str]],
    settings: WorkerSettings,
    callback: Callback,
) -> list[WorkerNetwork]:
    """`targets` are the subnets of the mount targets."""
    if not settings.subnets:
        if settings.security_groups:
            places = dict.fromkeys(targets, settings.security_groups)
        else:
            places = _admitted(ec2, file_system, targets, groups_of)
        return [
            WorkerNetwork(subnets=(subnet,), security_groups=places[subnet])
            for subnet in _connected(ec2, file_system, tuple(places), settings, callback)
        ]
    groups = settings.security_groups or next(iter(_admitted(ec2, file_system, targets, groups_of).values()))
    subnets = _connected(ec2, file_system, settings.subnets, settings, callback)
    together = [subnets] if settings.kind == "fargate" else [(one,) for one in subnets]
    return [WorkerNetwork(subnets=group, security_groups=groups) for group in together]


def _connected(
    ec2: EC2Client,
    file_system: FileSystem,
    subnets: tuple[str, ...],
    settings: WorkerSettings,
    callback: Callback,
) -> tuple[str, ...]:
    """Return the subnets with a route to every service that a worker calls; raise WorkerCutOff if none."""
    missing = missing_services(
        ec2,
        file_system.account,
        file_system.region,
        subnets,
        public_address=settings.public_address,
        home_region=callback.home_region,
        assumes_role=bool(callback.callback_role),
    )
    connected = tuple(subnet for subnet in subnets if not missing[subnet])
    if not connected:
        raise WorkerCutOff(file_system.file_system_id, missing)
    for subnet in subnets:
        if missing[subnet]:
            _LOG.warning("skipped subnet %s, which cannot reach %s", subnet, ", ".join(missing[subnet]))
    return connected


def _admitted(
    ec2: EC2Client,
    file_system: FileSystem,
    targets: Sequence[str],
    groups_of: Callable[[str], Sequence[str]],
) -> dict[str, tuple[str, ...]]:
    """Return the subnets of mount targets, each with at least one security group that is allowed there."""
    found: dict[str, tuple[str, ...]] = {}
    refusing: list[str] = []
    for target in targets:
        group_ids = groups_of(target)
        groups = ec2.describe_security_groups(GroupIds=group_ids)["SecurityGroups"]
        subnet = ec2.describe_subnets(SubnetIds=[target])["Subnets"][0]
        chosen = choose_security_groups(groups, subnet_cidr=subnet["CidrBlock"])
        if chosen is None:
            refusing += group_ids
        else:
            found[target] = chosen
    if not found:
        raise WorkerNetworkNotFound(file_system.file_system_id, sorted(set(refusing)))
    return found


def choose_security_groups(
    mount_target_groups: Sequence[SecurityGroupTypeDef], *, subnet_cidr: str
) -> tuple[str, ...] | None:
    """Return the groups for a worker that a mount target with these groups allows on port 2049.

    Prefers a mount target's own group, if it allows itself or the subnet's addresses; otherwise a group that
    one of them allows. None if there is no such group.
    """
    own = {group["GroupId"] for group in mount_target_groups}
    admitted: list[str] = []
    for group in mount_target_groups:
        for rule in group.get("IpPermissions", []):
            if not is_for_port(rule, NFS_PORT):
                continue
            if admits_addresses(rule, subnet_cidr):
                return (group["GroupId"],)
            admitted += [pair["GroupId"] for pair in rule.get("UserIdGroupPairs", []) if "GroupId" in pair]
    for candidate in admitted:
        if candidate in own:
            return (candidate,)
    return (admitted[0],) if admitted else None


def is_for_port(rule: IpPermissionOutputTypeDef, port: int) -> bool:
    """Return whether a rule of a security group is about TCP traffic to a port."""
    if rule.get("IpProtocol") == "-1":
        return True
    return rule.get("IpProtocol") == "tcp" and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 0)


def admits_addresses(rule: IpPermissionOutputTypeDef, subnet_cidr: str) -> bool:
    """Return whether a rule names all addresses of a subnet."""
    subnet = ipaddress.IPv4Network(subnet_cidr)
    ranges = [entry["CidrIp"] for entry in rule.get("IpRanges", []) if "CidrIp" in entry]
    return any(subnet.subnet_of(ipaddress.IPv4Network(allowed, strict=False)) for allowed in ranges)
