"""IAM."""

from __future__ import annotations

import json
from contextlib import suppress

from localcloud.cloudformation.resources import Request, Resource, ResourceType
from localcloud.iam.permissions import set_unknown_policies


def _role(request: Request) -> Resource:
    """Create a role or update it to its properties."""
    iam, properties = request.client("iam"), request.properties
    name = request.name("RoleName")
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    try:
        role = request.call(
            "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, Tags=request.tag_list()
        )["Role"]
    except iam.exceptions.EntityAlreadyExistsException:
        if not (request.before or request.adopts):
            raise
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        role = iam.get_role(RoleName=name)["Role"]
    for policy in properties.get("Policies", ()):
        iam.put_role_policy(
            RoleName=name,
            PolicyName=policy["PolicyName"],
            PolicyDocument=json.dumps(policy["PolicyDocument"]),
        )
    unknown = []
    for arn in properties.get("ManagedPolicyArns", ()):
        # AWS managed policies are not loaded: moto takes 20 MB for them
        try:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        except iam.exceptions.NoSuchEntityException:
            unknown.append(arn)
    set_unknown_policies(role["Arn"], unknown)
    return Resource(ref=name, attributes={"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _delete_role(request: Request) -> None:
    iam, name = request.client("iam"), _ref(request)
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def _policy(request: Request) -> Resource:
    iam, properties = request.client("iam"), request.properties
    name, document = properties["PolicyName"], json.dumps(properties["PolicyDocument"])
    for role in properties.get("Roles", ()):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    for user in properties.get("Users", ()):
        iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=document)
    for group in properties.get("Groups", ()):
        iam.put_group_policy(GroupName=group, PolicyName=name, PolicyDocument=document)
    return Resource(ref=name, attributes={"Id": name})


def _delete_policy(request: Request) -> None:
    iam = request.client("iam")
    for role in request.properties.get("Roles", ()):
        with suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role_policy(RoleName=role, PolicyName=_ref(request))


def _managed_policy(request: Request) -> Resource:
    iam = request.client("iam")
    name, document = request.name("ManagedPolicyName", 128), json.dumps(request.properties["PolicyDocument"])
    arn = request.global_arn("iam", f"policy/{name}")
    if request.before:
        arn = request.before.ref
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    else:
        try:
            arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            if not request.adopts:
                raise
    for role in request.properties.get("Roles", ()):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return Resource(ref=arn, attributes={"PolicyArn": arn})


def _delete_managed_policy(request: Request) -> None:
    iam = request.client("iam")
    for role in request.properties.get("Roles", ()):
        with suppress(iam.exceptions.NoSuchEntityException):
            iam.detach_role_policy(RoleName=role, PolicyArn=_ref(request))
    iam.delete_policy(PolicyArn=_ref(request))


def _instance_profile(request: Request) -> Resource:
    iam, name = request.client("iam"), request.name("InstanceProfileName", 128)
    try:
        made = iam.create_instance_profile(InstanceProfileName=name)
    except iam.exceptions.EntityAlreadyExistsException:
        if not request.adopts:
            raise
        made = iam.get_instance_profile(InstanceProfileName=name)
    for role in request.properties["Roles"]:
        if not made["InstanceProfile"]["Roles"]:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return Resource(ref=name, attributes={"Arn": made["InstanceProfile"]["Arn"]})


def _delete_instance_profile(request: Request) -> None:
    iam, name = request.client("iam"), _ref(request)
    for role in request.properties["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


IDENTITY = {
    "AWS::IAM::Role": ResourceType(create=_role, delete=_delete_role, names=("RoleName",)),
    "AWS::IAM::Policy": ResourceType(create=_policy, delete=_delete_policy, names=("PolicyName", "Roles")),
    "AWS::IAM::ManagedPolicy": ResourceType(
        create=_managed_policy, delete=_delete_managed_policy, names=("ManagedPolicyName",)
    ),
    "AWS::IAM::InstanceProfile": ResourceType(
        create=_instance_profile, delete=_delete_instance_profile, names=("InstanceProfileName", "Roles")
    ),
}
