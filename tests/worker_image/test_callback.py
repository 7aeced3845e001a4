"""How a worker reaches its session from another account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, REGION, the_clients
from worker_image.callback import home_region, session_client

ROLE = f"arn:aws:iam::{ACCOUNT}:role/tidemark-callback-111111111111"


def settings(**callback: str) -> Any:
    known = {"home_region": "", "callback_role": "", "callback_external_id": ""} | callback
    return SimpleNamespace(region=REGION, run_id="index-1", **known)


def test_a_worker_in_the_home_site_answers_with_its_own_role() -> None:
    clients = the_clients()
    assert session_client(clients, settings()) is clients.of("stepfunctions", REGION)


def test_a_worker_in_another_region_answers_in_the_home_region() -> None:
    clients = the_clients()
    there = settings(home_region="us-east-1")
    assert session_client(clients, there) is clients.of("stepfunctions", "us-east-1")
    assert home_region(there) == "us-east-1"


def test_a_worker_of_another_account_answers_with_the_role_for_its_account() -> None:
    clients = the_clients()
    client: Any = session_client(
        clients,
        settings(home_region="us-east-1", callback_role=ROLE, callback_external_id="0123456789abcdef"),
    )
    assert client.meta.region_name == "us-east-1"
    with Stubber(clients.of("sts", REGION)) as sts:
        issued = {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE01",
            "SecretAccessKey": "secret",
            "SessionToken": "token",
            "Expiration": datetime.now(UTC) + timedelta(hours=1),  # botocore's clock
        }
        expected = {"RoleArn": ROLE, "RoleSessionName": "index-1", "ExternalId": "0123456789abcdef"}
        sts.add_response("assume_role", {"Credentials": issued}, expected)
        credentials = client._request_signer._credentials.get_frozen_credentials()
    assert credentials.access_key == "ASIAEXAMPLEEXAMPLE01"
