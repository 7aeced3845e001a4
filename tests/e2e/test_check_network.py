"""tidemark check: faults of the network and of file-system policies are found, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.checking import not_passed, only, results
from tests.e2e.conftest import Deployed
from tidemark.answers.checks.mounting import mounting_checks
from tidemark.answers.checks.result import Status
from tidemark.answers.checks.scope import Scope
from tidemark.answers.connection import Connection
from tidemark.policy.policy import Policy, WorkerSettings

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

ANYWHERE = "0.0.0.0/0"


def private_network(deployed: Deployed, home: Policy) -> tuple[Any, str, dict[str, Any]]:
    """Return EC2, and subnet and mount target of the policy's file system."""
    efs, ec2 = deployed.cloud.client("efs"), deployed.cloud.client("ec2")
    (target,) = efs.describe_mount_targets(FileSystemId=home.file_systems[0])["MountTargets"]
    return ec2, target["SubnetId"], target


def test_a_route_that_is_missing_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    ec2, subnet, target = private_network(deployed, home)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [target["VpcId"]]}])[
        "RouteTables"
    ]
    (table,) = (one for one in tables if any(each.get("Main") for each in one["Associations"]))
    (route,) = (one for one in table["Routes"] if one.get("NatGatewayId"))
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=ANYWHERE)
    undo.callback(
        ec2.create_route,
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock=ANYWHERE,
        NatGatewayId=route["NatGatewayId"],
    )
    found = only(connection, home)
    assert (found.name, found.status) == ("network", Status.FAILED)
    assert f"{subnet} cannot reach ECR (ecr.api)" in found.message
    assert "NAT gateway" in found.fix


def test_security_groups_that_do_not_admit_each_other_are_found_in_both_directions(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    ec2, subnet, target = private_network(deployed, home)
    made = ec2.create_security_group(GroupName="alone", Description="alone", VpcId=target["VpcId"])["GroupId"]
    undo.callback(ec2.delete_security_group, GroupId=made)
    alone = dataclasses.replace(home, worker=WorkerSettings(security_groups=(made,)))
    found = only(connection, alone)
    assert (found.name, found.status) == ("security-groups", Status.FAILED)
    assert f"do not admit the worker in {subnet} on port 2049" in found.message
    assert "aws ec2 authorize-security-group-ingress --region eu-central-1 --group-id" in found.fix
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}]
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
    (group,) = deployed.cloud.client("efs").describe_mount_target_security_groups(
        MountTargetId=target["MountTargetId"]
    )["SecurityGroups"]
    pair = [{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": [{"GroupId": made}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=pair)
    undo.callback(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=pair)
    failed = [each for each in results(connection, alone) if each.status is not Status.PASSED]
    assert [each.name for each in failed] == ["security-groups"] * 2
    assert "let nothing out to mount target" in failed[0].message
    assert "let no HTTPS out" in failed[1].message
    ec2.authorize_security_group_egress(
        GroupId=made,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": ANYWHERE}]}
            for port in (443, 2049)
        ],
    )
    assert not_passed(results(connection, alone)) == []


def test_a_mount_target_that_admits_no_group_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    efs, (ec2, _, target) = deployed.cloud.client("efs"), private_network(deployed, home)
    closed = ec2.create_security_group(GroupName="closed", Description="closed", VpcId=target["VpcId"])[
        "GroupId"
    ]
    undo.callback(ec2.delete_security_group, GroupId=closed)
    before = efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])[
        "SecurityGroups"
    ]
    efs.modify_mount_target_security_groups(MountTargetId=target["MountTargetId"], SecurityGroups=[closed])
    undo.callback(
        efs.modify_mount_target_security_groups, MountTargetId=target["MountTargetId"], SecurityGroups=before
    )
    found = only(connection, home)
    assert (found.name, found.status) == ("network", Status.FAILED)
    assert "admits its own subnet on port 2049" in found.message


@pytest.mark.parametrize(
    ("attribute", "option"),
    [("EnableDnsSupport", "--enable-dns-support"), ("EnableDnsHostnames", "--enable-dns-hostnames")],
)
def test_a_vpc_without_dns_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack, attribute: str, option: str
) -> None:
    ec2, _, target = private_network(deployed, home)
    ec2.modify_vpc_attribute(VpcId=target["VpcId"], **{attribute: {"Value": False}})
    undo.callback(ec2.modify_vpc_attribute, VpcId=target["VpcId"], **{attribute: {"Value": True}})
    found = only(connection, home)
    assert (found.name, found.status) == ("dns", Status.FAILED)
    assert option in found.fix


DENIALS: dict[str, dict[str, Any]] = {
    "other principals": {"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/someone"}},
    "clients without access point": {
        "Principal": "*",
        "Condition": {"StringNotLike": {"elasticfilesystem:AccessPointArn": "arn:aws:elasticfilesystem:*"}},
    },
    "reads by mount target": {
        "Principal": {"AWS": "*"},
        "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    },
}


@pytest.mark.parametrize("denial", DENIALS)
def test_a_file_system_policy_that_denies_the_worker_is_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack, denial: str
) -> None:
    efs, (fs,) = deployed.cloud.client("efs"), home.file_systems
    statement = {
        "Effect": "Deny",
        "Action": "elasticfilesystem:ClientMount",
        "Resource": "*",
        **DENIALS[denial],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    efs.put_file_system_policy(FileSystemId=fs, Policy=document)
    undo.callback(efs.delete_file_system_policy, FileSystemId=fs)
    failed = [each for each in results(connection, home) if each.status is not Status.PASSED]
    assert [(each.name, each.status) for each in failed] == [("file-system-policy", Status.FAILED)] * 2
    assert f"tidemark-task-{fs}" in failed[0].message
    assert f"tidemark-restore-task-{fs}" in failed[1].message


def test_a_usual_file_system_policy_passes_and_one_with_other_conditions_is_a_warning(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    efs, (fs,) = deployed.cloud.client("efs"), home.file_systems
    tls = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    efs.put_file_system_policy(
        FileSystemId=fs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls]})
    )
    undo.callback(efs.delete_file_system_policy, FileSystemId=fs)
    assert not_passed(results(connection, home)) == []
    address = {**tls, "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [address]})
    efs.put_file_system_policy(FileSystemId=fs, Policy=document)
    found = not_passed(results(connection, home))
    assert found == [("file-system-policy", fs, "warn")] * 2


def test_endpoints_that_do_not_admit_the_worker_are_found(
    deployed: Deployed, connection: Connection, home: Policy, undo: ExitStack
) -> None:
    ec2, subnet, target = private_network(deployed, home)
    closed = ec2.create_security_group(GroupName="ends", Description="ends", VpcId=target["VpcId"])["GroupId"]
    undo.callback(ec2.delete_security_group, GroupId=closed)
    endpoint = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=target["VpcId"],
        ServiceName="com.amazonaws.eu-central-1.logs",
        SubnetIds=[subnet],
        SecurityGroupIds=[closed],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    undo.callback(ec2.delete_vpc_endpoints, VpcEndpointIds=[endpoint])
    found = only(connection, home)
    assert (found.name, found.status) == ("security-groups", Status.FAILED)
    assert f"of endpoint {endpoint} do not admit the worker in {subnet} on port 443" in found.message


def test_a_file_system_is_checked_for_its_index_although_another_policy_makes_none(
    connection: Connection, home: Policy
) -> None:
    without_index = dataclasses.replace(home, name="unindexed", index=False)
    scope = Scope(connection=connection, policies=(without_index, home))
    assert {"network", "security-groups", "dns"} <= {result.name for result in mounting_checks(scope)}
