"""Validates workflow variables when a definition is created.

Source: Step Functions developer guide, "Passing data between states with variables" and "Transforming data
with JSONata in Step Functions"; the Amazon States Language.

One rule is stricter than AWS, which fails only when the expression runs: some state on a path to the state
that refers to a variable must assign it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.stepfunctions.references import references

LONGEST_NAME = 80  # characters
RESERVED = "states"
WITH_RESULT = frozenset({"Task", "Parallel", "Map"})
# Fields that hold no expressions of this state, but other rules or states of an inner scope.
NOT_EVALUATED = frozenset({"Branches", "ItemProcessor", "Catch", "Choices", "Retry", "Comment", "Next"})
Program = Mapping[str, Any]
Names = frozenset[str]


def variable_problems(program: Program, where: str = "") -> Iterator[str]:
    """Yield the problems in a definition's variables; every message names the field.

    The definition must have passed `definition.parse_definition`'s other checks.
    """
    yield from _problems(program, where, outer=frozenset(), readable=frozenset())


def unassigned_on_some_path(program: Program) -> Iterator[str]:
    """Yield references to variables that one path to the state assigns and another does not.

    AWS accepts such definitions, but an execution that takes the other path fails.
    """
    yield from _sometimes(program, "", frozenset())


@dataclass(frozen=True, slots=True)
class _Transition:
    source: str
    target: str | None  # None where the program ends
    assigned: Names


def _problems(program: Program, where: str, *, outer: Names, readable: Names) -> Iterator[str]:
    """`outer`: names that enclosing programs assign; `readable`: those that can have a value here."""
    own = _assigned_in(program)
    at_entry = _on_some_path(program, readable)
    for name, state in program["States"].items():
        path = f"{where}/States/{name}"
        for field, template in _assigns(state):
            yield from _name_problems(template, f"{path}/{field}", outer)
        for field, template in _fields(state):
            for variable in sorted(references(template).variables - at_entry[name]):
                yield f"{path}/{field} refers to ${variable}, {_why(variable, own)}"
        yield from _states_problems(state, path)
        for inner_where, inner in _inner(state, path):
            yield from _problems(
                inner,
                inner_where,
                outer=outer | own,
                readable=frozenset() if _is_distributed(inner) else at_entry[name],
            )


def _why(variable: str, own: Names) -> str:
    if variable in own:
        return "which no state on a path to it assigns"
    return "which no state of its scope or of an outer scope assigns before it"


def _name_problems(assign: Mapping[str, Any], path: str, outer: Names) -> Iterator[str]:
    for name in assign:
        if name == RESERVED:
            yield f"{path} assigns the reserved variable states"
        elif len(name) > LONGEST_NAME:
            yield f"{path} assigns {name[:20]}..., which is longer than {LONGEST_NAME} characters"
        elif not name.isidentifier() or name.startswith("_"):
            yield f"{path} assigns {name!r}, which is not a Unicode identifier (UAX #31)"
        elif name in outer:
            yield (
                f"{path} assigns {name}: a variable assigned in an inner scope cannot have the same name as "
                "one assigned in an outer scope"
            )


def _states_problems(state: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield misuses of $states: `result` exists only in Output and Assign, `errorOutput` only in Catch."""
    for field, template in _fields(state):
        members = references(template).states
        of_catch, at_end = field.startswith("Catch["), field in ("Output", "Assign")
        if "errorOutput" in members and not of_catch:
            yield f"{path}/{field} refers to $states.errorOutput, which exists in Catch only"
        if "result" in members and not (at_end and state["Type"] in WITH_RESULT):
            yield f"{path}/{field} refers to $states.result, which has no value there"
        if "eval" in references(template).functions:
            yield f"{path}/{field} calls $eval, which Step Functions does not support; use $parse"


def _fields(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every field that is evaluated in the state's own scope."""
    for field, template in state.items():
        if field not in NOT_EVALUATED:
            yield field, template
    for group in ("Catch", "Choices"):
        for index, rule in enumerate(state.get(group, ())):
            for field, template in rule.items():
                if field not in NOT_EVALUATED:
                    yield f"{group}[{index}]/{field}", template


def _assigns(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for rules, prefix in (
        ([state], ""),
        (state.get("Catch", ()), "Catch"),
        (state.get("Choices", ()), "Choices"),
    ):
        for index, rule in enumerate(rules):
            if "Assign" in rule:
                yield (f"{prefix}[{index}]/Assign" if prefix else "Assign"), rule["Assign"]


def _assigned_in(program: Program) -> Names:
    """Return the variables that a program assigns in its own scope, without branches and iterations."""
    return frozenset(
        name for state in program["States"].values() for _, assign in _assigns(state) for name in assign
    )


def _inner(state: Mapping[str, Any], path: str) -> Iterator[tuple[str, Program]]:
    for index, branch in enumerate(state.get("Branches", ())):
        yield f"{path}/Branches[{index}]", branch
    if "ItemProcessor" in state:
        yield f"{path}/ItemProcessor", state["ItemProcessor"]


def _is_distributed(program: Program) -> bool:
    return bool(program.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def _transitions(program: Program) -> Iterator[_Transition]:
    for name, state in program["States"].items():
        assigned = frozenset(state.get("Assign", {}))
        if state["Type"] == "Choice":
            if "Default" in state:
                yield _Transition(name, state["Default"], assigned)
        else:
            yield _Transition(name, state.get("Next"), assigned)
        for rule in (*state.get("Catch", ()), *state.get("Choices", ())):
            yield _Transition(name, rule["Next"], frozenset(rule.get("Assign", {})))


def _on_some_path(program: Program, at_start: Names) -> dict[str, Names]:
    """Return, per state, the variables that can have a value on entry."""
    entry: dict[str, Names] = dict.fromkeys(program["States"], frozenset()) | {program["StartAt"]: at_start}
    transitions = [each for each in _transitions(program) if each.target]
    changed = True
    while changed:
        changed = False
        for each in transitions:
            found = entry[each.target or ""] | entry[each.source] | each.assigned
            changed = changed or found != entry[each.target or ""]
            entry[each.target or ""] = found
    return entry


def _on_every_path(program: Program, at_start: Names) -> dict[str, Names]:
    """Return, per state, the variables that always have a value on entry."""
    everything = at_start | _assigned_in(program)
    entry = dict.fromkeys(program["States"], everything) | {program["StartAt"]: at_start}
    transitions = [each for each in _transitions(program) if each.target]
    changed = True
    while changed:
        changed = False
        for each in transitions:
            found = entry[each.target or ""] & (entry[each.source] | each.assigned)
            changed = changed or found != entry[each.target or ""]
            entry[each.target or ""] = found
    return entry


def _sometimes(program: Program, where: str, readable: Names) -> Iterator[str]:
    at_entry = _on_every_path(program, readable)
    for name, state in program["States"].items():
        path = f"{where}/States/{name}"
        for field, template in _fields(state):
            for variable in sorted(references(template).variables - at_entry[name]):
                yield f"{path}/{field} refers to ${variable}, which some path to it does not assign"
        for inner_where, inner in _inner(state, path):
            yield from _sometimes(inner, inner_where, at_entry[name])
