"""What the local cloud refuses a role, as IAM does: permissions that a call implies."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud

pytestmark = pytest.mark.cloud


def statement(action: str | list[str], resource: str | list[str] = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def role(cloud: LocalCloud, *statements: dict[str, Any]) -> str:
    iam, name = cloud.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return arn


def client_as(cloud: LocalCloud, service: Any, role_arn: str) -> Any:
    return cloud.role_client(role_arn, service)


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


OF_EFS = "elasticfilesystem:DescribeMountTargetSecurityGroups"


@pytest.mark.parametrize(
    "also",
    ["ec2:DescribeNetworkInterfaceAttribute", "ec2:Describe*", "ec2:describenetworkinterfaceattribute"],
)
def test_security_groups_of_a_mount_target_need_a_permission_of_ec2(cloud: LocalCloud, also: str) -> None:
    of = cloud.file_systems["home"].id
    target = cloud.client("efs").describe_mount_targets(FileSystemId=of)["MountTargets"][0]["MountTargetId"]
    with pytest.raises(ClientError, match="ec2:DescribeNetworkInterfaceAttribute") as refused:
        client_as(cloud, "efs", role(cloud, statement(OF_EFS))).describe_mount_target_security_groups(
            MountTargetId=target
        )
    assert code_of(refused) == ("AccessDeniedException", 403)
    permitted = client_as(cloud, "efs", role(cloud, statement([OF_EFS, also])))
    assert permitted.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"]


@pytest.mark.parametrize(
    ("others", "permitted"),
    [
        ({"NotAction": "iam:*"}, True),
        ({"NotAction": "ec2:Describe*"}, False),
        ({"Action": "ec2:*", "Condition": {"StringEquals": {"aws:PrincipalTag/a": "b"}}}, True),
        ({"Action": "ec2:*", "Effect": "Deny"}, False),
    ],
)
def test_what_is_not_evaluated_counts_as_permitted(
    cloud: LocalCloud, others: dict[str, Any], permitted: bool
) -> None:
    of = cloud.file_systems["home"].id
    target = cloud.client("efs").describe_mount_targets(FileSystemId=of)["MountTargets"][0]["MountTargetId"]
    policy = {"Effect": "Allow", "Resource": "*", **others}
    client = client_as(cloud, "efs", role(cloud, statement(OF_EFS), policy))
    if permitted:
        assert client.describe_mount_target_security_groups(MountTargetId=target)
    else:
        with pytest.raises(ClientError, match="not authorized to perform: ec2:"):
            client.describe_mount_target_security_groups(MountTargetId=target)


def test_a_policy_of_awss_own_is_taken_to_permit_what_the_others_do_not(cloud: LocalCloud) -> None:
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": "sts:AssumeRole",
                                "Principal": {"Service": "lambda.amazonaws.com"},
                            }
                        ],
                    },
                    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                    "Policies": [
                        {
                            "PolicyName": "own",
                            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement("s3:*")]},
                        }
                    ],
                },
            }
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
    stacks, name = cloud.client("cloudformation"), f"role-{uuid.uuid4().hex[:8]}"
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (output,) = stacks.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    of = cloud.file_systems["home"].id
    target = cloud.client("efs").describe_mount_targets(FileSystemId=of)["MountTargets"][0]["MountTargetId"]
    client = client_as(cloud, "efs", output["OutputValue"])
    assert client.describe_mount_target_security_groups(MountTargetId=target)


def test_a_role_without_known_policies_and_the_accounts_user_are_refused_nothing(cloud: LocalCloud) -> None:
    of = cloud.file_systems["home"].id
    target = cloud.client("efs").describe_mount_targets(FileSystemId=of)["MountTargets"][0]["MountTargetId"]
    for client in (cloud.client("efs"), client_as(cloud, "efs", role(cloud))):
        assert client.describe_mount_target_security_groups(MountTargetId=target)


def test_running_a_task_passes_the_roles_of_its_definition(cloud: LocalCloud) -> None:
    passed, other = role(cloud), role(cloud)
    arn = cloud.client("ecs").register_task_definition(
        family=f"passes-{uuid.uuid4().hex[:8]}",
        taskRoleArn=passed,
        containerDefinitions=[{"name": "one", "image": "none", "memory": 128}],
    )["taskDefinition"]["taskDefinitionArn"]
    run = statement("ecs:RunTask")
    for permitted in ([run], [run, statement("iam:PassRole", other)]):
        with pytest.raises(ClientError, match="iam:PassRole") as refused:
            client_as(cloud, "ecs", role(cloud, *permitted)).run_task(taskDefinition=arn)
        assert code_of(refused) == ("AccessDeniedException", 403)
    with pytest.raises(ClientError) as refused:
        client_as(cloud, "ecs", role(cloud, run, statement("iam:PassRole", passed))).run_task(
            taskDefinition=arn
        )
    assert code_of(refused)[0] != "AccessDeniedException", "it fails for another reason: there is no cluster"


def test_launching_an_instance_passes_the_role_of_its_profile(cloud: LocalCloud) -> None:
    iam, passed = cloud.client("iam"), role(cloud)
    name = f"profile-{uuid.uuid4().hex[:8]}"
    profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=passed.rpartition("/")[2])
    for named in ({"Arn": profile}, {"Name": name}):
        with pytest.raises(ClientError, match="iam:PassRole") as refused:
            client_as(cloud, "ec2", role(cloud, statement("ec2:RunInstances"))).run_instances(
                ImageId="ami-12345678", MinCount=1, MaxCount=1, IamInstanceProfile=named
            )
        assert code_of(refused) == ("UnauthorizedOperation", 403)


def test_the_record_names_what_only_the_clouds_state_tells(cloud: LocalCloud) -> None:
    of = cloud.file_systems["home"].id
    efs = cloud.client("efs")
    target = efs.describe_mount_targets(FileSystemId=of)["MountTargets"][0]["MountTargetId"]
    efs.describe_mount_target_security_groups(MountTargetId=target)
    found = {(one["action"], one["resource"]) for one in cloud.calls()}
    assert (OF_EFS, f"arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/{of}") in found
    assert ("ec2:DescribeNetworkInterfaceAttribute", "*") in found
