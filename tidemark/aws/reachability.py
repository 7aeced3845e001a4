"""Whether a subnet has a way to the AWS services that a worker calls, by its routes and the VPC's endpoints.

Only what certainly leads nowhere counts as missing: behind a NAT gateway, a transit gateway, a peering, a VPN
or an appliance lies a network that cannot be seen from here.
Source: Amazon VPC User Guide, "Route tables", "Enable internet access"; AWS PrivateLink Guide, "Private DNS",
"Gateway endpoints"; Amazon ECR User Guide, "Interface VPC endpoints".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        RouteTableTypeDef,
        RouteTypeDef,
        VpcEndpointTypeDef,
    )

# What a worker and the start of its machine call, as the last parts of the names of VPC endpoints' services.
# On EC2 the same: Amazon Linux's packages come from S3. Not KMS, which S3 calls; not STS, because credentials
# come from ECS or from the instance's metadata.
SERVICES: Mapping[str, str] = {
    "ecr.api": "ECR (ecr.api)",
    "ecr.dkr": "ECR (ecr.dkr)",
    "s3": "S3 (s3)",
    "logs": "CloudWatch Logs (logs)",
    "states": "Step Functions (states)",
}
_ANYWHERE = "0.0.0.0/0"
# Where a route leads into a network that cannot be seen from here, whatever its destination: a company's own
# endpoints may be reached by addresses of the company's.
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
    client: EC2Client, account: str, region: str, subnets: Sequence[str], *, public_address: bool
) -> dict[str, list[str]]:
    """Return, for each of the subnets, the services that a worker in it cannot reach, in words.

    `public_address` is whether the worker has one: only then does an internet gateway lead anywhere. A subnet
    that another account shares counts as connected, because its VPC's endpoints cannot be seen.
    Source: Amazon VPC User Guide, "Share your VPC subnets with other accounts".
    """
    found = client.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    vpcs = sorted({subnet["VpcId"] for subnet in found})
    in_vpcs: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": vpcs}]
    pages = client.get_paginator("describe_route_tables").paginate(Filters=in_vpcs)
    tables = [table for page in pages for table in page["RouteTables"]]
    endpoint_pages = client.get_paginator("describe_vpc_endpoints").paginate(Filters=in_vpcs)
    endpoints = [endpoint for page in endpoint_pages for endpoint in page["VpcEndpoints"]]
    missing: dict[str, list[str]] = {}
    for subnet in found:
        table = _route_table(tables, subnet["SubnetId"], subnet["VpcId"])
        shared = subnet.get("OwnerId", account) != account
        if shared or (table is not None and _leads_out(table, public_address=public_address)):
            missing[subnet["SubnetId"]] = []
            continue
        own = [endpoint for endpoint in endpoints if endpoint["VpcId"] == subnet["VpcId"]]
        reached = set(_by_endpoint(own, region, table))
        missing[subnet["SubnetId"]] = [words for name, words in SERVICES.items() if name not in reached]
    return missing


def _route_table(
    tables: Sequence[RouteTableTypeDef], subnet_id: str, vpc_id: str
) -> RouteTableTypeDef | None:
    """Return the subnet's own route table, else the main one of its VPC."""
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
    """Return the services that the VPC's endpoints reach from a subnet with this route table.

    An interface endpoint answers in every zone of its VPC, under the service's own name by private DNS.
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
