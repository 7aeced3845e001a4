"""The services that a subnet reaches, by routes and endpoints as EC2 describes them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, REGION, the_clients
from tidemark.aws.reachability import SERVICES, endpoints_for_workers, missing_services, way_out

EVERYTHING = set(SERVICES.values())
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}


def missing(
    *routes: dict[str, Any],
    endpoints: list[dict[str, Any]] | None = None,
    public_address: bool = False,
    main: bool = False,
    owner: str = ACCOUNT,
    **answering: Any,
) -> set[str]:
    """Return the services that a subnet with these routes, in its own or the main table, cannot reach."""
    client = the_clients().of("ec2", REGION)
    ours = {"Main": True} if main else {"SubnetId": "subnet-1"}
    others = {"SubnetId": "subnet-2"} if main else {"Main": True}  # its VPC's main one does not count then
    tables = [
        {"VpcId": "vpc-1", "RouteTableId": "rtb-1", "Associations": [ours], "Routes": [LOCAL, *routes]},
        # Another subnet's, and another VPC's main one: they lead out, and subnet-1 has no part in it.
        {
            "VpcId": "vpc-1",
            "RouteTableId": "rtb-2",
            "Associations": [others],
            "Routes": [to_anywhere(NatGatewayId="nat-2")],
        },
        {
            "VpcId": "vpc-2",
            "RouteTableId": "rtb-3",
            "Associations": [{"Main": True}],
            "Routes": [to_anywhere(NatGatewayId="nat-3")],
        },
    ]
    with Stubber(client) as stub:
        subnets = [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "OwnerId": owner}]
        stub.add_response("describe_subnets", {"Subnets": subnets})  # type: ignore[arg-type]  # as far as read
        stub.add_response("describe_route_tables", {"RouteTables": tables})  # type: ignore[arg-type]
        stub.add_response("describe_vpc_endpoints", {"VpcEndpoints": endpoints or []})  # type: ignore[arg-type]
        found = missing_services(
            client, ACCOUNT, REGION, ["subnet-1"], public_address=public_address, **answering
        )
        return set(found["subnet-1"])


def to_anywhere(**target: str) -> dict[str, Any]:
    return {"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target}


def endpoint(service: str, **changes: Any) -> dict[str, Any]:
    return {
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcEndpointType": "Interface",
        "VpcId": "vpc-1",
        "State": "available",
        "PrivateDnsEnabled": True,
        **changes,
    }


def s3_gateway(**changes: Any) -> dict[str, Any]:
    gateway = {"VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-1"], "PrivateDnsEnabled": False}
    return endpoint("s3", **gateway | changes)


INTERFACES = [endpoint(service) for service in ("ecr.api", "ecr.dkr", "logs", "states")]


@pytest.mark.parametrize(
    "route",
    [
        to_anywhere(NatGatewayId="nat-1"),
        to_anywhere(TransitGatewayId="tgw-1"),
        to_anywhere(VpcPeeringConnectionId="pcx-1"),
        to_anywhere(GatewayId="vgw-1"),
        to_anywhere(GatewayId="vpce-1"),  # a firewall's
        to_anywhere(NetworkInterfaceId="eni-1"),
        # Endpoints of a company's own network.
        {"DestinationCidrBlock": "10.0.0.0/8", "TransitGatewayId": "tgw-1", "State": "active"},
    ],
)
@pytest.mark.parametrize("main", [True, False])
def test_a_route_into_another_network_may_reach_every_service(route: dict[str, Any], main: bool) -> None:
    assert missing(route, main=main) == set()


@pytest.mark.parametrize(
    "routes",
    [
        [],
        [to_anywhere(GatewayId="igw-1")],  # without a public address
        [to_anywhere(NatGatewayId="nat-1") | {"State": "blackhole"}],
        [to_anywhere(TransitGatewayId="tgw-1") | {"State": "blackhole"}],
        [{"DestinationCidrBlock": "192.0.2.0/24", "NatGatewayId": "nat-1", "State": "active"}],
        [{"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1", "State": "active"}],
    ],
)
@pytest.mark.parametrize("main", [True, False])
def test_a_subnet_without_such_a_route_reaches_no_service(routes: list[dict[str, Any]], main: bool) -> None:
    assert missing(*routes, main=main) == EVERYTHING


def test_an_internet_gateway_needs_a_public_address() -> None:
    gateway = to_anywhere(GatewayId="igw-1")
    assert missing(gateway, public_address=True) == set()
    assert missing(public_address=True) == EVERYTHING


def test_a_subnet_shared_by_another_account_is_not_judged() -> None:
    assert missing(owner="210987654321") == set()


def test_endpoints_for_all_services_suffice_and_each_missing_one_is_reported() -> None:
    everything = [*INTERFACES, s3_gateway()]
    assert missing(endpoints=everything) == set()
    assert missing(endpoints=[*INTERFACES, endpoint("s3")]) == set()
    for left_out in everything:
        name = left_out["ServiceName"].partition(f"{REGION}.")[2]
        assert missing(endpoints=[one for one in everything if one is not left_out]) == {SERVICES[name]}


@pytest.mark.parametrize(
    ("unusable", "lacking"),
    [
        (endpoint("logs", State="pending"), "logs"),
        (endpoint("logs", PrivateDnsEnabled=False), "logs"),
        (endpoint("logs", VpcId="vpc-2"), "logs"),
        (endpoint("logs", ServiceName="com.amazonaws.vpce.eu-central-1.logs"), "logs"),
        (s3_gateway(RouteTableIds=["rtb-2"]), "s3"),
        (endpoint("s3", PrivateDnsEnabled=False), "s3"),
        (endpoint("s3", DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": True}), "s3"),
    ],
)
def test_an_endpoint_that_the_subnet_cannot_use_does_not_count(
    unusable: dict[str, Any], lacking: str
) -> None:
    others = [one for one in [*INTERFACES, s3_gateway()] if not one["ServiceName"].endswith(f".{lacking}")]
    assert missing(endpoints=[*others, unusable]) == {SERVICES[lacking]}


def ways(*routes: dict[str, Any], endpoints: list[dict[str, Any]] | None = None, public: bool = False):
    client = the_clients().of("ec2", REGION)
    table = {
        "VpcId": "vpc-1",
        "RouteTableId": "rtb-1",
        "Associations": [{"SubnetId": "subnet-1"}],
        "Routes": [LOCAL, *routes],
    }
    with Stubber(client) as stub:
        stub.add_response("describe_subnets", {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]})
        stub.add_response("describe_route_tables", {"RouteTables": [table]})
        stub.add_response("describe_vpc_endpoints", {"VpcEndpoints": endpoints or []})
        found = way_out(client, ["subnet-1"], region=REGION, public_address=public)
        return found.way, found.gateways, found.endpoints


def test_the_route_to_the_services_and_its_resources_are_known():
    logs = endpoint("logs", SubnetIds=["subnet-1", "subnet-2"])
    assert ways(to_anywhere(NatGatewayId="nat-1")) == ("nat", 1, 0)
    assert ways(to_anywhere(GatewayId="igw-1"), public=True) == ("public", 0, 0)
    assert ways(to_anywhere(GatewayId="igw-1")) == ("unknown", 0, 0), "needs a public address"
    assert ways(to_anywhere(TransitGatewayId="tgw-1")) == ("other", 0, 0)
    assert ways(endpoints=[logs, endpoint("dynamodb", SubnetIds=["subnet-1"])]) == ("endpoints", 0, 2)
    assert ways(to_anywhere(NatGatewayId="nat-1"), endpoints=[logs]) == ("nat", 1, 2)


def test_the_security_groups_of_a_workers_endpoints_are_known():
    client = the_clients().of("ec2", REGION)
    own = endpoint("logs", VpcEndpointId="vpce-1", Groups=[{"GroupId": "sg-1"}])
    other = endpoint("dynamodb", VpcEndpointId="vpce-2", Groups=[{"GroupId": "sg-2"}])
    with Stubber(client) as stub:
        stub.add_response("describe_subnets", {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]})
        stub.add_response("describe_route_tables", {"RouteTables": []})
        stub.add_response("describe_vpc_endpoints", {"VpcEndpoints": [own, other]})
        assert endpoints_for_workers(client, ["subnet-1"], region=REGION) == {"vpce-1": ["sg-1"]}


def test_endpoints_of_another_region_do_not_lead_home() -> None:
    everything = [endpoint(name, PrivateDnsEnabled=True) for name in SERVICES]
    assert missing(endpoints=everything, home_region=REGION) == set()
    assert missing(endpoints=everything, home_region="us-east-1") == {
        "S3 (s3) in us-east-1",
        "Step Functions (states) in us-east-1",
    }
    assert missing(to_anywhere(NatGatewayId="nat-1"), home_region="us-east-1") == set()


def test_a_worker_that_assumes_a_role_needs_sts() -> None:
    everything = [endpoint(name, PrivateDnsEnabled=True) for name in SERVICES]
    assert missing(endpoints=everything, assumes_role=True) == {"STS (sts)"}
    with_sts = [*everything, endpoint("sts", PrivateDnsEnabled=True)]
    assert missing(endpoints=with_sts, assumes_role=True) == set()
