from __future__ import annotations

from typing import Any

import pytest

from tidemark.aws.security_groups import admits, lets_out

SUBNET = "10.0.1.0/24"


def rule(*, port: int | None = 2049, protocol: str = "tcp", **peers: Any) -> dict[str, Any]:
    ports = {} if port is None else {"FromPort": port, "ToPort": port}
    return {"IpProtocol": protocol, **ports, **peers}


def group(*, ingress: list[dict[str, Any]] | None = None, egress: list[dict[str, Any]] | None = None) -> Any:
    return {"GroupId": "sg-1", "IpPermissions": ingress or [], "IpPermissionsEgress": egress or []}


def cidr(value: str) -> list[dict[str, str]]:
    return [{"CidrIp": value}]


PAIR = [{"GroupId": "sg-worker"}]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], False),
        ([rule(UserIdGroupPairs=PAIR)], True),
        ([rule(port=443, UserIdGroupPairs=PAIR)], False),
        ([rule(protocol="udp", UserIdGroupPairs=PAIR)], False),
        ([rule(protocol="-1", port=None, UserIdGroupPairs=PAIR)], True),
        ([rule(UserIdGroupPairs=[{"GroupId": "sg-other"}])], False),
        ([rule(IpRanges=cidr("10.0.0.0/16"))], True),
        ([rule(IpRanges=cidr("10.0.1.0/25"))], False),  # a half of the subnet
        ([rule(PrefixListIds=[{"PrefixListId": "pl-1"}])], True),  # its content is not known
    ],
)
def test_a_group_admits_by_group_and_by_addresses(rules, expected):
    found = admits([group(ingress=rules)], 2049, clients=["sg-worker"], subnet_cidr=SUBNET)
    assert found is expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], False),
        ([rule(protocol="-1", port=None, IpRanges=cidr("0.0.0.0/0"))], True),
        ([rule(IpRanges=cidr("10.0.1.7/32"))], True),
        ([rule(IpRanges=cidr("10.0.2.0/24"))], False),
        ([rule(UserIdGroupPairs=[{"GroupId": "sg-target"}])], True),
        ([rule(port=443, IpRanges=cidr("0.0.0.0/0"))], False),
    ],
)
def test_traffic_goes_out_by_group_and_by_address(rules, expected):
    found = lets_out([group(egress=rules)], 2049, addresses=["10.0.1.7"], servers=["sg-target"])
    assert found is expected


def test_any_destination_is_sufficient_without_an_address():
    some = group(egress=[rule(port=443, IpRanges=cidr("10.9.0.0/16"))])
    assert lets_out([some], 443, addresses=(), servers=())
    assert not lets_out([group()], 443, addresses=(), servers=())
