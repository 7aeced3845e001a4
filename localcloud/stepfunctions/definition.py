"""Parses and validates a state machine's definition as Step Functions does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.stepfunctions.fields import FIELDS, name_problems, program_problems, state_problems
from localcloud.stepfunctions.integrations import Resource
from localcloud.stepfunctions.references import references
from localcloud.stepfunctions.variables import variable_problems

WITHOUT_NEXT = frozenset({"Choice", "Succeed", "Fail"})
LARGEST_DEFINITION = 1_048_576  # bytes; source: CreateStateMachine, definition
# Not supported by this interpreter, and refused: it would run the state without the field.
NOT_HERE = ("ItemReader", "ItemBatcher", "ResultWriter")


class BadDefinition(ValueError):
    """The definition cannot run; the message begins with a code and names the state."""


def parse_definition(text: str, partition: str = "aws") -> dict[str, Any]:
    """Return a definition that the interpreter can run in a Region of `partition`; raises BadDefinition."""
    if len(text.encode()) > LARGEST_DEFINITION:
        raise BadDefinition(f"INVALID_JSON_DESCRIPTION: more than {LARGEST_DEFINITION} bytes")
    try:
        program = json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as error:
        raise BadDefinition(f"INVALID_JSON_DESCRIPTION: {error}") from error
    if not isinstance(program, dict):
        raise BadDefinition("SCHEMA_VALIDATION_FAILED: the definition is not an object")
    if program.get("QueryLanguage") != "JSONata":
        raise BadDefinition(
            'the local cloud supports only JSONata; set "QueryLanguage": "JSONata" at the top level'
        )
    _check_program(program, "", partition, {"Version", "TimeoutSeconds"})
    _refuse(name_problems(list(_names(program))), "")
    _refuse(variable_problems(program), "")
    return program


def _check_program(program: Mapping[str, Any], where: str, partition: str, extra: set[str]) -> None:
    states = program.get("States")
    if not isinstance(states, dict) or program.get("StartAt") not in states:
        raise BadDefinition(f"MISSING_TRANSITION_TARGET: StartAt of {where or '/'} names no state")
    _refuse(program_problems(program, extra), where or "/")
    for name, state in states.items():
        path = f"{where}/States/{name}"
        if not isinstance(state, dict) or state.get("Type") not in FIELDS:
            raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path} has no Type of the States Language")
        if state.get("QueryLanguage", "JSONata") != "JSONata":
            raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path} is not in JSONata")
        _check_state(state, path, states, partition)
        for index, branch in enumerate(state.get("Branches", ())):
            _check_program(branch, f"{path}/Branches[{index}]", partition, set())
        if state["Type"] == "Map":
            _check_program(state["ItemProcessor"], f"{path}/ItemProcessor", partition, {"ProcessorConfig"})
    _check_reach(program, where)


def _check_state(state: Mapping[str, Any], path: str, states: Mapping[str, Any], partition: str) -> None:
    _refuse(state_problems(state), path)
    if state.get("End", True) is not True:
        raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path}: End is not true")
    if state["Type"] not in WITHOUT_NEXT and ("Next" in state) == bool(state.get("End")):
        raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path} needs either Next or End")
    for target in _targets(state):
        if target not in states:
            raise BadDefinition(f"MISSING_TRANSITION_TARGET: {path} goes to {target!r}, which is not a state")
    for field in NOT_HERE:
        if field in state:
            raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path}: the local cloud does not support {field}")
    own = {key: value for key, value in state.items() if key not in ("Branches", "ItemProcessor")}
    try:
        references(own)
        if state["Type"] == "Task":
            Resource.parse(state["Resource"], partition)
    except ValueError as error:
        raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path}: {error}") from error


def _check_reach(program: Mapping[str, Any], where: str) -> None:
    """Raise BadDefinition for unreachable states and for programs without a terminal state."""
    states, reached = program["States"], set[str]()
    following = [program["StartAt"]]
    while following:
        name = following.pop()
        if name not in reached:
            reached.add(name)
            following.extend(_targets(states[name]))
    for name in states:
        if name not in reached:
            raise BadDefinition(f"MISSING_TRANSITION_TARGET: {where}/States/{name} is not reachable")
    if not any(states[name].get("End") or states[name]["Type"] in ("Succeed", "Fail") for name in reached):
        raise BadDefinition(f"MISSING_END_STATE: {where or '/'} has no terminal state")


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    for rule in (state, *state.get("Catch", ()), *state.get("Choices", ())):
        if "Next" in rule:
            yield rule["Next"]
    if "Default" in state:
        yield state["Default"]


def _names(program: Mapping[str, Any]) -> Iterator[str]:
    for name, state in program["States"].items():
        yield name
        for branch in state.get("Branches", ()):
            yield from _names(branch)
        if "ItemProcessor" in state:
            yield from _names(state["ItemProcessor"])


def _refuse(problems: Iterable[str], path: str) -> None:
    for problem in problems:
        raise BadDefinition(f"SCHEMA_VALIDATION_FAILED: {path}{': ' * bool(path)}{problem}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"an object has a duplicate member: {sorted(name for name, _ in pairs)}")
    return found
