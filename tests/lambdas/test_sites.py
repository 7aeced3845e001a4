"""Steps of sessions in other accounts and Regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas._handler import Deployment
from tests.aws.account import ACCOUNT, FS, NIGHTLY, REGION
from tests.lambdas.conftest import Call, deploy_policy
from tests.lambdas.test_worker_stopped import INDEX, TASK, task_event
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.aws.sites import Sites
from tidemark.errors import SiteNotAccessible
from tidemark.policy.sites import Site, to_json
from tidemark.sessions.attempts import record_attempt
from tidemark.sessions.indexing import Attempt
from tidemark.sessions.overlap import claim, open_session
from tidemark.sessions.session import FileSystem

PRODUCTION, THERE = "111111111111", "us-east-1"
SITE = Site(account=PRODUCTION, region=THERE, vault="tidemark", name="production", external_id="0" * 16)
OTHER = FileSystem(PRODUCTION, THERE, "fs-0123456789abcdef9")


@pytest.fixture
def sites(deployment: Deployment, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The deployment with a site in another account, whose role cannot be assumed."""
    parameter = "/tidemark/sites"
    clients.of("ssm", REGION).put_parameter(Name=parameter, Value=to_json([SITE]), Type="String")
    settings = replace(deployment.settings, sites=parameter)
    monkeypatch.setattr(deployment, "settings", settings)
    deployment.__dict__["sites"] = Sites(clients, settings)
    deploy_policy(clients, replace(NIGHTLY, file_systems=(str(OTHER),), vaults=((THERE, "tidemark"),)))
    return deployment


@pytest.fixture
def refused(clients: Clients) -> Iterator[Stubber]:
    with Stubber(clients.of("sts", REGION)) as stub:
        stub.add_client_error("assume_role", "AccessDenied", "not authorized")
        yield stub


def opening(file_system: str) -> dict[str, str]:
    return {"session_id": "s", "execution_arn": "arn:s", "policy": "nightly", "file_system": file_system}


@pytest.mark.parametrize("named", [str(OTHER), OTHER.file_system_id])
def test_a_session_of_an_account_that_denies_access_names_it(
    sites: Deployment, refused: Stubber, call: Call, named: str
) -> None:
    with pytest.raises(SiteNotAccessible, match=f"account {PRODUCTION} in {THERE}"):
        call("open_session", opening(named))
    refused.assert_no_pending_responses()


def test_a_policy_run_has_a_session_for_each_file_system_of_any_account(
    sites: Deployment, clients: Clients, call: Call
) -> None:
    names = (FS.file_system_id, str(OTHER))
    deploy_policy(clients, replace(NIGHTLY, file_systems=names))
    event = {"policy": "nightly", "scheduled_time": None, "started_at": "2026-11-22T02:00:00+00:00"}
    found = call("resolve_policy", event)["sessions"]
    assert [one["file_system"] for one in found] == list(names)
    assert [one["session_id"] for one in found] == [
        f"nightly-{FS.file_system_id}-20261122T020000Z",
        f"nightly-{OTHER.file_system_id}-20261122T020000Z",
    ]


def test_an_index_is_launched_by_the_state_machine_of_its_account(sites: Deployment, call: Call) -> None:
    for number, file_system in enumerate((FS, OTHER)):
        name = f"s{number}"
        open_session(sites.records, replace(new_session(name), file_system=file_system), utc_now())
        value = {"session_id": name, "file_system": sites.name_of(file_system), "policy": "nightly"}
        found = call("claim_index", {"session": {**value, "index_wanted": True, "copies": []}})
        assert found["index_id"].startswith(f"{file_system.file_system_id}-")
        assert found["machine_suffix"] == ("" if file_system == FS else f"-{PRODUCTION}")


def test_a_machine_that_names_an_index_of_another_account_does_not_fail_it(
    sites: Deployment, clients: Clients, call: Call
) -> None:
    now = utc_now()
    open_session(sites.records, replace(new_session("s"), file_system=FS), now)
    claim(sites.records, "s", INDEX, now)
    record_attempt(sites.records, FS, INDEX, Attempt(worker_id=TASK, task_token="token"))
    with Stubber(clients.of("stepfunctions", REGION)) as states:
        forged: Any = {**task_event(), "account": PRODUCTION, "region": THERE}
        assert call("worker_stopped", forged) == {"run_id": INDEX, "error": ""}
        states.add_response("send_task_failure", {})
        own: Any = {**task_event(), "account": ACCOUNT, "region": REGION}
        assert call("worker_stopped", own)["error"] == "WorkerCannotRun"
        states.assert_no_pending_responses()


def test_an_account_that_denies_access_does_not_block_the_sweep_of_others(
    sites: Deployment, refused: Stubber, clients: Clients, call: Call
) -> None:
    ecs = clients.of("ecs", REGION)
    left = ecs.register_task_definition(
        family="tidemark-worker-left",
        containerDefinitions=[{"name": "worker", "image": "i", "memory": 512}],
        tags=[
            {"key": "tidemark:deployment", "value": "tidemark"},
            {"key": "tidemark:index", "value": INDEX},
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    with pytest.raises(SiteNotAccessible):
        call("sweep", {})
    assert ecs.describe_task_definition(taskDefinition=left)["taskDefinition"]["status"] == "INACTIVE"
