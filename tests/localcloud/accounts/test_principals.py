"""Principals of policies exist, and a policy does not apply to their successors.

Source: IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import (
    BACKUP,
    EVERYTHING,
    PRODUCTION,
    allow,
    bucket_of,
    code_of,
    denied,
    policy,
    role,
    trusting,
    unique,
)

pytestmark = pytest.mark.cloud

MISSING = [
    f"arn:aws:iam::{PRODUCTION}:role/missing",
    f"arn:aws:iam::{PRODUCTION}:user/missing",
    "arn:aws:iam::333333333333:root",
    "333333333333",
    "AROAXXXXXXXXXXXXXXXXX",
]


@pytest.mark.parametrize("principal", MISSING)
def test_a_policy_with_a_principal_that_does_not_exist_is_refused(
    organization: LocalCloud, principal: str
) -> None:
    account, shared = organization.account("backup"), allow("*", Principal={"AWS": principal})
    bucket = bucket_of(organization, "backup")
    known = role(organization, "backup")
    attempts: list[tuple[Any, str]] = [
        (
            lambda: account.client("iam").create_role(
                RoleName=unique("role"), AssumeRolePolicyDocument=policy(trusting(principal))
            ),
            "MalformedPolicyDocument",
        ),
        (
            lambda: account.client("iam").update_assume_role_policy(
                RoleName=known.name, PolicyDocument=policy(trusting(principal))
            ),
            "MalformedPolicyDocument",
        ),
        (
            lambda: account.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(shared)),
            "MalformedPolicy",
        ),
        (
            lambda: account.client("kms").create_key(Policy=policy(shared)),
            "MalformedPolicyDocumentException",
        ),
    ]
    for attempt, code in attempts:
        with pytest.raises(ClientError, match="nvalid principal") as refused:
            attempt()
        assert code_of(refused) == code


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        PRODUCTION,
        f"arn:aws:iam::{PRODUCTION}:root",
        f"arn:aws:iam::{PRODUCTION}:user/administrator",
        f"arn:aws:iam::{PRODUCTION}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
        [f"arn:aws:iam::{PRODUCTION}:root", f"arn:aws:iam::{BACKUP}:root"],
    ],
)
def test_principals_that_exist_are_accepted(organization: LocalCloud, principal: Any) -> None:
    assert role(organization, "backup", trust=trusting(principal))


def test_a_role_that_is_created_again_is_not_trusted_until_the_policies_are_set_again(
    organization: LocalCloud,
) -> None:
    iam = organization.account("production").client("iam")
    caller = role(organization, "production", EVERYTHING)
    target = role(organization, "backup", trust=trusting([caller.arn, f"arn:aws:iam::{BACKUP}:root"]))
    bucket = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": caller.arn}))
    assert caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")

    trust = iam.get_role(RoleName=caller.name)["Role"]
    iam.delete_role_policy(RoleName=caller.name, PolicyName="own")
    iam.delete_role(RoleName=caller.name)
    iam.create_role(
        RoleName=caller.name,
        AssumeRolePolicyDocument=policy(trust["AssumeRolePolicyDocument"]["Statement"][0]),
    )
    iam.put_role_policy(RoleName=caller.name, PolicyName="own", PolicyDocument=policy(EVERYTHING))
    with denied("sts:AssumeRole"):
        caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")
    with denied("no resource-based policy"):
        caller.client("s3").get_object(Bucket=bucket, Key="k")

    there = organization.account("backup").client("iam")
    statement = there.get_role(RoleName=target.name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"]["AWS"][0] == trust["RoleId"]
    there.update_assume_role_policy(RoleName=target.name, PolicyDocument=policy(trusting(caller.arn)))
    assert caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")


def test_a_function_is_not_shared_with_an_account_that_does_not_exist(organization: LocalCloud) -> None:
    with pytest.raises(ClientError, match="principal was invalid") as refused:
        organization.account("backup").client("lambda").add_permission(
            FunctionName="any", StatementId="s", Action="lambda:InvokeFunction", Principal="333333333333"
        )
    assert code_of(refused) == "InvalidParameterValueException"
