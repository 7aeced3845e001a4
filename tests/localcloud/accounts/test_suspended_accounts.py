"""A closed account: AWS denies its requests and requests to its resources, but keeps its resources.

Source: AWS Account Management Reference Guide, "Close an AWS account".
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import Account, LocalCloud
from tests.localcloud.accounts.conftest import (
    MANAGEMENT,
    PRODUCTION,
    REGION,
    allow,
    bucket_of,
    code_of,
    denied,
    policy,
    role,
    session_client,
    trusting,
    unique,
)

pytestmark = pytest.mark.cloud


@pytest.fixture
def closed(organization: LocalCloud) -> Account:
    """An account that each test closes."""
    return organization.create_account(unique("closed"))


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sts", lambda client: client.get_caller_identity(), "InvalidClientTokenId"),
        ("s3", lambda client: client.list_buckets(), "InvalidAccessKeyId"),
        ("dynamodb", lambda client: client.list_tables(), "UnrecognizedClientException"),
        ("backup", lambda client: client.list_backup_vaults(), "UnrecognizedClientException"),
        ("ec2", lambda client: client.describe_vpcs(), "AuthFailure"),
    ],
)
def test_its_credentials_are_refused_until_it_is_reopened(
    organization: LocalCloud, closed: Account, service: str, call: Any, code: str
) -> None:
    client = closed.client(service)
    call(client)
    organization.suspend_account(closed.id)
    assert organization.account(closed.id).suspended
    with pytest.raises(ClientError) as refused:
        call(client)
    assert code_of(refused) == code
    organization.suspend_account(closed.id, suspended=False)
    call(client)


def test_the_sessions_of_its_roles_are_refused_and_no_new_ones_are_created(
    organization: LocalCloud, closed: Account
) -> None:
    target = role(organization, closed.id, trust=trusting(f"arn:aws:iam::{PRODUCTION}:root"))
    sts = role(organization, "production", allow("sts:AssumeRole")).client("sts")
    keys = sts.assume_role(RoleArn=target.arn, RoleSessionName="s-1")["Credentials"]
    session = session_client(organization, "sts", keys)
    assert session.get_caller_identity()["Account"] == closed.id
    organization.suspend_account(closed.id)
    with pytest.raises(ClientError) as refused:
        session.get_caller_identity()
    assert code_of(refused) == "InvalidClientTokenId"
    with denied(f"sts:AssumeRole on resource: {target.arn}"):
        sts.assume_role(RoleArn=target.arn, RoleSessionName="s-1")


def test_its_buckets_and_keys_are_refused_to_other_accounts_whatever_they_allow(
    organization: LocalCloud, closed: Account
) -> None:
    other = {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}
    bucket = bucket_of(organization, closed.id, allow("s3:*", Principal=other))
    key = closed.client("kms").create_key(Policy=policy(allow("kms:*", Principal=other)))
    reader = role(organization, "production", allow("*"))
    arn = key["KeyMetadata"]["Arn"]
    assert reader.client("s3").get_object(Bucket=bucket, Key="k")
    assert reader.client("kms").encrypt(KeyId=arn, Plaintext=b"s")
    organization.suspend_account(closed.id)
    with denied("All access to this object has been disabled", "AllAccessDisabled"):
        reader.client("s3").get_object(Bucket=bucket, Key="k")
    with denied("suspended", "AccessDeniedException"):
        reader.client("kms").encrypt(KeyId=arn, Plaintext=b"s")
    organization.suspend_account(closed.id, suspended=False)
    assert reader.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"


def test_its_schedules_do_not_fire(organization: LocalCloud, closed: Account) -> None:
    name = unique("schedule")
    for account in (closed, organization.account("production")):
        account.client("sqs").create_queue(QueueName=name)
        account.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="rate(5 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": f"arn:aws:sqs:{REGION}:{account.id}:{name}",
                "RoleArn": role(organization, account.id, allow("*")).arn,
                "Input": "fired",
            },
        )
        if account is closed:
            organization.suspend_account(closed.id)
    watched = organization.account("production").client("sqs")
    url = watched.get_queue_url(QueueName=name)["QueueUrl"]
    fired = 0
    end = time.monotonic() + 30
    while fired < 2:
        assert time.monotonic() < end
        received = watched.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        fired += len(received.get("Messages", []))
        time.sleep(0.05)
    organization.account("production").client("scheduler").delete_schedule(Name=name)
    # the call log shows that no target of the closed account was called
    sent = [
        call
        for call in organization.calls()
        if call["operation"] == "SendMessage" and f":{closed.id}:" in json.dumps(call)
    ]
    assert sent == []


class TestCloseAccount:
    """Source: AWS Organizations API reference, CloseAccount."""

    def test_the_management_account_closes_a_member(self, organization: LocalCloud, closed: Account) -> None:
        organizations = organization.client("organizations")
        organizations.close_account(AccountId=closed.id)
        described = organizations.describe_account(AccountId=closed.id)["Account"]
        assert (described["Status"], described["Name"]) == ("SUSPENDED", closed.name)
        with pytest.raises(ClientError) as refused:
            closed.client("sts").get_caller_identity()
        assert code_of(refused) == "InvalidClientTokenId"
        with pytest.raises(ClientError) as again:
            organizations.close_account(AccountId=closed.id)
        assert code_of(again) == "AccountAlreadyClosedException"

    def test_a_member_closes_no_account(self, organization: LocalCloud, closed: Account) -> None:
        with denied("permissions to access this resource", "AccessDeniedException"):
            organization.account("production").client("organizations").close_account(AccountId=closed.id)

    def test_the_management_account_is_not_closed(self, organization: LocalCloud) -> None:
        with pytest.raises(ClientError) as refused:
            organization.client("organizations").close_account(AccountId=MANAGEMENT)
        assert code_of(refused) == "ConstraintViolationException"

    def test_an_account_that_does_not_exist_is_not_found(self, organization: LocalCloud) -> None:
        with pytest.raises(ClientError) as refused:
            organization.client("organizations").close_account(AccountId="333333333333")
        assert code_of(refused) == "AccountNotFoundException"
