"""Clients and settings for other accounts and Regions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.stub import ANY, Stubber

from tests.aws.account import ACCOUNT, FS, REGION, SETTINGS
from tidemark.aws.assumed_roles import session_name
from tidemark.aws.clients import Clients
from tidemark.aws.sites import SITE_SETTINGS, Sites, machine_of
from tidemark.errors import SiteNotAccessible, SiteNotDeployed
from tidemark.policy.sites import Site, to_json

PRODUCTION = "111111111111"
THERE = "us-east-1"
EXTERNAL_ID = "0123456789abcdef"
LISTED = (
    Site(account="", region="eu-west-1", vault="tidemark"),
    Site(account=PRODUCTION, region=THERE, vault="tidemark", name="production", external_id=EXTERNAL_ID),
)
ROLE = f"arn:aws:iam::{PRODUCTION}:role/tidemark-functions-{THERE}"
WITH_SITES = replace(SETTINGS, sites="/tidemark/sites")


@pytest.fixture
def clients() -> Clients:
    """Clients of the home site; no call reaches anything but a Stubber."""
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", REGION)
    return Clients(session)


@pytest.fixture
def sites(clients: Clients) -> Iterator[Sites]:
    with Stubber(clients.of("ssm", REGION)) as stub:
        value = {"Parameter": {"Value": to_json(LISTED)}}
        stub.add_response("get_parameter", value, {"Name": "/tidemark/sites"})
        yield Sites(clients, WITH_SITES)


def issued(*, minutes: int = 60) -> dict[str, Any]:
    return {
        "Credentials": {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE01",
            "SecretAccessKey": "secret",
            "SessionToken": "token",
            "Expiration": datetime.now(UTC) + timedelta(minutes=minutes),  # botocore's clock
        }
    }


def test_the_home_site_needs_no_role_and_no_list_of_sites(clients: Clients) -> None:
    with Stubber(clients.of("ssm", REGION)):
        sites = Sites(clients, SETTINGS)
        home = sites.at(ACCOUNT, REGION, "session-1")
        assert (home.clients, home.settings) == (clients, SETTINGS)
        assert home.callback.callback_role == ""
        assert sites.clients_of(ACCOUNT, "session-1") is clients
        assert [place.account for place in sites.all("sweep")] == [ACCOUNT]
    assert home.file_system(FS.file_system_id) == FS


def test_calls_in_another_account_use_its_role_with_the_external_id_and_the_session(
    clients: Clients, sites: Sites
) -> None:
    place = sites.at(PRODUCTION, THERE, "nightly-fs-1-20261122T020000Z")
    with Stubber(clients.of("sts", REGION)) as sts:
        expected = {
            "RoleArn": ROLE,
            "RoleSessionName": "nightly-fs-1-20261122T020000Z",
            "ExternalId": EXTERNAL_ID,
        }
        sts.add_response("assume_role", issued(), expected)
        credentials = place.clients._session.get_credentials()
        for _ in range(3):  # the credentials are kept
            assert credentials.get_frozen_credentials().access_key == "ASIAEXAMPLEEXAMPLE01"
        sts.assert_no_pending_responses()
    assert sites.at(PRODUCTION, THERE, "nightly-fs-1-20261122T020000Z").clients is place.clients
    assert sites.at(PRODUCTION, THERE, "another").clients is not place.clients
    assert (place.callback.home_region, place.callback.callback_external_id) == (REGION, EXTERNAL_ID)
    assert place.callback.callback_role == f"arn:aws:iam::{ACCOUNT}:role/tidemark-callback-{PRODUCTION}"


def test_a_role_is_assumed_again_shortly_before_its_credentials_expire(
    clients: Clients, sites: Sites
) -> None:
    credentials = sites.at(PRODUCTION, THERE, "s").clients._session.get_credentials()
    with Stubber(clients.of("sts", REGION)) as sts:
        sts.add_response("assume_role", issued(minutes=9))
        sts.add_response("assume_role", issued())
        credentials.get_frozen_credentials()
        credentials.get_frozen_credentials()
        credentials.get_frozen_credentials()
        sts.assert_no_pending_responses()


def test_a_role_in_the_deployments_account_needs_no_external_id(clients: Clients, sites: Sites) -> None:
    place = sites.at(ACCOUNT, "eu-west-1", "s")
    with Stubber(clients.of("sts", REGION)) as sts:
        role = f"arn:aws:iam::{ACCOUNT}:role/tidemark-functions-eu-west-1"
        sts.add_response("assume_role", issued(), {"RoleArn": role, "RoleSessionName": ANY})
        place.clients._session.get_credentials().get_frozen_credentials()
    assert (place.callback.home_region, place.callback.callback_role) == (REGION, "")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidClientTokenId"])
def test_an_account_that_refuses_the_role_is_named(clients: Clients, sites: Sites, code: str) -> None:
    place = sites.at(PRODUCTION, THERE, "s")
    with Stubber(clients.of("sts", REGION)) as sts:
        sts.add_client_error("assume_role", code, "it is not authorized")
        with pytest.raises(SiteNotAccessible, match=rf"{PRODUCTION} in {THERE} .*it is not authorized"):
            place.clients.of("efs", THERE).describe_file_systems()


def test_a_region_of_the_own_account_without_a_role_has_no_stack(clients: Clients, sites: Sites) -> None:
    place = sites.at(ACCOUNT, "eu-west-1", "s")
    with Stubber(clients.of("sts", REGION)) as sts:
        sts.add_client_error("assume_role", "AccessDenied", "it is not authorized")
        with pytest.raises(SiteNotDeployed, match=f"no stack in account {ACCOUNT} in eu-west-1"):
            place.clients.of("efs", "eu-west-1").describe_file_systems()


def test_other_errors_of_sts_are_aws_errors(clients: Clients, sites: Sites) -> None:
    place = sites.at(PRODUCTION, THERE, "s")
    with Stubber(clients.of("sts", REGION)) as sts:
        sts.add_client_error("assume_role", "Throttling", "slower")
        with pytest.raises(ClientError, match="slower"):
            place.clients.of("efs", THERE).describe_file_systems()


def test_credentials_that_are_refused_later_are_those_of_the_account(sites: Sites) -> None:
    place = sites.at(PRODUCTION, THERE, "s")
    place.clients._session._credentials = get_session().get_credentials()
    place.clients._session.set_credentials("testing", "testing")
    efs = place.clients.of("efs", THERE)
    with Stubber(efs) as stub:
        stub.add_client_error("describe_file_systems", "UnrecognizedClientException", "closed")
        with pytest.raises(SiteNotAccessible, match=f"account {PRODUCTION} in {THERE} .*closed"):
            efs.describe_file_systems()
        stub.add_client_error("describe_file_systems", "FileSystemNotFound", "gone")
        with pytest.raises(ClientError, match="gone"):
            efs.describe_file_systems()


@pytest.mark.parametrize("account", [PRODUCTION, "222222222222"])
def test_a_place_that_is_not_configured_is_not_called(sites: Sites, account: str) -> None:
    with pytest.raises(SiteNotAccessible, match="does not name it"):
        sites.at(account, "ap-south-1", "s")
    with pytest.raises(SiteNotAccessible, match="does not name it"):
        sites.clients_of(account, "s").of("backup", "ap-south-1")


def test_a_site_has_the_values_that_its_stack_stored(sites: Sites) -> None:
    place = sites.at(PRODUCTION, THERE, "s")
    place.clients._session.set_credentials("testing", "testing")
    stored = {name: f"{name} there" for name in SITE_SETTINGS}
    with Stubber(place.clients.of("ssm", THERE)) as stub:
        answer = {"Parameter": {"Value": json.dumps({**stored, "later": "1"})}}
        stub.add_response("get_parameter", answer, {"Name": "/tidemark/site"})
        settings = place.settings
    assert (settings.account, settings.region) == (PRODUCTION, THERE)
    assert {name: getattr(settings, name) for name in SITE_SETTINGS} == stored
    assert settings.repository == SETTINGS.repository, "it is in the home site"


@pytest.mark.parametrize("value", [None, {"cluster": "arn"}])
def test_a_site_whose_stack_stored_no_or_older_values_is_not_deployed(
    sites: Sites, value: dict[str, str] | None
) -> None:
    place = sites.at(PRODUCTION, THERE, "s")
    place.clients._session.set_credentials("testing", "testing")
    with Stubber(place.clients.of("ssm", THERE)) as stub:
        if value is None:
            stub.add_client_error("get_parameter", "ParameterNotFound")
        else:
            stub.add_response("get_parameter", {"Parameter": {"Value": json.dumps(value)}})
        with pytest.raises(SiteNotDeployed):
            _ = place.settings


def test_each_account_has_its_own_state_machines() -> None:
    machine = SETTINGS.indexing_session
    assert machine_of(machine, ACCOUNT, ACCOUNT) == machine
    assert machine_of(machine, ACCOUNT, PRODUCTION) == f"{machine}-{PRODUCTION}"


def test_the_name_of_a_roles_session_is_valid_and_ends_like_the_text() -> None:
    assert session_name("a/b c") == "a-b-c"
    assert session_name("x" * 60 + "-20261122T020000Z") == "x" * 47 + "-20261122T020000Z"
