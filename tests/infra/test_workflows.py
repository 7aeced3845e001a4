"""The state machines in the sources are valid, and every name in them exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import infra.workflows
from infra import node
from infra.workflows import DIRECTORY, DRILL_WORKFLOWS, PLACEHOLDER, RESTORE_TEST_WORKFLOWS
from tests.infra.template import Template, as_list, resources, statements, text_of
from tidemark.errors import error_classes

SOURCES = Path(__file__).parents[2]
WORKFLOWS = (*infra.workflows.WORKFLOWS, *DRILL_WORKFLOWS, *RESTORE_TEST_WORKFLOWS)
# Source: Step Functions Developer Guide, "Error names" and "Lambda service exceptions".
AWS_ERRORS = re.compile(
    r"States\.(ALL|Timeout|TaskFailed|HeartbeatTimeout|DataLimitExceeded|QueryEvaluationError|Permissions)"
    r"|Lambda\.(ServiceException|AWSLambdaException|SdkClientException|TooManyRequestsException|Unknown"
    r"|ClientExecutionTimeoutException)"
    r"|Sandbox\.Timedout"
    r"|StepFunctions\.(ExecutionAlreadyExists|ExecutionLimitExceeded|Throttling|AWSStepFunctions)Exception"
)


def test_every_definition_is_deployed() -> None:
    assert sorted(path.name for path in DIRECTORY.glob("*.json")) == sorted(
        f"{name}.asl.json" for name in WORKFLOWS
    )


def test_two_validators_of_the_states_language_accept_the_deployed_definitions(
    main: Template, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deployed = {name: _deployed(main, name) for name in WORKFLOWS}
    assert _found_by_validators(deployed, tmp_path, capfd) == {name: [] for name in WORKFLOWS}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_resources_are_in_the_partition_of_the_stack(main: Template, name: str) -> None:
    assert _machine(main, name)["DefinitionSubstitutions"]["Partition"] == {"Ref": "AWS::Partition"}


def test_both_validators_find_a_transition_to_no_state(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}, "QueryLanguage": "JSONata"}
    found = _found_by_validators({"broken": json.dumps(broken)}, tmp_path, capfd)["broken"]
    assert {message.partition(":")[0] for message in found} == {
        "asl-validator",
        "amazon-states-language-service",
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_error_retried_or_caught_can_be_raised(name: str) -> None:
    ours = {error.__name__ for error in error_classes()}
    definition = json.loads((DIRECTORY / f"{name}.asl.json").read_text())
    unknown = {
        error
        for found in _values_of("ErrorEquals", definition)
        for error in found
        if error not in ours and not AWS_ERRORS.fullmatch(error)
    }
    assert unknown == set()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_placeholder_gets_a_value(main: Template, name: str) -> None:
    machine = _machine(main, name)
    assert set(machine["DefinitionSubstitutions"]) == set(PLACEHOLDER.findall(machine["DefinitionString"]))
    assert json.loads(machine["DefinitionString"]) == json.loads((DIRECTORY / f"{name}.asl.json").read_text())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_machine_may_invoke_only_the_functions_it_names(main: Template, name: str) -> None:
    machine = _machine(main, name)
    named = {
        text_of(value)
        for placeholder, value in machine["DefinitionSubstitutions"].items()
        if placeholder.endswith("Function")
    }
    role = machine["RoleArn"]["Fn::GetAtt"][0]
    allowed = {
        text_of(resource)
        for identifier, statement in statements(main)
        if identifier == role and "lambda:InvokeFunction" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert allowed == named


def test_every_function_belongs_to_a_machine_or_runs_on_a_schedule_or_an_event(main: Template) -> None:
    used = {
        text_of(value)
        for name in WORKFLOWS
        for value in _machine(main, name)["DefinitionSubstitutions"].values()
    }
    unused = [
        function["Handler"]
        for identifier, function in resources(main, "AWS::Lambda::Function").items()
        if f"<{identifier}.Arn>" not in used
    ]
    assert sorted(unused) == [
        "lambdas.report_protection.handler",
        "lambdas.sweep.handler",
        "lambdas.worker_stopped.handler",
    ]


def test_machines_are_traced_and_log_every_event_without_its_data(main: Template) -> None:
    for machine in resources(main, "AWS::StepFunctions::StateMachine").values():
        assert machine["TracingConfiguration"] == {"Enabled": True}
        assert machine["LoggingConfiguration"]["Level"] == "ALL"
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False, "the data holds task tokens"


def _found_by_validators(
    definitions: dict[str, str], directory: Path, capfd: pytest.CaptureFixture[str]
) -> dict[str, list[str]]:
    """Return the messages of asl-validator and amazon-states-language-service by the definitions' names."""
    modules = SOURCES / "node_modules"
    assert (modules / "asl-validator").exists(), "run: make setup"
    (directory / "definitions.json").write_text(json.dumps(definitions))
    capfd.readouterr()
    script = Path(__file__).with_name("check_definitions.js")
    code = node.run("node", str(script), str(modules), str(directory / "definitions.json"))
    printed = capfd.readouterr()
    assert code == 0, printed.err
    found: dict[str, list[str]] = json.loads(printed.out)
    return found


def _deployed(main: Template, name: str) -> str:
    """Return a definition with its substitutions, as CloudFormation passes it to Step Functions."""
    machine = _machine(main, name)
    arns = {
        "Function": "arn:aws:lambda:eu-central-1:123456789012:function:",
        "StateMachine": "arn:aws:states:eu-central-1:123456789012:stateMachine:",
    }
    text: str = machine["DefinitionString"]
    for placeholder in machine["DefinitionSubstitutions"]:
        arn = next((arn + placeholder for kind, arn in arns.items() if placeholder.endswith(kind)), "aws")
        text = text.replace(f"${{{placeholder}}}", arn)
    assert "${" not in text
    return text


def _machine(main: Template, name: str) -> dict[str, Any]:
    machines = resources(main, "AWS::StepFunctions::StateMachine").values()
    return next(machine for machine in machines if machine["StateMachineName"] == f"cellar-{name}")


def _values_of(key: str, node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _values_of(key, child)
