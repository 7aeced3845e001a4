"""A local cloud with an organization of three accounts, and one account outside of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud

MANAGEMENT, PRODUCTION, BACKUP, STRANGER = "123456789012", "111111111111", "222222222222", "999999999990"
REGION = "eu-central-1"


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalCloud]:
    """The accounts keep what tests create: use unique names."""
    accounts = {"production": PRODUCTION, "backup": BACKUP}
    with LocalCloud.start(accounts=accounts, time_scale=0.01, timeout_scale=0.02, region=REGION) as running:
        running.create_account("stranger", STRANGER, in_organization=False)
        yield running


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def deny(action: Any, resource: Any = "*", **elements: Any) -> dict[str, Any]:
    return {**allow(action, resource, **elements), "Effect": "Deny"}


def trusting(principal: str | list[str], action: Any = "sts:AssumeRole", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **elements}


@dataclass(frozen=True)
class Role:
    """A role, and the clients of its sessions."""

    cloud: LocalCloud
    arn: str

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    def client(self, service: Any, region: str | None = None) -> Any:
        return self.cloud.role_client(self.arn, service, region)


def role(
    cloud: LocalCloud, account: str, *statements: dict[str, Any], trust: Any = None, **settings: Any
) -> Role:
    """Create a role with these permissions; by default Lambda may assume it."""
    iam, name = cloud.account(account).client("iam"), unique("role")
    service = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trusted = [trust or service] if not isinstance(trust, list) else trust
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*trusted), **settings)
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return Role(cloud, made["Role"]["Arn"])


def session_client(cloud: LocalCloud, service: Any, keys: dict[str, Any]) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    code: str = refused.value.response["Error"]["Code"]
    return code


def status_of(refused: pytest.ExceptionInfo[ClientError]) -> int:
    status: int = refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return status


EVERYTHING = allow("*")
BY_IDENTITY, BY_RESOURCE = "no identity-based policy allows the", "no resource-based policy allows the"


@contextmanager
def denied(because: str, code: str = "AccessDenied") -> Iterator[None]:
    with pytest.raises(ClientError, match=because) as refused:
        yield
    assert (code_of(refused), status_of(refused)) == (code, 403)


def bucket_of(cloud: LocalCloud, account: str, *statements: dict[str, Any], name: str = "") -> str:
    """Create a bucket with an object `k`; statements get the bucket and its objects as their resources."""
    name, s3 = name or unique("shared"), cloud.account(account).client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="k", Body=b"content")
    if statements:
        share_bucket(cloud, account, name, *statements)
    return name


def share_bucket(cloud: LocalCloud, account: str, name: str, *statements: dict[str, Any]) -> None:
    resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    shared = [
        {**one, "Resource": one["Resource"] if one["Resource"] != "*" else resources} for one in statements
    ]
    cloud.account(account).client("s3").put_bucket_policy(Bucket=name, Policy=policy(*shared))
