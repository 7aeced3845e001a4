"""A machine starts only where its subnet leads to what its start needs, as on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.localcloud.compute.conftest import IMAGE, Site, wait_for
from tests.localcloud.compute.test_ecs import register, run, stopped
from tests.localcloud.compute.test_instances import console, launch, state

pytestmark = pytest.mark.cloud

SERVICE = "com.amazonaws.eu-central-1"


@dataclass(frozen=True, slots=True)
class Network:
    """A VPC with one subnet, whose main route table leads nowhere."""

    site: Site
    vpc: str
    subnet: str
    table: str

    def start(self, *, public: str = "DISABLED", **variables: str) -> dict[str, Any]:
        """Run a task that mounts nothing; return it when it has stopped."""
        container = {
            "name": "worker",
            "image": IMAGE,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/program", "awslogs-stream-prefix": "p"},
            },
        }
        definition = register(self.site, volumes=[], containerDefinitions=[container])
        where = {"subnets": [self.subnet], "assignPublicIp": public}
        answer = run(
            self.site,
            definition,
            {"ORDER": "nothing", **variables},
            networkConfiguration={"awsvpcConfiguration": where},
        )
        assert answer["failures"] == [], "accepted, and stopped afterwards"
        return stopped(self.site, answer["tasks"][0]["taskArn"])

    def endpoint(self, service: str, **changes: Any) -> str:
        made: dict[str, Any] = {"VpcId": self.vpc, "ServiceName": f"{SERVICE}.{service}"}
        if service == "s3":
            made |= {"VpcEndpointType": "Gateway", "RouteTableIds": [self.table]}
        else:
            made |= {"VpcEndpointType": "Interface", "SubnetIds": [self.subnet], "PrivateDnsEnabled": True}
        answer = self.site.client("ec2").create_vpc_endpoint(**made | changes)
        return answer["VpcEndpoint"]["VpcEndpointId"]


@pytest.fixture
def network(site: Site) -> Iterator[Network]:
    ec2 = site.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    found = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return Network(site, vpc, subnet, found["RouteTables"][0]["RouteTableId"])


def test_without_any_way_a_task_cannot_ask_ecr_for_its_authorization(network: Network) -> None:
    task = network.start()
    assert task["stopCode"] == "TaskFailedToStart"
    assert "ResourceInitializationError: unable to pull secrets or registry auth" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("ecr.api", "registry auth"),
        ("ecr.dkr", "CannotPullContainerError"),
        ("s3", "CannotPullContainerError"),
        ("logs", "failed to validate logger args"),
        (None, "Essential container in task exited"),
    ],
)
def test_each_endpoint_is_needed(network: Network, left_out: str | None, words: str) -> None:
    for service in ("ecr.api", "ecr.dkr", "s3", "logs"):
        if service != left_out:
            network.endpoint(service)
    assert words in network.start()["stoppedReason"]


def test_a_program_reaches_what_its_subnet_leads_to_and_nothing_else(network: Network) -> None:
    for service in ("ecr.api", "ecr.dkr", "s3", "logs"):
        network.endpoint(service)
    asks_sts = {"ORDER": "report", "ROOT": "/", "AWS_MAX_ATTEMPTS": "1"}
    assert network.start(**asks_sts)["containers"][0]["exitCode"] == 1
    network.endpoint("sts")
    assert network.start(**asks_sts)["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize(
    ("service", "changes"),
    [("ecr.dkr", {"PrivateDnsEnabled": False}), ("s3", {"RouteTableIds": []})],
)
def test_an_endpoint_that_the_subnet_does_not_use_is_no_way(
    network: Network, service: str, changes: dict[str, Any]
) -> None:
    for one in ("ecr.api", "ecr.dkr", "s3", "logs"):
        network.endpoint(one, **(changes if one == service else {}))
    assert "CannotPullContainerError" in network.start()["stoppedReason"]


def test_an_internet_gateway_leads_out_with_a_public_address_only(network: Network) -> None:
    ec2 = network.site.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert network.start()["stopCode"] == "TaskFailedToStart"
    assert network.start(public="ENABLED")["stopCode"] == "EssentialContainerExited"


def test_a_route_to_a_nat_gateway_that_is_gone_is_a_blackhole(network: Network) -> None:
    ec2 = network.site.client("ec2")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=network.subnet, AllocationId=address)["NatGateway"]
    nat = made["NatGatewayId"]
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    assert network.start()["stopCode"] == "EssentialContainerExited"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    (table,) = ec2.describe_route_tables(RouteTableIds=[network.table])["RouteTables"]
    states = {route["DestinationCidrBlock"]: route["State"] for route in table["Routes"]}
    assert states == {"10.9.0.0/16": "active", "0.0.0.0/0": "blackhole"}
    assert network.start()["stopCode"] == "TaskFailedToStart"


def test_the_default_vpc_leads_to_the_internet_and_to_nothing_without_a_public_address(site: Site) -> None:
    ec2 = site.client("ec2")
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]
    network = Network(site, default["VpcId"], default["SubnetId"], "")
    assert network.start()["stopCode"] == "TaskFailedToStart"
    assert network.start(public="ENABLED")["stopCode"] == "EssentialContainerExited"


@pytest.mark.parametrize(("public", "printed"), [(False, "Curl error (28)"), (True, "installed")])
def test_an_instance_boots_and_reaches_what_its_subnet_leads_to(
    site: Site, public: bool, printed: str
) -> None:
    ec2 = site.client("ec2")
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]
    script = """#!/bin/bash
trap 'shutdown -h now' EXIT
dnf install -y docker && echo installed
aws sts get-caller-identity
aws stepfunctions send-task-heartbeat --region eu-central-1 --task-token none
"""
    interface = {
        "DeviceIndex": 0,
        "SubnetId": default["SubnetId"],
        "AssociatePublicIpAddress": public,
    }
    instance = launch(site, f"reach-{public}", script=script, NetworkInterfaces=[interface])
    wait_for(lambda: state(site, instance) == "terminated")
    assert printed in console(site, instance)
    assert ("Connect timeout" in console(site, instance)) == (not public)
    described = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert described["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
