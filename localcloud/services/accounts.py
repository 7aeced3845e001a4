"""Accounts: administrators, access keys of users, the control interface, and a part of Organizations.

POST /_localcloud/accounts   {"name": ..., "id": 12 digits or null, "in_organization": true}: creates one
GET  /_localcloud/accounts   all accounts, with the access keys of their administrators
POST /_localcloud/suspended-accounts   {"id": ..., "suspended": true or false}
POST /_localcloud/role-credentials     {"role": ARN, "region": ...}: credentials as a service would get them
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localcloud.authentication.credentials import Credentials
from localcloud.core.accounts import ADMINISTRATOR, Account
from localcloud.core.cloud import ApiCall, AwsError, Cloud
from localcloud.core.partitions import global_arn
from localcloud.iam.permissions import NotPermitted

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def install(cloud: Cloud) -> None:
    """Create the administrators, and register controls and operations."""
    for account in cloud.accounts.all():
        _create_administrator(cloud, account)
    cloud.issuer.also_find(lambda access_key_id: _key_of_user(cloud, access_key_id))

    def create(value: dict[str, Any]) -> object:
        return described(
            create_account(
                cloud,
                str(value["name"]),
                value.get("id"),
                in_organization=bool(value.get("in_organization", True)),
            )
        )

    def suspend(value: dict[str, Any]) -> None:
        account = cloud.accounts.named(str(value["id"]))
        cloud.accounts.set_suspended(account.id, suspended=bool(value["suspended"]))

    cloud.control("POST", "accounts", create)
    cloud.control("GET", "accounts", lambda _: [described(account) for account in cloud.accounts.all()])
    cloud.control("POST", "suspended-accounts", suspend)
    cloud.control(
        "POST", "role-credentials", lambda value: cloud.role_credentials(value["role"], value["region"])
    )
    organization = _Organization(cloud)
    cloud.answer(
        "organizations",
        DescribeOrganization=organization.describe,
        ListAccounts=organization.list_accounts,
        DescribeAccount=organization.describe_account,
        CloseAccount=organization.close_account,
    )


def create_account(
    cloud: Cloud, name: str, account_id: str | None, *, in_organization: bool = True
) -> Account:
    """Create an account with its administrator; raises ValueError for an invalid or known name or id."""
    account = cloud.accounts.create(name, account_id, in_organization=in_organization)
    _create_administrator(cloud, account)
    return account


def described(account: Account) -> dict[str, object]:
    """Return an account in the format of the control interface."""
    return {
        "id": account.id,
        "name": account.name,
        "access_key_id": account.administrator.access_key_id,
        "secret_access_key": account.administrator.secret_access_key,
        "in_organization": account.in_organization,
        "suspended": account.suspended,
    }


def _create_administrator(cloud: Cloud, account: Account) -> None:
    from moto.iam.models import iam_backends

    backend = iam_backends[account.id][cloud.partition]
    if ADMINISTRATOR not in backend.users:
        backend.create_user(cloud.default_region, ADMINISTRATOR)
        backend.put_user_policy(ADMINISTRATOR, "everything", json.dumps(EVERYTHING))


def _key_of_user(cloud: Cloud, access_key_id: str) -> Credentials | None:
    """Return the active access key of an IAM user that CreateAccessKey has made."""
    from moto.iam.models import iam_backends

    for account in cloud.accounts.all():
        backend = iam_backends[account.id][cloud.partition]
        key = backend.access_keys.get(access_key_id)
        user = backend.users.get(key.user_name) if key is not None and key.status == "Active" else None
        if key is not None and user is not None:
            return Credentials(
                access_key_id=access_key_id,
                secret_access_key=key.secret_access_key,
                principal=user.arn,
            )
    return None


class _Organization:
    """Operations of AWS Organizations. Source: AWS Organizations API reference."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def describe(self, call: ApiCall) -> Mapping[str, Any]:
        """DescribeOrganization, for any member."""
        self._check_member(call)
        accounts = self._cloud.accounts
        management = accounts.management_id
        return {
            "Organization": {
                "Id": accounts.organization_id,
                "Arn": self._arn(f"organization/{accounts.organization_id}"),
                "FeatureSet": "ALL",
                "MasterAccountArn": self._arn(f"account/{accounts.organization_id}/{management}"),
                "MasterAccountId": management,
                "MasterAccountEmail": f"{management}@example.com",
            }
        }

    def list_accounts(self, call: ApiCall) -> Mapping[str, Any]:
        """ListAccounts, for the management account."""
        self._check_management(call, "organizations:ListAccounts")
        members = [account for account in self._cloud.accounts.all() if account.in_organization]
        return {"Accounts": [self._described(account) for account in members]}

    def describe_account(self, call: ApiCall) -> Mapping[str, Any]:
        """DescribeAccount, for the management account."""
        self._check_management(call, "organizations:DescribeAccount")
        return {"Account": self._described(self._member(call))}

    def close_account(self, call: ApiCall) -> None:
        """CloseAccount, for the management account; the account is SUSPENDED immediately."""
        self._check_management(call, "organizations:CloseAccount")
        account = self._member(call)
        if account.suspended:
            raise AwsError("AccountAlreadyClosedException", f"Account {account.id} is already closed.")
        if account.id == self._cloud.accounts.management_id:
            raise AwsError(
                "ConstraintViolationException",
                "You cannot close the management account of an organization.",
                Reason="CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            )
        self._cloud.accounts.set_suspended(account.id, suspended=True)

    def _member(self, call: ApiCall) -> Account:
        account = self._cloud.accounts.find(call.params["AccountId"])
        if account is None or not account.in_organization or account.id != call.params["AccountId"]:
            raise AwsError("AccountNotFoundException", "You specified an account that doesn't exist.")
        return account

    def _check_member(self, call: ApiCall) -> None:
        if self._cloud.accounts.organization_of(call.account_id) is None:
            raise AwsError(
                "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
            )

    def _check_management(self, call: ApiCall, action: str) -> None:
        self._check_member(call)
        if call.account_id != self._cloud.accounts.management_id:
            raise NotPermitted(
                "AccessDeniedException", f"You don't have permissions to access this resource: {action}"
            )

    def _described(self, account: Account) -> dict[str, Any]:
        accounts = self._cloud.accounts
        return {
            "Id": account.id,
            "Arn": self._arn(f"account/{accounts.organization_id}/{account.id}"),
            "Email": f"{account.id}@example.com",
            "Name": account.name,
            "Status": "SUSPENDED" if account.suspended else "ACTIVE",
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": account.joined_at,
        }

    def _arn(self, resource: str) -> str:
        management = self._cloud.accounts.management_id
        return global_arn("organizations", self._cloud.default_region, management, resource)
