"""The networks that are there at the start, as EC2 describes them."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud import LocalCloud

pytestmark = pytest.mark.cloud


def default_route(table: dict[str, Any]) -> str:
    """Return the target of a table's default route: igw, nat, or nothing."""
    (route,) = (one for one in table["Routes"] if one.get("DestinationCidrBlock") == "0.0.0.0/0")
    return str(route.get("GatewayId") or route.get("NatGatewayId")).partition("-")[0]


def test_the_default_vpc_leads_to_an_internet_gateway_by_its_main_route_table(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc = ec2.describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"]
    main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    (table,) = ec2.describe_route_tables(Filters=main)["RouteTables"]
    assert default_route(table) == "igw"


def test_file_systems_are_mounted_in_a_private_subnet_of_a_vpc_with_one_in_each_zone(
    cloud: LocalCloud,
) -> None:
    ec2, efs = cloud.client("ec2"), cloud.client("efs")
    targets = efs.describe_mount_targets(FileSystemId=cloud.file_systems["home"].id)["MountTargets"]
    (target,) = targets
    in_vpc = [{"Name": "vpc-id", "Values": [target["VpcId"]]}]
    tables = ec2.describe_route_tables(Filters=in_vpc)["RouteTables"]
    public = {
        association["SubnetId"]
        for table in tables
        for association in table["Associations"]
        if "SubnetId" in association and default_route(table) == "igw"
    }
    assert target["SubnetId"] not in public
    (main,) = (table for table in tables if any(one["Main"] for one in table["Associations"]))
    assert default_route(main) == "nat"
    private = [
        subnet["AvailabilityZone"]
        for subnet in ec2.describe_subnets(Filters=in_vpc)["Subnets"]
        if subnet["SubnetId"] not in public
    ]
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert sorted(private) == sorted(zones)
