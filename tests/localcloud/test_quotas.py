"""The local cloud refuses what is beyond AWS's quotas, by AWS's codes, and accepts what is just within."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud

pytestmark = pytest.mark.cloud

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def document(size: int) -> str:
    """Return a policy document of `size` characters without its white space."""
    policy: dict[str, Any] = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}],
    }
    policy["Statement"][0]["Resource"] = "arn:aws:s3:::"
    bare = json.dumps(policy, separators=(",", ":"))
    policy["Statement"][0]["Resource"] += "x" * (size - len(bare))
    return json.dumps(policy, indent=4)


def role(cloud: LocalCloud) -> str:
    name = f"role-{uuid.uuid4().hex[:8]}"
    cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_all_inline_policies_of_a_role_have_10_240_characters_without_white_space(cloud: LocalCloud) -> None:
    iam, name = cloud.client("iam"), role(cloud)
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=document(5_000))
    iam.put_role_policy(RoleName=name, PolicyName="other", PolicyDocument=document(5_240))
    iam.put_role_policy(RoleName=name, PolicyName="other", PolicyDocument=document(5_240))  # in its own place
    with pytest.raises(
        ClientError, match=f"Maximum policy size of 10240 bytes exceeded for role {name}"
    ) as no:
        iam.put_role_policy(RoleName=name, PolicyName="third", PolicyDocument=document(200))
    assert code_of(no) == "LimitExceeded"
    assert no.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_a_managed_policy_has_6_144_characters_and_a_role_ten_of_them(cloud: LocalCloud) -> None:
    iam, name = cloud.client("iam"), role(cloud)
    with pytest.raises(ClientError, match="Cannot exceed quota for PolicySize: 6144") as no:
        iam.create_policy(PolicyName=f"{name}-large", PolicyDocument=document(6_145))
    assert code_of(no) == "LimitExceeded"
    arns = [
        iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=document(6_144))["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in [*arns[:10], arns[0]]:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    with pytest.raises(ClientError, match="Cannot exceed quota for PoliciesPerRole: 10") as no:
        iam.attach_role_policy(RoleName=name, PolicyArn=arns[10])
    assert code_of(no) == "LimitExceeded"


def test_a_trust_policy_has_2_048_characters(cloud: LocalCloud) -> None:
    iam, name = cloud.client("iam"), role(cloud)
    with pytest.raises(ClientError, match="Cannot exceed quota for ACLSizePerRole: 2048") as no:
        iam.create_role(RoleName=f"{name}-other", AssumeRolePolicyDocument=document(2_049))
    assert code_of(no) == "LimitExceeded"
    with pytest.raises(ClientError, match="ACLSizePerRole"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document(2_049))
    iam.create_role(RoleName=f"{name}-other", AssumeRolePolicyDocument=document(2_048))


@pytest.mark.parametrize(
    ("tier", "most"),
    [(None, 4_096), ("Standard", 4_096), ("Advanced", 8_192), ("Intelligent-Tiering", 8_192)],
)
def test_a_parameter_is_as_long_as_its_tier_allows(cloud: LocalCloud, tier: str | None, most: int) -> None:
    ssm, name = cloud.client("ssm"), f"/quotas/{uuid.uuid4()}"
    of_tier = {"Tier": tier} if tier else {}
    ssm.put_parameter(Name=name, Value="x" * most, Type="String", **of_tier)
    with pytest.raises(ClientError, match=f"maximum parameter value of {most} characters") as no:
        ssm.put_parameter(Name=name, Value="x" * (most + 1), Overwrite=True, **of_tier)
    assert code_of(no) == "ValidationException"
    ssm.put_parameter(Name=name, Value="y" * most, Overwrite=True)  # its tier stays


def test_a_parameters_name_has_fifteen_levels(cloud: LocalCloud) -> None:
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name="/a" * 15, Value="x", Type="String")
    with pytest.raises(ClientError) as no:
        ssm.put_parameter(Name="/a" * 16, Value="x", Type="String")
    assert code_of(no) == "HierarchyLevelLimitExceededException"


def test_a_functions_environment_has_four_kilobytes(cloud: LocalCloud) -> None:
    lambda_ = cloud.client("lambda")

    def create(characters: int) -> None:
        lambda_.create_function(
            FunctionName=f"f-{uuid.uuid4().hex[:8]}",
            Role=cloud.client("iam").get_role(RoleName=role(cloud))["Role"]["Arn"],
            Runtime="python3.13",
            Handler="f.f",
            Code={"ZipFile": b"code"},
            Environment={"Variables": {"NAME": "x" * (characters - len('{"NAME":""}'))}},
        )

    create(4_096)
    with pytest.raises(ClientError, match="exceeded the 4KB limit") as no:
        create(4_097)
    assert code_of(no) == "InvalidParameterValueException"


def test_the_expression_of_a_schedule_has_256_characters(cloud: LocalCloud) -> None:
    def create(expression: str) -> None:
        cloud.client("scheduler").create_schedule(
            Name=f"s-{uuid.uuid4().hex[:8]}",
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:sqs:eu-central-1:123456789012:q",
                "RoleArn": "arn:aws:iam::123456789012:role/r",
            },
        )

    longest = f"cron({','.join(['10'] * 80)} 00 * * ? *)"
    create(longest)
    with pytest.raises(ClientError, match="length less than or equal to 256") as no:
        create(longest.replace(" 00", " 000"))
    assert code_of(no) == "ValidationException"


def test_user_data_of_an_instance_has_16_kilobytes(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    with pytest.raises(ClientError, match="limited to 16384 bytes") as no:
        ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, UserData="#" * 16_385)
    assert code_of(no) == "InvalidParameterValue"


def test_an_invocation_has_six_megabytes(cloud: LocalCloud) -> None:
    lambda_ = cloud.client("lambda")
    with pytest.raises(ClientError, match="must be smaller than 6291456 bytes") as no:
        lambda_.invoke(FunctionName="none", Payload=json.dumps("x" * 6_291_455))
    assert code_of(no) == "RequestTooLargeException"
    with pytest.raises(ClientError) as no:
        lambda_.invoke(FunctionName="none", Payload=json.dumps("x" * 6_291_454))
    assert code_of(no) == "ResourceNotFoundException"


def topics(count: int) -> dict[str, Any]:
    return {"Resources": {f"R{number}": {"Type": "AWS::CDK::Metadata"} for number in range(count)}}


def test_a_stack_has_500_resources(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="fits", TemplateBody=json.dumps(topics(500)))
    with pytest.raises(
        ClientError, match="Number of resources, 501, is greater than maximum allowed, 500"
    ) as no:
        cloudformation.create_stack(StackName="too-many", TemplateBody=json.dumps(topics(501)))
    assert code_of(no) == "ValidationError"
    with pytest.raises(ClientError, match="Number of resources, 501"):
        cloudformation.create_change_set(
            StackName="too-many",
            ChangeSetName="c",
            ChangeSetType="CREATE",
            TemplateBody=json.dumps(topics(501)),
        )


@pytest.mark.parametrize("section", ["Outputs", "Parameters", "Mappings"])
def test_a_template_has_200_of_everything_else(cloud: LocalCloud, section: str) -> None:
    template = {**topics(1), section: {f"X{number}": {"Type": "String"} for number in range(201)}}
    with pytest.raises(ClientError, match=f"Number of {section.lower()}, 201, is greater than") as no:
        cloud.client("cloudformation").create_stack(StackName="many", TemplateBody=json.dumps(template))
    assert code_of(no) == "ValidationError"


def test_a_template_has_51_200_bytes_in_a_request_and_a_megabyte_in_s3(cloud: LocalCloud) -> None:
    cloudformation, s3 = cloud.client("cloudformation"), cloud.client("s3")
    with pytest.raises(ClientError, match="length less than or equal to 51200") as no:
        cloudformation.create_stack(StackName="long", TemplateBody=json.dumps(topics(1)).ljust(51_201))
    assert code_of(no) == "ValidationError"
    where = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    s3.create_bucket(Bucket="templates", **where)
    url = f"https://s3.{cloud.region}.amazonaws.com/templates/key"
    s3.put_object(Bucket="templates", Key="key", Body=json.dumps(topics(1)).ljust(1_000_001).encode())
    with pytest.raises(ClientError, match="Template may not exceed 1000000 bytes in size") as no:
        cloudformation.create_stack(StackName="long", TemplateURL=url)
    assert code_of(no) == "ValidationError"
    s3.put_object(Bucket="templates", Key="key", Body=json.dumps(topics(1)).ljust(1_000_000).encode())
    cloudformation.create_stack(StackName="as-long-as-can-be", TemplateURL=url)


def test_a_role_that_is_too_large_fails_its_stack(cloud: LocalCloud) -> None:
    policies = [
        {"PolicyName": f"p{number}", "PolicyDocument": json.loads(document(3_500))} for number in range(3)
    ]
    properties = {"AssumeRolePolicyDocument": json.loads(TRUST), "Policies": policies}
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="large-role", TemplateBody=json.dumps(template))
    with pytest.raises(Exception, match=r"ROLLBACK_COMPLETE|terminal failure"):
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="large-role", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    events = cloudformation.describe_stack_events(StackName="large-role")["StackEvents"]
    assert any("Maximum policy size of 10240" in event.get("ResourceStatusReason", "") for event in events)
