"""Accounts have their own credentials and resources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud import LocalCloud, ServerNotStarted
from tests.localcloud.accounts.conftest import BACKUP, MANAGEMENT, PRODUCTION, STRANGER, code_of, unique
from tests.localcloud.signing import send, signed_headers

pytestmark = pytest.mark.cloud


def test_the_administrator_of_each_account_calls_in_that_account(organization: LocalCloud) -> None:
    for account in organization.accounts().values():
        caller = account.client("sts").get_caller_identity()
        assert caller["Account"] == account.id
        assert caller["Arn"] == f"arn:aws:iam::{account.id}:user/administrator"


def test_the_own_key_of_the_cloud_is_the_root_users_of_the_default_account(organization: LocalCloud) -> None:
    caller = organization.client("sts").get_caller_identity()
    assert (caller["Account"], caller["Arn"]) == (MANAGEMENT, f"arn:aws:iam::{MANAGEMENT}:root")


@pytest.mark.parametrize(
    ("service", "create", "names"),
    [
        (
            "dynamodb",
            lambda client, name: client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            ),
            lambda client: client.list_tables()["TableNames"],
        ),
        (
            "backup",
            lambda client, name: client.create_backup_vault(BackupVaultName=name),
            lambda client: [one["BackupVaultName"] for one in client.list_backup_vaults()["BackupVaultList"]],
        ),
        (
            "efs",
            lambda client, name: client.create_file_system(CreationToken=name),
            lambda client: [one["CreationToken"] for one in client.describe_file_systems()["FileSystems"]],
        ),
        (
            "ssm",
            lambda client, name: client.put_parameter(Name=name, Value="v", Type="String"),
            lambda client: [one["Name"] for one in client.describe_parameters()["Parameters"]],
        ),
        (
            "sns",
            lambda client, name: client.create_topic(Name=name),
            lambda client: [one["TopicArn"].rpartition(":")[2] for one in client.list_topics()["Topics"]],
        ),
        (
            "logs",
            lambda client, name: client.create_log_group(logGroupName=name),
            lambda client: [one["logGroupName"] for one in client.describe_log_groups()["logGroups"]],
        ),
        (
            "s3",
            lambda client, name: client.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            ),
            lambda client: [one["Name"] for one in client.list_buckets()["Buckets"]],
        ),
    ],
)
def test_resources_belong_to_one_account(
    organization: LocalCloud, service: str, create: object, names: object
) -> None:
    name = unique("mine")
    create(organization.account(PRODUCTION).client(service), name)  # type: ignore[operator]
    assert name in names(organization.account(PRODUCTION).client(service))  # type: ignore[operator]
    assert name not in names(organization.account(BACKUP).client(service))  # type: ignore[operator]
    assert name not in names(organization.client(service))  # type: ignore[operator]


def test_bucket_names_are_global(organization: LocalCloud) -> None:
    name, where = unique("bucket"), {"LocationConstraint": "eu-central-1"}
    organization.account("production").client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration=where
    )
    with pytest.raises(ClientError) as refused:
        organization.account("backup").client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration=where
        )
    assert code_of(refused) == "BucketAlreadyExists"


def test_an_account_is_created_at_run_time_with_a_random_id(organization: LocalCloud) -> None:
    made = organization.create_account(unique("new"))
    assert len(made.id) == 12
    assert made.id.isdigit()
    assert made.client("sts").get_caller_identity()["Account"] == made.id
    assert organization.account(made.name) == organization.account(made.id) == made


def test_a_file_system_is_created_in_an_account(organization: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    made = organization.create_file_system("home", tmp_path, account="production")
    efs = organization.account("production").client("efs")
    [described] = efs.describe_file_systems(FileSystemId=made.id)["FileSystems"]
    assert described["OwnerId"] == PRODUCTION
    assert f":{PRODUCTION}:file-system/{made.id}" in described["FileSystemArn"]
    assert organization.directory_of(made.id) == tmp_path
    with pytest.raises(ClientError, match=made.id):
        organization.account("backup").client("efs").describe_file_systems(FileSystemId=made.id)
    other = organization.create_file_system("home", tmp_path, account="backup")
    assert other.id != made.id


def test_only_the_users_own_key_reaches_the_control_interface(organization: LocalCloud) -> None:
    account = organization.account("production")
    keys = Credentials(account.access_key_id, account.secret_access_key)
    headers = signed_headers(organization, "localcloud", "GET", "/_localcloud/accounts", keys=keys)
    assert send(organization.endpoint_url, "GET", "/_localcloud/accounts", None, headers).status == 403


@pytest.mark.parametrize("account", ["x=12345", "x=abcdefghijkl", "=111122223333", f"x={MANAGEMENT}"])
def test_the_local_cloud_does_not_start_with_an_invalid_account(account: str) -> None:
    name, _, account_id = account.partition("=")
    with (
        pytest.raises(ServerNotStarted, match="account"),
        LocalCloud.start(accounts={name: account_id}),
    ):
        pass


def test_accounts_their_buckets_and_keys_are_kept(tmp_path: Path) -> None:
    with LocalCloud.start(state=tmp_path, accounts={"backup": BACKUP}) as cloud:
        made = cloud.create_account("temporary", in_organization=False)
        cloud.suspend_account(cloud.create_account("closed").id)
        s3 = made.client("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="k", Body=b"content")
        key = cloud.account("backup").client("kms").create_key()["KeyMetadata"]["Arn"]
    with LocalCloud.start(state=tmp_path, accounts={"backup": BACKUP}) as cloud:
        again = cloud.account("temporary")
        assert (again.id, again.in_organization) == (made.id, False)
        assert again.secret_access_key != made.secret_access_key
        assert cloud.account("closed").suspended
        assert again.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == b"content"
        kms = cloud.account("backup").client("kms")
        assert [one["KeyArn"] for one in kms.list_keys()["Keys"]] == [key]


class TestOrganization:
    """Source: AWS Organizations API reference."""

    def test_each_member_describes_the_organization_and_a_stranger_does_not(
        self, organization: LocalCloud
    ) -> None:
        described = [
            organization.account(name).client("organizations").describe_organization()["Organization"]
            for name in ("default", "production", "backup")
        ]
        assert described[0] == described[1] == described[2]
        assert described[0]["MasterAccountId"] == MANAGEMENT
        with pytest.raises(ClientError) as refused:
            organization.account(STRANGER).client("organizations").describe_organization()
        assert code_of(refused) == "AWSOrganizationsNotInUseException"

    def test_only_the_management_account_lists_the_members(self, organization: LocalCloud) -> None:
        listed = organization.client("organizations").list_accounts()["Accounts"]
        ids = {account["Id"] for account in listed}
        assert {MANAGEMENT, PRODUCTION, BACKUP} <= ids
        assert STRANGER not in ids
        with pytest.raises(ClientError) as refused:
            organization.account("production").client("organizations").list_accounts()
        assert code_of(refused) == "AccessDeniedException"


def test_the_calls_of_an_account_are_recorded_with_its_principal(organization: LocalCloud) -> None:
    name = unique("group")
    organization.account("backup").client("logs").create_log_group(logGroupName=name)
    [call] = [one for one in organization.calls() if name in json.dumps(one)]
    assert call["principal"] == f"arn:aws:iam::{BACKUP}:user/administrator"
    assert f":{BACKUP}:log-group:" in call["resource"]
