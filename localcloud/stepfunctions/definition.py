"""Reading a state machine's definition, with the mistakes that Step Functions refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.stepfunctions.expressions import check_syntax
from localcloud.stepfunctions.integrations import Resource

STATE_TYPES = frozenset({"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"})
WITHOUT_NEXT = frozenset({"Choice", "Succeed", "Fail"})


class BadDefinition(ValueError):
    """The definition cannot run; the message names the state."""


def parse_definition(text: str) -> dict[str, Any]:
    """Return a definition that the interpreter can run; raises BadDefinition."""
    try:
        program = json.loads(text)
    except ValueError as error:
        raise BadDefinition(f"INVALID_JSON_DESCRIPTION: {error}") from error
    if not isinstance(program, dict):
        raise BadDefinition("SCHEMA_VALIDATION_FAILED: the definition is not an object")
    if program.get("QueryLanguage") != "JSONata":
        raise BadDefinition(
            'the local cloud runs state machines in JSONata only; say "QueryLanguage": "JSONata" at the top'
        )
    _check_program(program, "")
    return program


def _check_program(program: Mapping[str, Any], where: str) -> None:
    states = program.get("States")
    if not isinstance(states, dict) or program.get("StartAt") not in states:
        raise BadDefinition(f"MISSING_TRANSITION_TARGET: StartAt of /{where} names no state")
    for name, state in states.items():
        path = f"{where}States/{name}"
        if state.get("Type") not in STATE_TYPES:
            raise BadDefinition(
                f"SCHEMA_VALIDATION_FAILED: /{path} has the unknown Type {state.get('Type')!r}"
            )
        if state.get("QueryLanguage", "JSONata") != "JSONata":
            raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: /{path} is not in JSONata")
        if state["Type"] not in WITHOUT_NEXT and ("Next" in state) == bool(state.get("End")):
            raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: /{path} needs either Next or End")
        for target in _targets(state):
            if target not in states:
                raise BadDefinition(
                    f"MISSING_TRANSITION_TARGET: /{path} goes to {target!r}, which is no state"
                )
        _check_fields(state, path)
        for index, branch in enumerate(state.get("Branches", ())):
            _check_program(branch, f"{path}/Branches[{index}]/")
        if state["Type"] == "Map":
            _check_program(state.get("ItemProcessor", {}), f"{path}/ItemProcessor/")


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    for rule in (state, *state.get("Catch", ()), *state.get("Choices", ())):
        if "Next" in rule:
            yield rule["Next"]
    if "Default" in state:
        yield state["Default"]


def _check_fields(state: Mapping[str, Any], path: str) -> None:
    own = {key: value for key, value in state.items() if key not in ("Branches", "ItemProcessor")}
    try:
        check_syntax(own)
        if state["Type"] == "Task":
            Resource.parse(state.get("Resource", ""))
    except ValueError as error:
        raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: /{path}: {error}") from error
    for index, rule in enumerate(state.get("Choices", ())):
        if "Condition" not in rule or "Next" not in rule:
            raise BadDefinition(
                f"SCHEMA_VALIDATION_FAILED: /{path}/Choices[{index}] needs Condition and Next"
            )
