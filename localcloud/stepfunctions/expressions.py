"""JSONata in state machines: `{% ... %}` strings evaluated with `$states` and the variables.

Source: Step Functions developer guide, "Transforming data with JSONata in Step Functions".
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

from localcloud.stepfunctions.failures import StateFailed

OPEN, CLOSE = "{%", "%}"
_UNDEFINED = object()


def evaluate(template: Any, bindings: Mapping[str, Any], field: str) -> Any:  # JSON
    """Return a JSON value in which every `{% %}` string is replaced by its result.

    `bindings` are the variables, including `states`, without the dollar. Raises StateFailed with
    States.QueryEvaluationError, naming `field`, if an expression fails or has no value.
    """
    if isinstance(template, str) and template.startswith(OPEN) and template.endswith(CLOSE):
        return _evaluate(template[len(OPEN) : -len(CLOSE)], bindings, field)
    if isinstance(template, dict):
        return {key: evaluate(value, bindings, f"{field}/{key}") for key, value in template.items()}
    if isinstance(template, list):
        return [evaluate(value, bindings, f"{field}[{index}]") for index, value in enumerate(template)]
    return template


def expressions(template: Any) -> Iterator[str]:  # JSON
    """Yield the JSONata in every `{% %}` string of a JSON value."""
    if isinstance(template, str) and template.startswith(OPEN) and template.endswith(CLOSE):
        yield template[len(OPEN) : -len(CLOSE)]
    elif isinstance(template, dict):
        for value in template.values():
            yield from expressions(value)
    elif isinstance(template, list):
        for value in template:
            yield from expressions(value)


def _evaluate(expression: str, bindings: Mapping[str, Any], field: str) -> Any:  # JSON
    try:
        compiled = Jsonata(expression)
        compiled.output_convert_nulls = False  # distinguishes null from "no value"
        frame = compiled.create_frame()
        for name, function in FUNCTIONS.items():
            frame.bind(name, Jsonata.JLambda(function))
        for name, value in bindings.items():
            if f"${name}" in expression:  # copying all of them in each of 1,000 iterations is slow
                frame.bind(name, _to_jsonata(value))
        value = _from_jsonata(compiled.evaluate(None, frame))
    except Exception as error:
        raise StateFailed(
            "States.QueryEvaluationError",
            f"The JSONata expression '{expression.strip()}' specified for the field '{field}' threw an error "
            f"during evaluation. {error}",
        ) from error
    if value is _UNDEFINED:
        raise StateFailed(
            "States.QueryEvaluationError",
            f"The JSONata expression '{expression.strip()}' specified for the field '{field}' returned "
            "nothing (undefined).",
        )
    return value


def _to_jsonata(value: Any) -> Any:  # JSON
    """Return a copy with jsonata-python's null, because its None means "no value"."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _to_jsonata(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_to_jsonata(inner) for inner in value]
    return value


def _from_jsonata(value: Any) -> Any:  # JSON
    if value is None:
        return _UNDEFINED
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, dict):
        members = {str(key): _from_jsonata(inner) for key, inner in value.items()}
        return {key: inner for key, inner in members.items() if inner is not _UNDEFINED}
    if isinstance(value, list | tuple):
        return [inner for inner in map(_from_jsonata, value) if inner is not _UNDEFINED]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str | int | float):
        return value
    raise TypeError("the result is a function, not JSON")


def _partition(array: list[Any], size: int) -> list[list[Any]]:
    return [array[start : start + int(size)] for start in range(0, len(array), int(size))]


def _range(first: int, last: int, step: int) -> list[int]:
    return list(range(int(first), int(last) + (1 if step > 0 else -1), int(step)))


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("SHA-", "sha").lower(), text.encode()).hexdigest()


def _random(seed: float | None = None) -> float:
    return random.Random(seed).random()  # noqa: S311  # not used for security


def _parse(text: str) -> Any:  # JSON
    return _to_jsonata(json.loads(text))


# Functions that Step Functions adds to JSONata or replaces.
FUNCTIONS = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse,
}
