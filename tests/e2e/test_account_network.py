"""The network of `make test-aws` supports a session and is removed completely. On the local cloud."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.account import make_file_system, make_network
from tests.e2e.conftest import Deployed, tasks
from tidemark.aws.reachability import SERVICES, missing_services

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def everything(deployed: Deployed) -> set[str]:
    """Return the ids of all resources of a network and a file system."""
    ec2, efs = deployed.cloud.client("ec2"), deployed.cloud.client("efs")
    found: list[Any] = [
        *(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]),
        *(subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]),
        *(gateway["InternetGatewayId"] for gateway in ec2.describe_internet_gateways()["InternetGateways"]),
        *(table["RouteTableId"] for table in ec2.describe_route_tables()["RouteTables"]),
        *(group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]),
        *(
            one["FileSystemId"]
            for page in efs.get_paginator("describe_file_systems").paginate()
            for one in page["FileSystems"]
        ),
    ]
    return set(found)


def test_it_reaches_all_services_only_with_a_public_address_and_is_removed_completely(
    deployed: Deployed,
) -> None:
    ec2, efs = deployed.cloud.client("ec2"), deployed.cloud.client("efs")
    before = everything(deployed)
    with ExitStack() as undo:
        network = make_network(ec2, undo, "whole", pause=0.1)
        file_system = make_file_system(efs, undo, "whole", network, pause=0.1)
        assert {*network.subnets, network.vpc, network.security_group, file_system} <= everything(deployed)
        zones = {
            target["AvailabilityZoneName"]
            for target in efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
        }
        assert len(zones) == 2
        for public, lacking in ((True, []), (False, list(SERVICES.values()))):
            cloud = deployed.cloud
            found = missing_services(
                ec2, cloud.account_id, cloud.region, network.subnets, public_address=public
            )
            assert found == dict.fromkeys(network.subnets, lacking)
    assert everything(deployed) == before


def test_a_session_in_it_ends_with_an_index(deployed: Deployed) -> None:
    before = set(tasks(deployed))
    session = deployed.run("public")
    assert (session["status"], session["reasons"]) == ("success", [])
    assert session["index_id"].startswith(session["file_system"])
    assert len(set(tasks(deployed)) - before) == 1
