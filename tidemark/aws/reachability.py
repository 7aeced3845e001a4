"""Checks that a subnet can reach the AWS services that a worker calls, by routes and VPC endpoints.

A service counts as missing only if it is certainly unreachable: the networks behind a NAT gateway, a transit
gateway, a peering connection, a VPN or an appliance cannot be inspected.
Source: Amazon VPC User Guide, "Route tables", "Enable internet access"; AWS PrivateLink Guide, "Private DNS",
"Gateway endpoints"; Amazon ECR User Guide, "Interface VPC endpoints".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        RouteTableTypeDef,
        RouteTypeDef,
        SubnetTypeDef,
        VpcEndpointTypeDef,
    )

# The services that a worker and its machine's start call, as the last parts of VPC endpoint service names.
# The same on EC2: Amazon Linux's packages come from S3. KMS is not needed, because S3 calls it; nor is STS,
# because credentials come from ECS or from the instance's metadata.
SERVICES: Mapping[str, str] = {
    "ecr.api": "ECR (ecr.api)",
    "ecr.dkr": "ECR (ecr.dkr)",
    "s3": "S3 (s3)",
    "logs": "CloudWatch Logs (logs)",
    "states": "Step Functions (states)",
}
# The services of the home Region, which endpoints in a VPC of another Region do not reach.
_AT_HOME = ("s3", "states")
# What a worker of another account calls in addition, for the role that may answer its session.
_OF_OTHER_ACCOUNTS: Mapping[str, str] = {"sts": "STS (sts)"}
_ANYWHERE = "0.0.0.0/0"
# Targets of routes into networks that cannot be inspected. They count for any destination: a company may
# reach its own endpoints by private addresses.
_ONWARD = (
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)


def missing_services(
    client: EC2Client,
    account: str,
    region: str,
    subnets: Sequence[str],
    *,
    public_address: bool,
    home_region: str = "",
    assumes_role: bool = False,
) -> dict[str, list[str]]:
    """Return, for each of the subnets, the names of the services that a worker in it cannot reach.

    `home_region`: the Region of the repository and the sessions, if it may be another one. `assumes_role`:
    whether the worker assumes a role to answer its session.

    `public_address`: whether the worker gets one, which an internet gateway requires. A subnet that another
    account shares counts as connected, because its VPC's endpoints are not visible.
    Source: Amazon VPC User Guide, "Share your VPC subnets with other accounts".
    """
    found, tables, endpoints = _describe(client, subnets)
    missing: dict[str, list[str]] = {}
    for subnet in found:
        table = _route_table(tables, subnet["SubnetId"], subnet["VpcId"])
        shared = subnet.get("OwnerId", account) != account
        if shared or (table is not None and _leads_out(table, public_address=public_address)):
            missing[subnet["SubnetId"]] = []
            continue
        own = [endpoint for endpoint in endpoints if endpoint["VpcId"] == subnet["VpcId"]]
        reached = set(_by_endpoint(own, region, table))
        needed = {**SERVICES, **(_OF_OTHER_ACCOUNTS if assumes_role else {})}
        if home_region not in ("", region):
            reached -= set(_AT_HOME)
            needed |= {name: f"{SERVICES[name]} in {home_region}" for name in _AT_HOME}
        missing[subnet["SubnetId"]] = [words for name, words in needed.items() if name not in reached]
    return missing


Way = Literal["nat", "endpoints", "public", "other", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How a worker reaches the services that it calls, and the resources that its VPC has for this."""

    way: Way
    gateways: int  # NAT gateways in the routes of its subnets
    endpoints: int  # interface endpoints of the services, each counted in each of its zones


def way_out(client: EC2Client, subnets: Sequence[str], *, region: str, public_address: bool) -> WayOut:
    """Return how a worker in one of these subnets reaches the services."""
    found, tables, endpoints = _describe(client, subnets)
    own = [_route_table(tables, subnet["SubnetId"], subnet["VpcId"]) for subnet in found]
    routes = [route for table in own if table is not None for route in table.get("Routes", [])]
    open_routes = [route for route in routes if _is_a_way(route, public_address=public_address)]
    gateways = {route["NatGatewayId"] for route in open_routes if "NatGatewayId" in route}
    zones = sum(
        len(endpoint.get("SubnetIds", []))
        for endpoint in endpoints
        if set(_by_endpoint([endpoint], region, None)) & SERVICES.keys()
    )
    if gateways:
        way: Way = "nat"
    elif any(route.get("GatewayId", "").startswith("igw-") for route in open_routes):
        way = "public"
    elif open_routes:
        way = "other"
    else:
        way = "endpoints" if zones else "unknown"
    return WayOut(way=way, gateways=len(gateways), endpoints=zones)


def endpoints_for_workers(client: EC2Client, subnets: Sequence[str], *, region: str) -> dict[str, list[str]]:
    """Return the security groups of each interface endpoint on which a worker in the subnets depends.

    A subnet with a route out depends on endpoints, too, because private DNS names lead to them.
    """
    _, _, endpoints = _describe(client, subnets)
    return {
        endpoint["VpcEndpointId"]: [group["GroupId"] for group in endpoint.get("Groups", [])]
        for endpoint in endpoints
        if set(_by_endpoint([endpoint], region, None)) & SERVICES.keys()
    }


def _describe(
    client: EC2Client, subnets: Sequence[str]
) -> tuple[list[SubnetTypeDef], list[RouteTableTypeDef], list[VpcEndpointTypeDef]]:
    """Return the subnets, and the route tables and endpoints of their VPCs."""
    found = client.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    in_vpcs: list[FilterTypeDef] = [
        {"Name": "vpc-id", "Values": sorted({subnet["VpcId"] for subnet in found})}
    ]
    pages = client.get_paginator("describe_route_tables").paginate(Filters=in_vpcs)
    tables = [table for page in pages for table in page["RouteTables"]]
    endpoint_pages = client.get_paginator("describe_vpc_endpoints").paginate(Filters=in_vpcs)
    return found, tables, [endpoint for page in endpoint_pages for endpoint in page["VpcEndpoints"]]


def _route_table(
    tables: Sequence[RouteTableTypeDef], subnet_id: str, vpc_id: str
) -> RouteTableTypeDef | None:
    """Return the subnet's route table, or otherwise the main one of its VPC."""
    main = None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main") and table.get("VpcId") == vpc_id:
                main = table
    return main


def _leads_out(table: RouteTableTypeDef, *, public_address: bool) -> bool:
    return any(_is_a_way(route, public_address=public_address) for route in table.get("Routes", []))


def _is_a_way(route: RouteTypeDef, *, public_address: bool) -> bool:
    if route.get("State") == "blackhole":  # its target is gone
        return False
    if any(route.get(target) for target in _ONWARD):
        return True
    gateway = route.get("GatewayId", "")
    if gateway.startswith("vgw-"):
        return True
    if route.get("DestinationCidrBlock") != _ANYWHERE:
        return False
    if route.get("NatGatewayId") or gateway.startswith("vpce-"):  # the second: a firewall's endpoint
        return True
    return gateway.startswith("igw-") and public_address


def _by_endpoint(
    endpoints: Sequence[VpcEndpointTypeDef], region: str, table: RouteTableTypeDef | None
) -> Iterator[str]:
    """Return the services that are reachable through VPC endpoints from a subnet with this route table.

    An interface endpoint is reachable from every zone of its VPC, under the service's name with private DNS.
    """
    for endpoint in endpoints:
        domain, _, name = endpoint["ServiceName"].partition(f".{region}.")
        if endpoint["State"].lower() != "available" or not domain.endswith("amazonaws"):
            continue
        if endpoint.get("VpcEndpointType") == "Gateway":
            if table is not None and table["RouteTableId"] in endpoint.get("RouteTableIds", []):
                yield name
        elif endpoint.get("PrivateDnsEnabled") and not endpoint.get("DnsOptions", {}).get(
            "PrivateDnsOnlyForInboundResolverEndpoint"
        ):
            yield name
