"""Whether security groups admit a worker's traffic, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.answers.checks.result import CheckResult, Outcomes, check
from tidemark.answers.checks.scope import Scope
from tidemark.aws.network import NFS_PORT, WorkerNetwork, available_mount_targets
from tidemark.aws.reachability import endpoints_for_workers
from tidemark.aws.security_groups import admits, lets_out
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef, SubnetTypeDef

HTTPS_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A mount target, or an interface endpoint."""

    what: str  # as in messages: "the mount target fsmt-..."
    port: int
    zone: str | None  # in which only workers of the same zone connect to it
    addresses: tuple[str, ...]  # empty: not known
    groups: tuple[str, ...]


def traffic_checks(
    scope: Scope, file_system: FileSystem, networks: Sequence[WorkerNetwork]
) -> Iterator[CheckResult]:
    """Yield whether the worker's groups and those of mount targets and endpoints admit NFS and HTTPS."""
    passes = "the security groups admit NFS and HTTPS between worker, mount targets and endpoints"
    with check("security-groups", file_system.file_system_id, passes) as outcomes:
        ec2 = scope.clients.of("ec2", scope.region)
        ids = list(dict.fromkeys(subnet for network in networks for subnet in network.subnets))
        subnets = {each["SubnetId"]: each for each in ec2.describe_subnets(SubnetIds=ids)["Subnets"]}
        servers = [*_mount_targets(scope, file_system), *_endpoints(scope, ids)]
        groups = _groups(scope, networks, servers)
        for network in networks:
            for each in network.subnets:
                _check_subnet(scope, outcomes, network, subnets[each], servers, groups)
            own = [groups[each] for each in network.security_groups if each in groups]
            if not lets_out(own, HTTPS_PORT, addresses=(), servers=()):
                outcomes.fail(
                    f"{_named(network.security_groups)} of the worker let no HTTPS out, which it needs",
                    _allow(scope, "egress", network.security_groups[0], HTTPS_PORT, "--cidr 0.0.0.0/0"),
                )
    yield from outcomes.results


def _mount_targets(scope: Scope, file_system: FileSystem) -> Iterator[_Server]:
    efs = scope.clients.of("efs", scope.region)
    for target in available_mount_targets(efs, file_system):
        answer = efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])
        yield _Server(
            what=f"mount target {target['MountTargetId']}",
            port=NFS_PORT,
            zone=target.get("AvailabilityZoneName"),
            addresses=(target["IpAddress"],) if "IpAddress" in target else (),
            groups=tuple(answer["SecurityGroups"]),
        )


def _endpoints(scope: Scope, subnets: Sequence[str]) -> Iterator[_Server]:
    found = endpoints_for_workers(scope.clients.of("ec2", scope.region), subnets, region=scope.region)
    for endpoint, groups in found.items():
        yield _Server(
            what=f"endpoint {endpoint}", port=HTTPS_PORT, zone=None, addresses=(), groups=tuple(groups)
        )


def _groups(
    scope: Scope, networks: Iterable[WorkerNetwork], servers: Iterable[_Server]
) -> dict[str, SecurityGroupTypeDef]:
    ids = {group for network in networks for group in network.security_groups}
    ids |= {group for server in servers for group in server.groups}
    found = scope.clients.of("ec2", scope.region).describe_security_groups(GroupIds=sorted(ids))
    return {group["GroupId"]: group for group in found["SecurityGroups"]}


def _check_subnet(
    scope: Scope,
    outcomes: Outcomes,
    network: WorkerNetwork,
    subnet: SubnetTypeDef,
    servers: Sequence[_Server],
    groups: Mapping[str, SecurityGroupTypeDef],
) -> None:
    zone, where, cidr = subnet["AvailabilityZone"], subnet["SubnetId"], subnet["CidrBlock"]
    near = [server for server in servers if server.zone in (None, zone)]
    if not any(server.port == NFS_PORT for server in near):
        outcomes.fail(
            f"the worker's subnet {where} is in {zone}, where the file system has no mount target",
            "name subnets in zones with mount targets in tidemark.yaml, and deploy again",
        )
    own = [groups[each] for each in network.security_groups if each in groups]
    for server in near:
        theirs = [groups[each] for each in server.groups if each in groups]
        clients = network.security_groups
        if theirs and not admits(theirs, server.port, clients=clients, subnet_cidr=cidr):
            outcomes.fail(
                f"{_named(server.groups)} of {server.what} do not admit the worker in {where} on port "
                f"{server.port}",
                _allow(scope, "ingress", server.groups[0], server.port, f"--source-group {clients[0]}"),
            )
        known = server.addresses
        if known and not lets_out(own, server.port, addresses=known, servers=server.groups):
            outcomes.fail(
                f"{_named(clients)} of the worker let nothing out to {server.what} on port {server.port}",
                _allow(scope, "egress", clients[0], server.port, f"--cidr {known[0]}/32"),
            )


def _named(groups: Sequence[str]) -> str:
    return f"security groups {', '.join(groups) or '(none)'}"


def _allow(scope: Scope, direction: str, group: str, port: int, peer: str) -> str:
    return (
        f"allow it: aws ec2 authorize-security-group-{direction} --region {scope.region} --group-id {group} "
        f"--protocol tcp --port {port} {peer}"
    )
