"""EC2: the network resources that workers use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloudformation.resources import Request, Resource, ResourceType


def _security_group(request: Request) -> Resource:
    ec2, properties = request.client("ec2"), request.properties
    if request.before:
        group, vpc = request.before.ref, request.before.attributes["VpcId"]
    else:
        vpc = properties.get("VpcId") or _default_vpc(ec2)
        name = request.name("GroupName", 255)
        description = properties["GroupDescription"]
        group = ec2.create_security_group(GroupName=name, Description=description, VpcId=vpc)["GroupId"]
    with suppress(ClientError):  # the rule exists already
        if rules := _rules(properties.get("SecurityGroupIngress", ())):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    with suppress(ClientError):
        if rules := _rules(properties.get("SecurityGroupEgress", ())):
            ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rules)
    if tags := request.tag_list():
        ec2.create_tags(Resources=[group], Tags=tags)
    return Resource(ref=group, attributes={"GroupId": group, "VpcId": vpc})


def _rules(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for rule in rules:
        permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
        permission |= {key: int(rule[key]) for key in ("FromPort", "ToPort") if key in rule}
        if "CidrIp" in rule:
            permission["IpRanges"] = [{"CidrIp": rule["CidrIp"]}]
        if "CidrIpv6" in rule:
            permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"]}]
        group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
        if group:
            permission["UserIdGroupPairs"] = [{"GroupId": group}]
        made.append(permission)
    return made


def _security_group_rule(direction: str) -> ResourceType:
    def create(request: Request) -> Resource:
        authorize = getattr(request.client("ec2"), f"authorize_security_group_{direction}")
        authorize(GroupId=request.properties["GroupId"], IpPermissions=_rules([request.properties]))
        return Resource(ref=request.name("Id"))

    return ResourceType(create=create)


def _launch_template(request: Request) -> Resource:
    ec2 = request.client("ec2")
    data = request.properties["LaunchTemplateData"]
    if request.before:
        template = request.before.ref
        made = ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data)
        version = made["LaunchTemplateVersion"]["VersionNumber"]
    else:
        name = request.name("LaunchTemplateName", 128)
        made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        template, version = made["LaunchTemplate"]["LaunchTemplateId"], 1
    return Resource(
        ref=template,
        attributes={
            "LaunchTemplateId": template,
            "LatestVersionNumber": str(version),
            "DefaultVersionNumber": "1",
        },
    )


def _vpc(request: Request) -> Resource:
    vpc = request.call("ec2", "CreateVpc")["Vpc"]
    attributes = {"VpcId": vpc["VpcId"], "CidrBlock": vpc["CidrBlock"]}
    return Resource(ref=vpc["VpcId"], attributes=attributes)


def _subnet(request: Request) -> Resource:
    subnet = request.call("ec2", "CreateSubnet")["Subnet"]
    attributes = {"SubnetId": subnet["SubnetId"], "AvailabilityZone": subnet["AvailabilityZone"]}
    return Resource(ref=subnet["SubnetId"], attributes=attributes)


def _default_vpc(ec2: Any) -> str:  # an EC2 client
    filters = [{"Name": "is-default", "Values": ["true"]}]
    vpc: str = ec2.describe_vpcs(Filters=filters)["Vpcs"][0]["VpcId"]
    return vpc


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


NETWORK = {
    "AWS::EC2::SecurityGroup": ResourceType(
        create=_security_group,
        delete=lambda r: r.client("ec2").delete_security_group(GroupId=_ref(r)),
        names=("GroupName", "GroupDescription", "VpcId"),
    ),
    "AWS::EC2::SecurityGroupIngress": _security_group_rule("ingress"),
    "AWS::EC2::SecurityGroupEgress": _security_group_rule("egress"),
    "AWS::EC2::LaunchTemplate": ResourceType(
        create=_launch_template,
        delete=lambda r: r.client("ec2").delete_launch_template(LaunchTemplateId=_ref(r)),
        names=("LaunchTemplateName",),
    ),
    "AWS::EC2::VPC": ResourceType(
        create=_vpc, delete=lambda r: r.client("ec2").delete_vpc(VpcId=_ref(r)), names=("CidrBlock",)
    ),
    "AWS::EC2::Subnet": ResourceType(
        create=_subnet, delete=lambda r: r.client("ec2").delete_subnet(SubnetId=_ref(r)), names=("CidrBlock",)
    ),
}
