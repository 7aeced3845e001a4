"""Several accounts and Regions in `tidemark.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.aws.regions import sdk_regions
from tidemark.errors import ConfigurationError
from tidemark.policy.configuration import Configuration, load
from tidemark.policy.policy import CopyTarget, Policy
from tidemark.policy.site_rules import MOST_ACCOUNTS
from tidemark.policy.sites import Site, from_json, to_json

ID = "fs-0123456789abcdef0"
OTHER = "fs-0123456789abcdef1"
TO_FRANKFURT = "{region: eu-central-1, keep: 9 days}"
TO_IRELAND = "{region: eu-west-1, keep: 9 days}"
SITES = """\
region: eu-central-1
account: "123456789012"
regions: [eu-central-1, eu-west-1]
accounts:
  production: {id: "111111111111", regions: [us-east-1, eu-west-1], external_id: 0123456789abcdef}
vaults: {eu-central-1: tidemark, us-east-1: american}
policies:
  nightly:
"""


def configured(folder: Path, policy: str, sites: str = SITES) -> Configuration:
    path = folder / "tidemark.yaml"
    path.write_text(f"{sites}    keep: 35 days\n{policy}")
    return load(path, sdk_regions())


def the_policy(folder: Path, policy: str) -> Policy:
    (found,) = configured(folder, policy).policies
    return found


def test_every_account_and_region_but_the_home_site_is_a_site(tmp_path: Path) -> None:
    found = configured(tmp_path, f"    file_systems: [{ID}]\n")
    external = {"name": "production", "external_id": "0123456789abcdef", "account": "111111111111"}
    assert found.sites == (
        Site(account="123456789012", region="eu-west-1", vault="tidemark"),
        Site(region="us-east-1", vault="american", **external),
        Site(region="eu-west-1", vault="tidemark", **external),
    )
    assert from_json(to_json(found.sites)) == found.sites
    assert found.home_vaults == {"eu-central-1": "tidemark", "us-east-1": "american", "eu-west-1": "tidemark"}
    assert found.accounts == ["111111111111"]


def test_a_configuration_without_other_sites_has_none(tmp_path: Path) -> None:
    sites = "region: eu-central-1\nregions: [eu-central-1]\nvaults: {eu-central-1: tidemark}\n"
    found = configured(tmp_path, f"    file_systems: [{ID}]\n", f"{sites}policies:\n  nightly:\n")
    assert (found.sites, found.account) == ((), None)
    assert "vaults" not in found.policies[0].to_json(), "the document is that of earlier versions"


def test_a_policy_is_stored_with_the_ids_of_accounts(tmp_path: Path) -> None:
    named = f"{ID}, eu-west-1/{OTHER}, production/us-east-1/fs-0123456789abcdef2"
    policy = the_policy(tmp_path, f"    file_systems: [{named}]\n")
    american = "111111111111/us-east-1/fs-0123456789abcdef2"
    assert policy.file_systems == (ID, f"eu-west-1/{OTHER}", american)
    assert Policy.from_json(policy.to_json()) == policy
    at_production = policy.at("111111111111", "us-east-1")
    assert (at_production.account, at_production.vault) == ("111111111111", "american")
    assert policy.at("123456789012", "eu-west-1").vault == "tidemark"
    assert policy.named("fs-0123456789abcdef2") == american
    assert policy.named(american) == american


def test_copies_go_to_the_account_of_the_file_system_or_to_the_one_they_name(tmp_path: Path) -> None:
    policy = the_policy(
        tmp_path,
        f"""\
    file_systems: [production/us-east-1/{ID}]
    copies:
      - {{region: eu-west-1, keep: 60 days}}
      - {{region: eu-west-1, account: home, keep: 90 days}}
      - {{region: eu-west-1, account: production, keep: {{manual: 30 days}}}}
    schedules: {{daily: {{at: "02:00", keep: 14 days}}}}
""",
    )
    assert policy.copies[:2] == (
        CopyTarget(region="eu-west-1", vault="tidemark", keep_days=60),
        CopyTarget(region="eu-west-1", vault="tidemark", account="123456789012", keep_days=90),
    )
    assert policy.copies[2].account == "111111111111"


WRONG = {
    "an account that is not configured": (
        f"    file_systems: [finance/us-east-1/{ID}]\n",
        "there is no account finance under accounts (production)",
    ),
    "a Region that is not one of the account": (
        f"    file_systems: [production/eu-central-1/{ID}]\n",
        "add it to accounts: production: regions",
    ),
    "a Region that is not one of the deployment": (
        f"    file_systems: [us-east-1/{ID}]\n",
        "us-east-1 is not among the Regions of this account; add it to regions",
    ),
    "a name of too many parts": (
        f"    file_systems: [a/production/us-east-1/{ID}]\n",
        "does not name a file system",
    ),
    "an id in two places": (
        f"    file_systems: [{ID}, eu-west-1/{ID}]\n",
        "this id is named in eu-central-1, too",
    ),
    "a copy to an unknown account": (
        f"    file_systems: [{ID}]\n    copies: [{{region: eu-west-1, account: finance, keep: 9 days}}]\n",
        "there is no account finance; write one of home, production",
    ),
    "a copy where its account has no vault": (
        f"    file_systems: [production/us-east-1/{ID}]\n    copies: [{TO_FRANKFURT}]\n",
        "there is no vault in eu-central-1 of account production",
    ),
    "a copy in the place of the backup": (
        f"    file_systems: [{ID}]\n    copies: [{{region: eu-central-1, account: home, keep: 9 days}}]\n",
        "eu-central-1 is the place of a backup itself",
    ),
    "two copies in one place": (
        f"    file_systems: [{ID}]\n    copies: [{TO_IRELAND}, {TO_IRELAND}]\n",
        "there is already a copy in eu-west-1",
    ),
    "a vault that does not exist": (
        f"    file_systems: [{ID}]\n    copies: [{{region: eu-west-1, vault: other, keep: 9 days}}]\n",
        "there is no vault other in eu-west-1; write tidemark",
    ),
    "a drill elsewhere": (
        f"    file_systems: [eu-west-1/{ID}]\n    drill: {{schedule: {{rate: 30 days}}}}\n",
        "remove drill, or move the file system to another policy",
    ),
    "restore testing elsewhere": (
        f"    file_systems: [eu-west-1/{ID}]\n    restore_testing: {{schedule: {{cron: 0 4 ? * SUN *}}}}\n",
        "remove restore_testing, or move the file system to another policy",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_place_is_reported_with_the_fix(tmp_path: Path, case: str) -> None:
    policy, expected = WRONG[case]
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, policy)
    assert expected in str(caught.value)


WRONG_SITES = {
    "no id of the own account": ('account: "123456789012"\n', "", "the id of this one is required"),
    "the own id twice": ("111111111111", "123456789012", "is the id of account, too"),
    "no external id": (", external_id: 0123456789abcdef", "", "'external_id' is missing"),
    "a short external id": ("0123456789abcdef}", "abc}", "is not an external id"),
    "a misspelt Region": ("us-east-1, eu", "us-esat-1, eu", "us-esat-1 is not an AWS Region"),
    "another partition": ("us-east-1, eu", "cn-north-1, eu", "accounts and copies cannot span partitions"),
    "the name of the home account": ("  production:", "  home:", "home is the account of the deployment"),
    "an id that is a number": ('"111111111111"', "111111111111", "should be text; put it in quotes"),
    "an unknown key": ("external_id", "externalid", "did you mean 'external_id'?"),
}


@pytest.mark.parametrize("case", WRONG_SITES)
def test_a_wrong_site_is_reported_with_the_fix(tmp_path: Path, case: str) -> None:
    old, new, expected = WRONG_SITES[case]
    assert old in SITES
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, f"    file_systems: [{ID}]\n", SITES.replace(old, new))
    assert expected in str(caught.value)


def test_there_is_a_limit_of_accounts(tmp_path: Path) -> None:
    accounts = "".join(
        f'  a{number}: {{id: "{number:012}", regions: [eu-west-1], external_id: 0123456789abcdef}}\n'
        for number in range(MOST_ACCOUNTS + 1)
    )
    with pytest.raises(ConfigurationError, match="there are 42 accounts; the limit is 40"):
        configured(
            tmp_path, f"    file_systems: [{ID}]\n", SITES.replace("accounts:\n", f"accounts:\n{accounts}")
        )
