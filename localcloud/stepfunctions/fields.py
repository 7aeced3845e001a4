"""Validates the fields of states and their values when a definition is created.

Source: the Amazon States Language, and Step Functions developer guide, "State machine structure", "Task
workflow state" to "Map workflow state" and "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_NAME = 80  # characters
MOST_SECONDS = 99_999_999
MOST_ATTEMPTS = 99_999_999
LONGEST_DELAY = 31_622_400  # seconds; MaxDelaySeconds must be less

_ALL = {"Type", "Comment", "QueryLanguage"}
_LEAVING = {"Next", "End", "Output", "Assign"}
_FAILING = {"Retry", "Catch"}
# JSONata's fields; JSONPath's (InputPath, Parameters, ResultPath, ...) are refused like unknown ones.
FIELDS: Mapping[str, set[str]] = {
    "Task": {
        "Resource", "Arguments", "Credentials", "TimeoutSeconds", "HeartbeatSeconds", *_LEAVING, *_FAILING,
    },
    "Pass": _LEAVING,
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Wait": {"Seconds", "Timestamp", *_LEAVING},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
    "Parallel": {"Branches", "Arguments", *_LEAVING, *_FAILING},
    "Map": {
        "Items", "ItemSelector", "ItemProcessor", "ItemReader", "ItemBatcher", "ResultWriter", "Label",
        "MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage", *_LEAVING, *_FAILING,
    },
}  # fmt: skip
REQUIRED = {
    "Task": {"Resource"},
    "Choice": {"Choices"},
    "Parallel": {"Branches"},
    "Map": {"ItemProcessor"},
}
RULE_FIELDS = {
    "Choices": {"Condition", "Next", "Output", "Assign", "Comment"},
    "Catch": {"ErrorEquals", "Next", "Output", "Assign", "Comment"},
    "Retry": {
        "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy",
        "Comment",
    },
}  # fmt: skip
RULE_REQUIRED = {"Choices": {"Condition", "Next"}, "Catch": {"ErrorEquals", "Next"}, "Retry": {"ErrorEquals"}}
PROGRAM_FIELDS = {"Comment", "StartAt", "States", "QueryLanguage"}
Fields = Mapping[str, Any]


def program_problems(program: Fields, extra: set[str]) -> Iterator[str]:
    """Yield problems with unsupported fields; `extra` are the additional fields of this kind of program."""
    for field in sorted(set(program) - PROGRAM_FIELDS - extra):
        yield f"Field {field} is not supported"


def state_problems(state: Fields) -> Iterator[str]:
    """Yield the problems in the fields of a state with a valid Type."""
    kind = state["Type"]
    for field in sorted(set(state) - FIELDS[kind] - _ALL):
        yield f"Field {field} is not supported in a {kind} state in JSONata"
    for field in sorted(REQUIRED.get(kind, set()) - set(state)):
        yield f"a {kind} state needs {field}"
    for group in RULE_FIELDS:
        if group in state:
            yield from _rule_problems(group, state[group])
    if not isinstance(state.get("Assign", {}), Mapping):
        yield "Assign is not an object"
    match kind:
        case "Task":
            yield from _timeout_problems(state)
        case "Wait":
            if ("Seconds" in state) == ("Timestamp" in state):
                yield "a Wait state needs either Seconds or Timestamp"
            yield from _range_problems(state, "Seconds", 0, MOST_SECONDS)
        case "Map":
            yield from _range_problems(state, "MaxConcurrency", 0, None)
            yield from _range_problems(state, "ToleratedFailureCount", 0, None)
            yield from _range_problems(state, "ToleratedFailurePercentage", 0, 100, whole=False)
        case "Parallel" if not state.get("Branches"):
            yield "Branches is empty"
        case "Choice" if not state.get("Choices"):
            yield "Choices is empty"


def name_problems(names: Sequence[str]) -> Iterator[str]:
    """Yield the problems in all state names of a definition, including inner ones."""
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"the state name {name!r} occurs more than once in the state machine"
        if not 1 <= len(name) <= LONGEST_NAME:
            yield f"the state name {name[:20]!r}... is not 1 to {LONGEST_NAME} characters long"


def _rule_problems(group: str, rules: Any) -> Iterator[str]:  # JSON
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        yield f"{group} is not an array of objects"
        return
    for index, rule in enumerate(rules):
        where = f"{group}[{index}]"
        for field in sorted(set(rule) - RULE_FIELDS[group]):
            yield f"{where}: field {field} is not supported"
        for field in sorted(RULE_REQUIRED[group] - set(rule)):
            yield f"{where} needs {field}"
        if not isinstance(rule.get("Assign", {}), Mapping):
            yield f"{where}/Assign is not an object"
        if group != "Choices" and "ErrorEquals" in rule:
            yield from (f"{where}: {each}" for each in _error_problems(rule, last=index == len(rules) - 1))
        if group == "Retry":
            yield from (f"{where}: {each}" for each in _retry_problems(rule))


def _error_problems(rule: Fields, *, last: bool) -> Iterator[str]:
    errors = rule["ErrorEquals"]
    if not isinstance(errors, list) or not errors or not all(isinstance(error, str) for error in errors):
        yield "ErrorEquals is not a non-empty array of error names"
    elif "States.ALL" in errors and len(errors) > 1:
        yield "States.ALL must appear alone in ErrorEquals"
    elif "States.ALL" in errors and not last:
        yield "States.ALL must be in the last entry"


def _retry_problems(rule: Fields) -> Iterator[str]:
    yield from _range_problems(rule, "IntervalSeconds", 1, MOST_SECONDS)
    yield from _range_problems(rule, "MaxAttempts", 0, MOST_ATTEMPTS)
    yield from _range_problems(rule, "BackoffRate", 1, None, whole=False)
    yield from _range_problems(rule, "MaxDelaySeconds", 1, LONGEST_DELAY - 1)
    interval, longest = rule.get("IntervalSeconds", 1), rule.get("MaxDelaySeconds")
    if _is_number(longest) and _is_number(interval) and longest <= interval:
        yield f"MaxDelaySeconds {longest} is not greater than IntervalSeconds {interval}"
    if rule.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield "JitterStrategy is neither FULL nor NONE"


def _timeout_problems(state: Fields) -> Iterator[str]:
    yield from _range_problems(state, "TimeoutSeconds", 1, MOST_SECONDS)
    yield from _range_problems(state, "HeartbeatSeconds", 1, MOST_SECONDS)
    timeout, heartbeat = state.get("TimeoutSeconds", MOST_SECONDS), state.get("HeartbeatSeconds")
    if _is_number(timeout) and _is_number(heartbeat) and heartbeat >= timeout:
        yield f"HeartbeatSeconds {heartbeat} is not smaller than TimeoutSeconds {timeout}"


def _range_problems(
    rules: Fields, field: str, least: int, most: int | None, *, whole: bool = True
) -> Iterator[str]:
    """Yield a problem if a literal value is outside its range; expressions are evaluated later."""
    value = rules.get(field, least)
    if isinstance(value, str) and value.startswith("{%") and "ErrorEquals" not in rules:
        return
    if not _is_number(value) or (whole and not isinstance(value, int)):
        yield f"{field} is not {'an integer' if whole else 'a number'}"
    elif value < least or (most is not None and value > most):
        yield f"{field} {value} is not in the range from {least} to {most or 'infinity'}"


def _is_number(value: Any) -> bool:  # JSON
    return isinstance(value, int | float) and not isinstance(value, bool)
