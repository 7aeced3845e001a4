from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.account import ACCOUNT, REGION, route_out
from tidemark.aws.clients import Clients
from tidemark.aws.network import (
    WorkerNetwork,
    available_mount_targets,
    choose_networks,
    choose_security_groups,
)
from tidemark.errors import FileSystemNotFound, NoMountTarget, WorkerCutOff, WorkerNetworkNotFound
from tidemark.policy.policy import WorkerSettings
from tidemark.sessions.session import FileSystem

SUBNET = "10.0.1.0/24"


def group(name: str, *rules: dict[str, Any]) -> Any:
    return {"GroupId": name, "IpPermissions": list(rules)}


def nfs(*groups: str, cidr: str | None = None, **rule: Any) -> dict[str, Any]:
    ranges = [] if cidr is None else [{"CidrIp": cidr}]
    pairs = [{"GroupId": name} for name in groups]
    return {
        "IpProtocol": "tcp",
        "FromPort": 2049,
        "ToPort": 2049,
        "IpRanges": ranges,
        "UserIdGroupPairs": pairs,
    } | rule


@pytest.mark.parametrize(
    ("groups", "chosen"),
    [
        ([], None),
        ([group("mt")], None),
        ([group("mt", nfs("mt"))], "mt"),
        ([group("mt", nfs("clients"))], "clients"),
        ([group("mt", nfs("clients", "mt"))], "mt"),
        ([group("mt", nfs(cidr="10.0.0.0/16"))], "mt"),
        ([group("mt", nfs(cidr="10.0.1.128/25"))], None),
        ([group("mt", nfs(cidr="192.168.0.0/16"))], None),
        ([group("mt", nfs("clients"), nfs(cidr="0.0.0.0/0"))], "mt"),
        ([group("closed"), group("mt", nfs("mt"))], "mt"),
        ([group("one", nfs("two")), group("two")], "two"),
        ([group("mt", nfs("mt", IpProtocol="udp"))], None),
        ([group("mt", nfs("mt", FromPort=443, ToPort=443))], None),
        ([group("mt", nfs("mt", FromPort=0, ToPort=65535))], "mt"),
        ([group("mt", {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "mt"}]})], "mt"),
    ],
)
def test_the_chosen_group_is_one_that_the_mount_target_admits(groups: list[Any], chosen: str | None) -> None:
    assert choose_security_groups(groups, subnet_cidr=SUBNET) == (None if chosen is None else (chosen,))


names = st.sampled_from("abc")
rules = st.builds(
    lambda groups, cidr, port: nfs(*groups, cidr=cidr, FromPort=port, ToPort=port),
    st.lists(names, max_size=2),
    st.sampled_from([None, "10.0.1.0/24", "10.0.0.0/8", "10.0.2.0/24"]),
    st.sampled_from([2049, 443]),
)


@given(st.dictionaries(names, st.lists(rules, max_size=3), max_size=3))
def test_a_chosen_group_is_admitted_and_none_is_chosen_only_if_none_is_admitted(
    table: dict[str, Any],
) -> None:
    groups = [group(name, *found) for name, found in table.items()]
    chosen = choose_security_groups(groups, subnet_cidr=SUBNET)
    on_nfs = [rule for found in table.values() for rule in found if rule["FromPort"] == 2049]
    by_group = {pair["GroupId"] for rule in on_nfs for pair in rule["UserIdGroupPairs"]}
    by_address = any(
        entry["CidrIp"] in ("10.0.1.0/24", "10.0.0.0/8") for rule in on_nfs for entry in rule["IpRanges"]
    )
    if chosen is None:
        assert not by_group
        assert not by_address
    else:
        assert chosen[0] in by_group or by_address


@pytest.fixture
def mounted(clients: Clients) -> tuple[Clients, FileSystem, str, str]:
    """A file system with one mount target; its subnet and the mount target's security group."""
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=SUBNET)["Subnet"]["SubnetId"]
    route_out(clients, vpc)
    security_group = ec2.create_security_group(GroupName="mt", Description="mt", VpcId=vpc)["GroupId"]
    file_system = efs.create_file_system(CreationToken="t")["FileSystemId"]
    efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet, SecurityGroups=[security_group])
    return clients, FileSystem(ACCOUNT, REGION, file_system), subnet, security_group


def choose(clients: Clients, file_system: FileSystem, **settings: Any) -> list[WorkerNetwork]:
    return choose_networks(
        clients.of("efs", REGION), clients.of("ec2", REGION), file_system, WorkerSettings(**settings)
    )


def test_the_worker_uses_the_mount_targets_subnet_and_group(mounted: Any) -> None:
    clients, file_system, subnet, security_group = mounted
    admit_itself(clients, security_group)
    assert choose(clients, file_system) == [
        WorkerNetwork(subnets=(subnet,), security_groups=(security_group,))
    ]


def admit_itself(clients: Clients, security_group: str) -> None:
    clients.of("ec2", REGION).authorize_security_group_ingress(
        GroupId=security_group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 2049,
                "ToPort": 2049,
                "UserIdGroupPairs": [{"GroupId": security_group}],
            }
        ],
    )


def another_mount_target(clients: Clients, file_system: FileSystem, beside: str) -> tuple[str, str]:
    """Create one in another zone, with a group of its own; return subnet and group."""
    ec2 = clients.of("ec2", REGION)
    first = ec2.describe_subnets(SubnetIds=[beside])["Subnets"][0]
    vpc = first["VpcId"]
    zone = next(f"{REGION}{letter}" for letter in "ab" if not first["AvailabilityZone"].endswith(letter))
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone=zone)["Subnet"]
    group = ec2.create_security_group(GroupName="b", Description="b", VpcId=vpc)["GroupId"]
    clients.of("efs", REGION).create_mount_target(
        FileSystemId=file_system.file_system_id, SubnetId=subnet["SubnetId"], SecurityGroups=[group]
    )
    return subnet["SubnetId"], group


def test_each_mount_target_yields_a_network_with_its_own_subnet_and_group(mounted: Any) -> None:
    clients, file_system, subnet, security_group = mounted
    other_subnet, other_group = another_mount_target(clients, file_system, beside=subnet)
    admit_itself(clients, security_group)
    first = WorkerNetwork(subnets=(subnet,), security_groups=(security_group,))
    assert choose(clients, file_system) == [first], "the other admits no group"
    admit_itself(clients, other_group)
    second = WorkerNetwork(subnets=(other_subnet,), security_groups=(other_group,))
    found = choose(clients, file_system)
    assert sorted(found, key=lambda place: place.subnets != (subnet,)) == [first, second]
    assert found == choose(clients, file_system), "in a stable order"
    named = choose(clients, file_system, security_groups=("sg-1",))
    assert {place.subnets for place in named} == {(subnet,), (other_subnet,)}
    assert {place.security_groups for place in named} == {("sg-1",)}


def test_any_mount_target_that_admits_a_group_gives_the_groups_of_named_subnets(mounted: Any) -> None:
    clients, file_system, subnet, _ = mounted
    another_mount_target(clients, file_system, beside=subnet)
    efs = clients.of("efs", REGION)
    last = available_mount_targets(efs, file_system)[-1]["MountTargetId"]
    (group,) = efs.describe_mount_target_security_groups(MountTargetId=last)["SecurityGroups"]
    admit_itself(clients, group)
    assert choose(clients, file_system, subnets=(subnet,)) == [
        WorkerNetwork(subnets=(subnet,), security_groups=(group,))
    ]


def test_subnets_and_groups_of_the_policy_are_used_unchanged(mounted: Any) -> None:
    clients, file_system, subnet, _ = mounted
    other, _ = another_mount_target(clients, file_system, beside=subnet)
    named: dict[str, Any] = {"subnets": (other, subnet), "security_groups": ("sg-1",)}
    assert choose(clients, file_system, **named) == [WorkerNetwork(**named)], "ECS chooses"
    assert choose(clients, file_system, kind="ec2", **named) == [
        WorkerNetwork(subnets=(subnet,), security_groups=("sg-1",)) for subnet in named["subnets"]
    ]


def cut_off(clients: Clients, subnet: str) -> None:
    """Give the subnet a route table of its own, which leads nowhere."""
    ec2 = clients.of("ec2", REGION)
    vpc = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def test_a_subnet_without_routes_is_skipped_and_named_if_there_is_no_other(mounted: Any) -> None:
    clients, file_system, subnet, _ = mounted
    other, _ = another_mount_target(clients, file_system, beside=subnet)
    cut_off(clients, subnet)
    groups: dict[str, Any] = {"security_groups": ("sg-1",)}
    connected = [WorkerNetwork(subnets=(other,), **groups)]
    assert choose(clients, file_system, **groups) == connected
    assert choose(clients, file_system, subnets=(subnet, other), **groups) == connected
    cut_off(clients, other)
    with pytest.raises(WorkerCutOff, match=rf"{subnet} cannot reach ECR \(ecr.api\)") as caught:
        choose(clients, file_system, **groups)
    assert other in str(caught.value)
    assert "NAT gateway" in str(caught.value)
    assert "public_address" in str(caught.value)


def test_mount_targets_that_admit_no_group_are_reported_with_their_groups(mounted: Any) -> None:
    clients, file_system, _, security_group = mounted
    with pytest.raises(WorkerNetworkNotFound, match=security_group):
        choose(clients, file_system)


def test_a_file_system_without_mount_targets_and_a_missing_one_are_errors(clients: Clients) -> None:
    made = clients.of("efs", REGION).create_file_system(CreationToken="t")["FileSystemId"]
    with pytest.raises(NoMountTarget, match=made):
        choose(clients, FileSystem(ACCOUNT, REGION, made))
    with pytest.raises(FileSystemNotFound):
        choose(clients, FileSystem(ACCOUNT, REGION, "fs-0123456789abcdef0"))
