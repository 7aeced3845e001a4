"""Network and file system that a test creates in an account, real or local, and removes again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

NFS_PORT = 2049


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A VPC with public subnets in two Availability Zones, and a security group that admits itself."""

    vpc: str
    subnets: tuple[str, ...]
    security_group: str


def make_network(ec2: Any, undo: ExitStack, name: str, *, pause: float = 5) -> Network:
    """Create the cheapest network from which a worker with a public address reaches AWS's services."""
    tags = [{"Key": "Name", "Value": name}]

    def tagged(resource: str) -> list[dict[str, Any]]:
        return [{"ResourceType": resource, "Tags": tags}]

    vpc = ec2.create_vpc(CidrBlock="10.65.0.0/24", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    removed = partial(undo.callback, _remove, pause=pause)
    removed(partial(ec2.delete_vpc, VpcId=vpc))
    # The mount helper resolves the file system's name. Source: EFS User Guide, "Mounting with DNS name".
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    removed(partial(ec2.delete_internet_gateway, InternetGatewayId=gateway_id))
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc)
    removed(partial(ec2.detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc))
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"][
        "RouteTableId"
    ]
    removed(partial(ec2.delete_route_table, RouteTableId=table))
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    zones = ec2.describe_availability_zones(
        Filters=[
            {"Name": "zone-type", "Values": ["availability-zone"]},
            {"Name": "state", "Values": ["available"]},
        ]
    )["AvailabilityZones"]
    subnets = []
    for number, zone in enumerate(zones[:2]):
        subnet = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.65.0.{number * 64}/26",
            AvailabilityZone=zone["ZoneName"],
            TagSpecifications=tagged("subnet"),
        )["Subnet"]["SubnetId"]
        # Refused while the worker's network interface exists, which outlives its task by a minute or two.
        removed(partial(ec2.delete_subnet, SubnetId=subnet))
        association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
        removed(partial(ec2.disassociate_route_table, AssociationId=association))
        subnets.append(subnet)
    group = ec2.create_security_group(
        GroupName=name, Description="Tidemark's test", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    removed(partial(ec2.delete_security_group, GroupId=group))
    itself = {
        "IpProtocol": "tcp",
        "FromPort": NFS_PORT,
        "ToPort": NFS_PORT,
        "UserIdGroupPairs": [{"GroupId": group}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[itself])
    return Network(vpc=vpc, subnets=tuple(subnets), security_group=group)


def make_file_system(efs: Any, undo: ExitStack, name: str, network: Network, *, pause: float = 5) -> str:
    """Create a file system with a mount target in each subnet; return its id once it can be mounted."""
    made: str = efs.create_file_system(
        CreationToken=f"{name}-{time.time_ns()}", Encrypted=True, Tags=[{"Key": "Name", "Value": name}]
    )["FileSystemId"]

    def state() -> str:
        described: str = efs.describe_file_systems(FileSystemId=made)["FileSystems"][0]["LifeCycleState"]
        return described

    undo.callback(efs.delete_file_system, FileSystemId=made)
    wait(lambda: state() == "available", 300, pause=pause)
    make_mount_targets(efs, undo, made, network, pause=pause)
    return made


def make_mount_targets(
    efs: Any, undo: ExitStack, file_system: str, network: Network, *, pause: float = 5
) -> None:
    """Create a mount target in each subnet; return once they are available."""

    def targets() -> set[str]:
        found = efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
        return {target["LifeCycleState"] for target in found}

    undo.callback(lambda: wait(lambda: targets() == set(), 600, pause=pause))
    for subnet in network.subnets:
        target = efs.create_mount_target(
            FileSystemId=file_system, SubnetId=subnet, SecurityGroups=[network.security_group]
        )["MountTargetId"]
        undo.callback(efs.delete_mount_target, MountTargetId=target)
    wait(lambda: targets() == {"available"}, 600, pause=pause)


def wait(condition: Callable[[], bool], seconds: float, *, pause: float = 5) -> None:
    """Wait until the condition holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not after {seconds} s"
        time.sleep(pause)


def _remove(remove: Callable[[], object], *, pause: float) -> None:
    """Retry a removal while the resource may still be in use."""

    def done() -> bool:
        try:
            remove()
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("DependencyViolation", "InUse"):
                raise
            return False
        return True

    wait(done, 900, pause=pause)
