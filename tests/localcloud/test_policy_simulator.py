"""SimulatePrincipalPolicy: decisions of a role's policies and boundary, and the permission of the caller."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud

BUCKET = "arn:aws:s3:::some"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def role(cloud: LocalCloud) -> str:
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    policy = document(
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": f"{BUCKET}/*"},
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": BUCKET,
            "Condition": {"StringLike": {"s3:prefix": "indexes/*"}},
        },
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"{BUCKET}/secret/*"},
    )
    iam.put_role_policy(RoleName="simulated", PolicyName="own", PolicyDocument=policy)
    managed = iam.create_policy(
        PolicyName="managed",
        PolicyDocument=document({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}),
    )["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="simulated", PolicyArn=managed)
    return arn


def simulate(cloud: LocalCloud, role: str, action: str, resource: str, **context: str) -> dict[str, Any]:
    entries = [
        {"ContextKeyName": key.replace("_", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    answer = cloud.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource], ContextEntries=entries
    )
    (result,) = answer["EvaluationResults"]
    assert (result["EvalActionName"], result["EvalResourceName"]) == (action, resource)
    return result


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("s3:GetObject", f"{BUCKET}/a", "allowed"),
        ("s3:GetObject", f"{BUCKET}/secret/a", "explicitDeny"),
        ("s3:PutObject", f"{BUCKET}/a", "implicitDeny"),
        ("sns:Publish", "arn:aws:sns:eu-central-1:123456789012:t", "allowed"),
    ],
)
def test_a_decision_follows_from_the_policies(cloud, role, action, resource, decision):
    assert simulate(cloud, role, action, resource)["EvalDecision"] == decision


def test_conditions_use_the_keys_of_the_request_and_missing_ones_are_named(cloud, role):
    allowed = simulate(cloud, role, "s3:ListBucket", BUCKET, s3_prefix="indexes/1")
    assert (allowed["EvalDecision"], allowed["MissingContextValues"]) == ("allowed", [])
    other = simulate(cloud, role, "s3:ListBucket", BUCKET, s3_prefix="tag-keys/")
    assert other["EvalDecision"] == "implicitDeny"
    missing = simulate(cloud, role, "s3:ListBucket", BUCKET)
    assert (missing["EvalDecision"], missing["MissingContextValues"]) == ("implicitDeny", ["s3:prefix"])


def test_a_boundary_limits_what_the_policies_allow(cloud, role):
    iam = cloud.client("iam")
    boundary = iam.create_policy(
        PolicyName="limit", PolicyDocument=document({"Effect": "Allow", "Action": "sns:*", "Resource": "*"})
    )["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="simulated", PermissionsBoundary=boundary)
    try:
        result = simulate(cloud, role, "s3:GetObject", f"{BUCKET}/a")
        assert result["EvalDecision"] == "implicitDeny"
        assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    finally:
        iam.delete_role_permissions_boundary(RoleName="simulated")


def test_a_principal_that_does_not_exist_is_an_error(cloud):
    with pytest.raises(ClientError) as caught:
        simulate(cloud, f"arn:aws:iam::{cloud.account_id}:role/none", "s3:GetObject", "*")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"


def test_the_caller_needs_the_permission(cloud, role):
    iam = cloud.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    own = boto3.client(
        "iam",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    asked = {"PolicySourceArn": role, "ActionNames": ["s3:GetObject"]}
    with pytest.raises(ClientError) as caught:
        own.simulate_principal_policy(**asked)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert "iam:SimulatePrincipalPolicy" in str(caught.value)
    allow = {"Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": role}
    iam.put_user_policy(UserName="reader", PolicyName="own", PolicyDocument=document(allow))
    assert own.simulate_principal_policy(**asked)["EvaluationResults"]


def test_resource_policies_are_not_simulated_for_roles(cloud, role):
    with pytest.raises(ClientError):
        cloud.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=["s3:GetObject"], ResourcePolicy=document()
        )
