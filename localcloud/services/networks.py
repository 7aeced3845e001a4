"""EC2's networks: the default VPC as on AWS, and a VPC for the given file systems.

Source: Amazon VPC User Guide, "Default VPCs" (an internet gateway, and a main route table that leads to it);
"Example: VPC with servers in private subnets and NAT".
"""

from __future__ import annotations

from typing import Any

from localcloud.core.cloud import Cloud

NAME = "localcloud-file-systems"
ANYWHERE = "0.0.0.0/0"


def install(cloud: Cloud) -> None:
    """Give default VPCs an internet gateway, and report routes to deleted targets as blackholes."""
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.route_tables import Route

    create_default_vpc = EC2Backend.create_default_vpc

    def create(self: Any) -> Any:
        vpc = create_default_vpc(self)
        _lead_to_the_internet(self, vpc.id, _main_table(self, vpc.id).id)
        return vpc

    EC2Backend.create_default_vpc = create
    Route.state = property(_state)


def private_subnet(account: str, region: str) -> str:
    """Return the first private subnet of a VPC with a NAT gateway; the first call creates the VPC.

    The VPC has one private subnet in each Availability Zone.
    """
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[account][region]
    tags = [{"Key": "Name", "Value": NAME}]
    found = [vpc for vpc in backend.vpcs.values() if any(tag["value"] == NAME for tag in vpc.get_tags())]
    if not found:
        vpc = backend.create_vpc("10.64.0.0/16", tags=tags)
        vpc.enable_dns_hostnames = "true"
        zones = [zone.name for zone in backend.describe_availability_zones()]
        public = backend.create_subnet(vpc.id, "10.64.255.0/24", availability_zone=zones[0])
        table = backend.create_route_table(vpc.id)
        backend.associate_route_table(table.id, subnet_id=public.id)
        _lead_to_the_internet(backend, vpc.id, table.id)
        address = backend.allocate_address("vpc")
        nat = backend.create_nat_gateway(public.id, address.allocation_id)
        backend.create_route(_main_table(backend, vpc.id).id, ANYWHERE, nat_gateway_id=nat.id)
        for number, zone in enumerate(zones):
            backend.create_subnet(vpc.id, f"10.64.{number}.0/24", availability_zone=zone)
        found = [vpc]
    private = [
        subnet
        for subnet in backend.describe_subnets()
        if subnet.vpc_id == found[0].id and subnet.cidr_block != "10.64.255.0/24"
    ]
    return str(min(private, key=lambda subnet: subnet.availability_zone).id)


def _lead_to_the_internet(backend: Any, vpc_id: str, table_id: str) -> None:
    gateway = backend.create_internet_gateway()
    backend.attach_internet_gateway(gateway.id, vpc_id)
    backend.create_route(table_id, ANYWHERE, gateway_id=gateway.id)


def _main_table(backend: Any, vpc_id: str) -> Any:
    return next(
        table
        for table in backend.describe_route_tables()
        if table.vpc_id == vpc_id and any(one["Main"] for one in table.associations)
    )


def _state(route: Any) -> str:
    gateway, nat = route.gateway, route.nat_gateway
    detached = gateway is not None and gateway.id.startswith("igw-") and not gateway.vpc
    return "blackhole" if detached or (nat is not None and nat.state == "deleted") else "active"
