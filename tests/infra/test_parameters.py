"""The CLI and the functions can read the synthesized parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.template import Template, resources, text_of
from tidemark.aws.deployment import Resources
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import load
from tidemark.policy.policy import Policy


@pytest.fixture
def parameters(main: Template) -> dict[str, str]:
    return {p["Name"]: text_of(p["Value"]) for p in resources(main, "AWS::SSM::Parameter").values()}


def test_each_policy_is_stored_as_it_is_configured(
    parameters: dict[str, str], configuration_file: Path
) -> None:
    stored = {
        Policy.from_json(value) for name, value in parameters.items() if name.startswith("/cellar/policies/")
    }
    assert stored == set(load(configuration_file, sdk_regions()).policies)


def test_the_resources_parameter_has_the_fields_that_the_cli_reads(parameters: dict[str, str]) -> None:
    resources = Resources.from_json(parameters["/cellar/resources"])
    assert resources.sessions_table == "cellar-sessions"
    assert resources.repository.endswith("/some/where")
    assert resources.policy_run.endswith(":stateMachine:cellar-policy-run")
    assert resources.vaults == {"eu-central-1": "wine", "eu-west-1": "wine-copies", "us-east-1": "spare"}
