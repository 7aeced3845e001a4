"""The registry of accounts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.authentication.credentials import Issuer
from localcloud.core.accounts import Accounts

DEFAULT = "123456789012"


def registry(issuer: Issuer | None = None, region: str = "eu-central-1") -> Accounts:
    return Accounts(issuer or Issuer(), default_id=DEFAULT, region=region)


@given(st.lists(st.from_regex(r"[0-9]{12}", fullmatch=True), unique=True, max_size=6))
def test_accounts_are_found_by_name_and_id_in_the_order_of_their_creation(ids: list[str]) -> None:
    accounts, ids = registry(), [one for one in ids if one != DEFAULT]
    for number, account_id in enumerate(ids):
        accounts.create(f"account-{number}", account_id)
    assert [account.id for account in accounts.all()] == [DEFAULT, *ids]
    for number, account_id in enumerate(ids):
        assert accounts.named(f"account-{number}") is accounts.named(account_id)
        assert accounts.organization_of(account_id) == accounts.organization_id


def test_random_ids_have_twelve_digits_and_differ() -> None:
    accounts = registry()
    ids = {accounts.create(f"a{number}").id for number in range(200)}
    assert len(ids) == 200
    assert all(len(one) == 12 and one.isdigit() for one in ids)


@pytest.mark.parametrize(
    ("name", "account_id"),
    [
        ("other", DEFAULT),
        ("default", "111111111111"),
        ("other", "11111111111"),
        ("other", "1111111111111"),
        ("other", "11111111111a"),
        ("", "111111111111"),
        ("x" * 51, "111111111111"),
        ("line\nbreak", "111111111111"),
    ],
)
def test_an_invalid_or_known_name_or_id_is_refused(name: str, account_id: str) -> None:
    accounts = registry()
    with pytest.raises(ValueError, match="account"):
        accounts.create(name, account_id)
    assert [account.id for account in accounts.all()] == [DEFAULT]


def test_each_administrator_has_an_access_key_of_the_own_account() -> None:
    issuer = Issuer()
    accounts = registry(issuer, region="cn-north-1")
    made = accounts.create("other", "111111111111")
    found = issuer.find(made.administrator.access_key_id)
    assert found is made.administrator
    assert found.account_id == "111111111111"
    assert found.arn == "arn:aws-cn:iam::111111111111:user/administrator"
    keys = {account.administrator.secret_access_key for account in accounts.all()}
    assert len(keys) == 2


def test_only_members_belong_to_the_organization() -> None:
    accounts = registry()
    accounts.create("member", "111111111111")
    accounts.create("stranger", "222222222222", in_organization=False)
    assert accounts.organization_of(DEFAULT) == accounts.organization_of("111111111111") is not None
    assert accounts.organization_of("222222222222") is None
    assert accounts.organization_of("333333333333") is None
    assert registry().organization_id == accounts.organization_id  # the same in each run


def test_a_member_is_suspended_and_reopened_and_the_management_account_is_not() -> None:
    accounts = registry()
    accounts.create("member", "111111111111")
    before = accounts.revision
    accounts.set_suspended("member", suspended=True)
    assert accounts.is_suspended("111111111111")
    accounts.set_suspended("111111111111", suspended=False)
    assert not accounts.is_suspended("111111111111")
    assert accounts.revision == before + 2
    assert not accounts.is_suspended("333333333333")
    for unknown_or_management in (DEFAULT, "333333333333"):
        with pytest.raises(ValueError, match="account"):
            accounts.set_suspended(unknown_or_management, suspended=True)
