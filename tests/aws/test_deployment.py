from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.stub import Stubber

from tests.aws.account import NIGHTLY, REGION, RESOURCES, create_tables
from tests.sessions.world import START, new_session
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import Resources, discover, policy_names, read_policy
from tidemark.errors import ConfigurationError, NoCredentials, NotDeployed, PolicyNotFound
from tidemark.policy.documents import documents, list_parameter
from tidemark.policy.policy import Policy, policy_parameter, resources_parameter
from tidemark.sessions.overlap import open_session
from tidemark.sessions.records import read_session


def deploy(clients: Clients) -> None:
    ssm = clients.of("ssm", REGION)
    ssm.put_parameter(Name=resources_parameter("tidemark"), Value=RESOURCES.to_json(), Type="String")
    for name in ("nightly", "hourly"):
        ssm.put_parameter(Name=policy_parameter("tidemark", name), Value=NIGHTLY.to_json(), Type="String")


def test_resources_are_read_from_their_parameter(clients: Clients) -> None:
    deploy(clients)
    assert discover(clients, "tidemark") == RESOURCES


def test_unknown_keys_of_a_later_version_are_ignored() -> None:
    assert Resources.from_json(json.dumps({**asdict(RESOURCES), "web": "https://"})) == RESOURCES
    with pytest.raises(TypeError):
        Resources.from_json("{}")
    assert {field.name for field in fields(Resources)} == set(json.loads(RESOURCES.to_json()))


def test_a_missing_deployment_or_region_is_reported_with_the_next_step(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotDeployed, match="cellar"):
        discover(clients, "cellar")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(NoCredentials, match="AWS_REGION"):
        discover(Clients(get_session()), "tidemark")


@pytest.mark.parametrize(
    ("region", "error"),
    [("eu-centrl-1", ConfigurationError), ("mars-1", ConfigurationError), ("eu-central-3", ClientError)],
)
def test_a_misspelled_region_is_reported_as_unknown(region: str, error: type[Exception]) -> None:
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", region)
    clients = Clients(session)
    with Stubber(clients.of("ssm")) as ssm:
        ssm.add_client_error("get_parameter", "InvalidSignatureException")
        with pytest.raises(error):
            discover(clients, "tidemark")


def test_a_policy_is_read_or_the_deployed_policies_are_named(clients: Clients) -> None:
    deploy(clients)
    ssm = clients.of("ssm", REGION)
    assert read_policy(ssm, "tidemark", "nightly") == NIGHTLY
    assert policy_names(ssm, "tidemark") == ["hourly", "nightly"]
    for unknown in ("weekly", "", "two words", "../resources"):
        with pytest.raises(PolicyNotFound, match="hourly, nightly"):
            read_policy(ssm, "tidemark", unknown)


MANY = replace(NIGHTLY, file_systems=tuple(f"fs-{number:017x}" for number in range(3_000)))


def store(clients: Clients, policy: Policy) -> list[str]:
    """Store a policy as a deployment does; return the names of its lists."""
    ssm, stored = clients.of("ssm", REGION), documents(policy)
    lists = {list_parameter("tidemark", policy.name, name): text for name, text in stored.lists.items()}
    for name, text in {**lists, policy_parameter("tidemark", policy.name): stored.own}.items():
        ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    return list(lists)


def test_a_policy_of_many_file_systems_is_read_from_all_its_lists(clients: Clients) -> None:
    deploy(clients)
    lists = store(clients, MANY)
    assert len(lists) > 10, "more than one call"
    ssm = clients.of("ssm", REGION)
    assert read_policy(ssm, "tidemark", "nightly") == MANY
    assert policy_names(ssm, "tidemark") == ["hourly", "nightly"], "its lists are no policies"


def test_a_policy_read_during_a_deployment_is_the_old_or_the_new_one(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = store(clients, MANY)
    after = replace(MANY, file_systems=MANY.file_systems[5:])
    ssm = clients.of("ssm", REGION)
    read = ssm.get_parameters

    def between(Names: list[str]) -> Any:  # noqa: N803  (boto3's name)
        if lists:  # the policy has been read, its lists have not
            store(clients, after)
            for name in lists:
                ssm.delete_parameter(Name=name)
            lists.clear()
        return read(Names=Names)

    monkeypatch.setattr(ssm, "get_parameters", between)
    assert read_policy(ssm, "tidemark", "nightly") == after


def test_a_policy_without_one_of_its_lists_is_an_error(clients: Clients) -> None:
    gone = store(clients, MANY)[1]
    ssm = clients.of("ssm", REGION)
    ssm.delete_parameter(Name=gone)
    with pytest.raises(ConfigurationError, match=f"nightly is incomplete: .*{gone}; deploy again"):
        read_policy(ssm, "tidemark", "nightly")


def test_the_records_are_in_the_tables_that_the_resources_name(clients: Clients) -> None:
    create_tables(clients)
    records = RESOURCES.records(clients)
    session = open_session(records, new_session("s"), START)
    assert read_session(records, "s") == session
