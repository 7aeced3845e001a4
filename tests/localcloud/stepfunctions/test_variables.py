"""Variables that Step Functions refuses in a definition, and a second implementation of their scope."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.core.cloud import AwsError
from localcloud.stepfunctions.references import references
from localcloud.stepfunctions.variables import unassigned_on_some_path, variable_problems

Program = dict[str, Any]
IN_OUTER_SCOPE = "cannot have the same name as one assigned in an outer scope"


def passes(**fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", **({} if "Next" in fields else {"End": True}), **fields}


def program(**states: Any) -> Program:
    return {"StartAt": next(iter(states)), "States": states}


def parallel(*branches: Program, **fields: Any) -> dict[str, Any]:
    return {**passes(**fields), "Type": "Parallel", "Branches": list(branches)}


def each(processor: Program, **fields: Any) -> dict[str, Any]:
    return {**passes(**fields), "Type": "Map", "Items": [1], "ItemProcessor": processor}


def task(**fields: Any) -> dict[str, Any]:
    call = {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}}
    return {**passes(**fields), "Type": "Task", **call}


def caught(**fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "Next": "End", **fields}]


ASSIGNS = passes(Assign={"x": 1})
REFERS = passes(Output="{% $x %}")
CHOICE = {
    "Type": "Choice",
    "Choices": [{"Condition": "{% true %}", "Next": "End", "Assign": {"x": 1}}],
    "Default": "End",
}
REFUSED = {
    "a branch assigns what is assigned before it": (
        program(A=passes(Assign={"x": 0}, Next="P"), P=parallel(program(B=ASSIGNS))),
        IN_OUTER_SCOPE,
    ),
    "a branch assigns what is assigned after it": (
        program(P=parallel(program(B=ASSIGNS), Next="A"), A=ASSIGNS),
        IN_OUTER_SCOPE,
    ),
    "a branch assigns what its own state assigns": (
        program(P=parallel(program(B=ASSIGNS), Assign={"x": 0})),
        IN_OUTER_SCOPE,
    ),
    "a branch assigns what its own state's Catch assigns": (
        program(P=parallel(program(B=ASSIGNS), Catch=caught(Assign={"x": 0}), Next="End"), End=passes()),
        IN_OUTER_SCOPE,
    ),
    "an iteration assigns an outer variable": (
        program(A=passes(Assign={"x": 0}, Next="M"), M=each(program(B=ASSIGNS))),
        IN_OUTER_SCOPE,
    ),
    "a Catch in a branch assigns an outer variable": (
        program(
            A=passes(Assign={"x": 0}, Next="P"),
            P=parallel(program(B=task(Catch=caught(Assign={"x": 1}), Next="End"), End=passes())),
        ),
        r"B/Catch\[0\]/Assign .*" + IN_OUTER_SCOPE,
    ),
    "a rule of a Choice in a branch assigns an outer variable": (
        program(A=passes(Assign={"x": 0}, Next="P"), P=parallel(program(C=CHOICE, End=passes()))),
        r"C/Choices\[0\]/Assign .*" + IN_OUTER_SCOPE,
    ),
    "a branch within an iteration assigns the outermost variable": (
        program(A=passes(Assign={"x": 0}, Next="M"), M=each(program(P=parallel(program(B=ASSIGNS))))),
        IN_OUTER_SCOPE,
    ),
    "no state assigns the variable": (program(A=REFERS), r"A/Output refers to \$x"),
    "a state refers to the variable it assigns itself": (
        program(A=passes(Assign={"x": "{% $x + 1 %}"})),
        r"A/Assign refers to \$x",
    ),
    "only a branch assigns the variable": (
        program(P=parallel(program(B=ASSIGNS), Next="A"), A=REFERS),
        r"A/Output refers to \$x",
    ),
    "only the other branch assigns the variable": (
        program(P=parallel(program(B=ASSIGNS), program(C=REFERS))),
        r"C/Output refers to \$x",
    ),
    "the variable is assigned on the way of an error only": (
        program(T=task(Catch=caught(Assign={"x": 1}), Next="A"), A=REFERS, End=passes()),
        r"A/Output refers to \$x",
    ),
    "the variable is assigned later": (
        program(A=passes(Output="{% $x %}", Next="B"), B=ASSIGNS),
        r"A/Output refers to \$x",
    ),
    "a distributed Map refers to an outer variable": (
        program(
            A=passes(Assign={"x": 0}, Next="M"),
            M=each(
                {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **program(B=REFERS)}
            ),
        ),
        r"B/Output refers to \$x",
    ),
    "the reserved name": (program(A=passes(Assign={"states": 1})), "reserved variable states"),
    "a name with a hyphen": (program(A=passes(Assign={"a-b": 1})), "not a Unicode identifier"),
    "a name that begins with a digit": (program(A=passes(Assign={"1a": 1})), "not a Unicode identifier"),
    "a name that begins with an underscore": (
        program(A=passes(Assign={"_a": 1})),
        "not a Unicode identifier",
    ),
    "an empty name": (program(A=passes(Assign={"": 1})), "not a Unicode identifier"),
    "a long name": (program(A=passes(Assign={"a" * 81: 1})), "longer than 80 characters"),
    "errorOutput outside Catch": (
        program(A=passes(Output="{% $states.errorOutput %}")),
        r"\$states.errorOutput, which exists in Catch only",
    ),
    "result of a state that has none": (
        program(A=passes(Output="{% $states.result %}")),
        r"\$states.result, which has no value",
    ),
    "result in Arguments": (
        program(A={**task(), "Arguments": "{% $states.result.a %}"}),
        r"A/Arguments refers to \$states.result",
    ),
    "result in Catch": (
        program(T=task(Catch=caught(Output="{% $states.result %}"), Next="End"), End=passes()),
        r"Catch\[0\]/Output refers to \$states.result",
    ),
    "$eval": (program(A=passes(Output="{% $eval('1') %}")), r"\$eval"),
}
ACCEPTED = {
    "two branches with a variable of the same name": program(
        P=parallel(program(B=ASSIGNS), program(C=ASSIGNS))
    ),
    "a branch that refers to an outer variable": program(
        A=passes(Assign={"x": 0}, Next="P"), P=parallel(program(B=REFERS))
    ),
    "a loop that counts": program(
        A=passes(Assign={"x": 0}, Next="B"),
        B=passes(Assign={"x": "{% $x + 1 %}"}, Next="C"),
        C={"Type": "Choice", "Choices": [{"Condition": "{% $x < 3 %}", "Next": "B"}], "Default": "End"},
        End=passes(),
    ),
    "a variable that an expression binds": program(
        A=passes(Output="{% ($x := 1; $map([1], function($v) {$v + $x})) %}")
    ),
    "errorOutput in Catch, result at the end": program(
        T=task(
            Assign={"x": "{% $states.result %}"},
            Catch=caught(Assign={"y": "{% $states.errorOutput %}"}, Output="{% $states.errorOutput.Error %}"),
            Next="End",
        ),
        End=passes(),
    ),
    "names in other scripts": program(A=passes(Assign={"größe": 1, "a" * 80: 2, "変数": 3})),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_definition_is_refused_when_it_is_created_updated_or_validated(machines: Any, name: str) -> None:
    refused, reason = REFUSED[name]
    text = json.dumps({"QueryLanguage": "JSONata", **refused})
    with pytest.raises(AwsError, match=reason) as created:
        machines.create(refused)
    assert created.value.code == "InvalidDefinition"
    existing = machines.create(program(A=passes()))
    with pytest.raises(AwsError, match=reason):
        machines("UpdateStateMachine", stateMachineArn=existing, definition=text)
    validated = machines("ValidateStateMachineDefinition", definition=text)
    assert (validated["result"], validated["diagnostics"][0]["severity"]) == ("FAIL", "ERROR")


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_definition_is_accepted(machines: Any, name: str) -> None:
    assert machines.create(ACCEPTED[name])


@pytest.mark.parametrize(
    ("expression", "variables", "states"),
    [
        ("$a.b[$c = 1].$d", {"a", "c", "d"}, set()),
        ("{'k': $a, $b: [$c, -$d]}", {"a", "b", "c", "d"}, set()),
        ("$a ? $b : $c", {"a", "b", "c"}, set()),
        ("$sort($a, function($l, $r) {$l > $r and $b})", {"a", "b"}, set()),
        ("$a ~> $sum", {"a"}, set()),
        ("$a@$v#$i.{'n': $v & $i & $b}", {"a", "b"}, set()),
        ("$a{$b: $c}", {"a", "b", "c"}, set()),
        ("$a^(>$b)", {"a", "b"}, set()),
        ("$a ~> |$b|{'x': $c}|", {"a", "b", "c"}, set()),
        ("$states.input.a & $states.context.State.Name", set(), {"input", "context"}),
        ("'$a' & $exists($b)", {"b"}, set()),
    ],
)
def test_references_are_found_wherever_jsonata_allows_them(
    expression: str, variables: set[str], states: set[str]
) -> None:
    found = references({"deep": [f"{{% {expression} %}}"]})
    assert (found.variables, found.states) == (variables, states)


# A second implementation: walks every path with the variables that have a value, as an execution would.
# The random programs have no loops, so every path ends.

NAMES = st.sampled_from(["x", "y", "z"])


@st.composite
def programs(draw: st.DrawFn, depth: int = 2) -> Program:
    count = draw(st.integers(1, 4))
    states: Program = {}
    for number in range(count):
        assign = dict.fromkeys(draw(st.sets(NAMES, max_size=1)), 1)
        refers = draw(st.sets(NAMES, max_size=1))
        state: dict[str, Any] = {
            "Type": "Pass",
            "Assign": assign,
            "Output": [f"{{% ${name} %}}" for name in refers],
        }
        kind = draw(st.sampled_from(["Pass", "Choice", "Parallel", "Map"] if depth else ["Pass", "Choice"]))
        state["Type"] = kind
        later = [f"s{index}" for index in range(number + 1, count)]
        if kind == "Choice" and later:
            rule = {"Condition": "{% true %}", "Next": draw(st.sampled_from(later))}
            if draw(st.booleans()):
                rule["Assign"] = {draw(NAMES): 1}
            state |= {"Choices": [rule], "Default": f"s{number + 1}"}
        else:
            state["Type"] = "Pass" if kind == "Choice" else kind
            state |= {"Next": later[0]} if later else {"End": True}
        if kind == "Parallel":
            state["Branches"] = draw(st.lists(programs(depth=depth - 1), min_size=1, max_size=2))
        if kind == "Map":
            state["ItemProcessor"] = draw(programs(depth=depth - 1))
        states[f"s{number}"] = state
    return {"StartAt": "s0", "States": states}


def inner_programs(state: dict[str, Any]) -> Iterator[Program]:
    yield from state.get("Branches", [])
    if "ItemProcessor" in state:
        yield state["ItemProcessor"]


def clashes(tree: Program, outer: frozenset[str] = frozenset()) -> bool:
    """Whether a program assigns what one around it assigns, found in the text of the programs."""
    bare = copy.deepcopy(tree)
    for state in bare["States"].values():
        state.pop("Branches", None)
        state.pop("ItemProcessor", None)
    own = {
        name
        for state in bare["States"].values()
        for rule in (state, *state.get("Choices", []))
        for name in rule.get("Assign", {})
    }
    inner = [each for state in tree["States"].values() for each in inner_programs(state)]
    return bool(own & outer) or any(clashes(each, outer | own) for each in inner)


def outcomes_of(tree: Program, values: frozenset[str]) -> dict[tuple[Any, ...], set[bool]]:
    """Return whether each reference had a value, over all paths: {(place, name): {True, False}}."""
    seen: dict[tuple[Any, ...], set[bool]] = {}

    def walk(inner: Program, name: str | None, held: frozenset[str], place: tuple[Any, ...]) -> None:
        if name is None:
            return
        state = inner["States"][name]
        for expression in state["Output"]:
            variable = expression.split("$")[1][0]
            seen.setdefault((*place, name, variable), set()).add(variable in held)
        for index, program_ in enumerate(inner_programs(state)):
            walk(program_, program_["StartAt"], held, (*place, name, index))
        for rule in state.get("Choices", []):
            walk(inner, rule["Next"], held | set(rule.get("Assign", {})), place)
        walk(inner, state.get("Default", state.get("Next")), held | set(state["Assign"]), place)

    walk(tree, tree["StartAt"], values, ())
    return seen


@settings(max_examples=300, deadline=None)
@given(programs())
def test_the_static_check_agrees_with_a_walk_of_every_path(tree: Program) -> None:
    problems = list(variable_problems(tree))
    seen = outcomes_of(tree, frozenset())
    never = [reference for reference, outcomes in seen.items() if outcomes == {False}]
    sometimes = [reference for reference, outcomes in seen.items() if False in outcomes]
    assert any(IN_OUTER_SCOPE in problem for problem in problems) == clashes(tree)
    assert sum("refers to" in problem for problem in problems) == len(never)
    assert len(list(unassigned_on_some_path(tree))) == len(sometimes)
