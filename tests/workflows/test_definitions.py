"""The definitions in the sources follow the rules of the States Language."""

from __future__ import annotations

import json

import pytest

from localcloud.stepfunctions.definition import BadDefinition, parse_definition
from localcloud.stepfunctions.variables import unassigned_on_some_path
from tests.workflows.walker import DIRECTORY, source

MACHINES = sorted(path.name.removesuffix(".asl.json") for path in DIRECTORY.glob("*.asl.json"))


@pytest.mark.parametrize("name", MACHINES)
def test_step_functions_accepts_the_definition(name: str) -> None:
    assert parse_definition(source(name))["StartAt"]


@pytest.mark.parametrize("name", MACHINES)
def test_every_path_to_a_state_assigns_the_variables_it_refers_to(name: str) -> None:
    assert list(unassigned_on_some_path(json.loads(source(name)))) == []


@pytest.mark.parametrize("name", MACHINES)
def test_the_definition_names_no_partition(name: str) -> None:
    text = (DIRECTORY / f"{name}.asl.json").read_text()
    assert "arn:${Partition}:" in text
    assert "arn:aws" not in text


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("name", MACHINES)
def test_the_definition_is_accepted_in_its_own_partition_only(name: str, partition: str) -> None:
    text = (DIRECTORY / f"{name}.asl.json").read_text().replace("${Partition}", partition)
    assert parse_definition(text, partition)
    other = "aws" if partition != "aws" else "aws-cn"
    with pytest.raises(BadDefinition, match=f"not in the partition {other} of the state machine"):
        parse_definition(text, other)


def test_a_variable_of_a_branch_that_has_the_name_of_an_outer_one_is_refused() -> None:
    text = source("backup-session").replace("launch_failure", "failure")
    with pytest.raises(
        BadDefinition, match=r"Start indexing session.*failure: a variable assigned in an inner"
    ):
        parse_definition(text)
