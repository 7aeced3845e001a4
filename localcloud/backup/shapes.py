"""Validates requests and responses of all operations against botocore's model.

botocore's own validator checks presence and types; it ignores the patterns, enumerations and ranges that the
service enforces. Responses are validated too: a member that AWS does not send, or one of another type, is an
error of the local cloud, so no client can come to rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

from localcloud.backup.arns import AUTOMATIC_VAULT
from localcloud.backup.errors import InvalidParameterValue, MissingParameterValue

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "double": (float, int),
}


class WrongAnswer(Exception):
    """A response of the local cloud does not match the service's model."""


def check_request(operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    """Raise MissingParameterValue or InvalidParameterValue unless the parameters fit the input shape."""
    shape = operation.input_shape
    if shape is None:
        return
    missing = [name for name in shape.required_members if parameters.get(name) in (None, "")]
    if missing:
        raise MissingParameterValue(f"{', '.join(missing)}: a required parameter is missing")
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise InvalidParameterValue(report.generate_report())
    for problem in _constraints(shape, parameters, ""):
        raise InvalidParameterValue(problem)


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _constraints(member, value[name], f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        for item in value:
            yield from _constraints(shape.member, item, path)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _constraints(shape.value, item, f"{path}.{key}")
    else:
        yield from _scalar_constraints(shape.metadata, value, path)


def _scalar_constraints(rules: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    # the pattern of names does not admit the vault of EFS's automatic backups, but the service does
    if "pattern" in rules and value != AUTOMATIC_VAULT and re.search(rules["pattern"], value) is None:
        yield f"{path}: {value!r} does not match the pattern {rules['pattern']}"
    if "enum" in rules and value not in rules["enum"]:
        yield f"{path}: {value!r} is not one of {', '.join(rules['enum'])}"
    if isinstance(value, int) and not rules.get("min", value) <= value <= rules.get("max", value):
        yield f"{path}: {value} is not between {rules.get('min')} and {rules.get('max')}"


def check_answer(operation: OperationModel, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response without its None members; raises WrongAnswer if it does not match the model."""
    if operation.output_shape is None:
        if answer:
            raise WrongAnswer(f"{operation.name} has an empty response")
        return {}
    checked = _checked(operation.output_shape, answer, operation.name)
    if not isinstance(checked, dict):
        raise WrongAnswer(f"{operation.name} must return a structure")
    return checked


def _checked(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        _expect(value, (dict,), path)
        present = {name: item for name, item in value.items() if item is not None}
        unknown = set(present) - set(shape.members)
        if unknown:
            raise WrongAnswer(f"{path} has no member {', '.join(sorted(unknown))}")
        return {name: _checked(shape.members[name], item, f"{path}.{name}") for name, item in present.items()}
    if isinstance(shape, ListShape):
        _expect(value, (list,), path)
        return [_checked(shape.member, item, path) for item in value]
    if isinstance(shape, MapShape):
        _expect(value, (dict,), path)
        return {key: _checked(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    _expect(value, PYTHON_TYPES[shape.type_name], path)
    for problem in _scalar_constraints(shape.metadata, value, path):
        raise WrongAnswer(problem)
    return value


def _expect(value: Any, types: tuple[type, ...], path: str) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise WrongAnswer(f"{path} is {value!r}, not of type {types[0].__name__}")
