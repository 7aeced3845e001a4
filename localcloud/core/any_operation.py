"""Calls any operation with JSON in and out, as Step Functions' and Scheduler's AWS SDK targets do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.response import StreamingBody

# Service names in aws-sdk ARNs that differ from botocore's.
SDK_SERVICES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
}


class NoSuchOperation(Exception):
    """The service has no operation of this name."""


def call_as_json(client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:  # JSON
    """Return the response of an operation, named as in AWS SDK ARNs: startExecution.

    Raises NoSuchOperation and the client's errors.
    """
    method = xform_name(operation[0].upper() + operation[1:])
    by_method: dict[str, str] = client.meta.method_to_api_mapping
    if method not in by_method:
        raise NoSuchOperation(f"{client.meta.service_model.service_name} has no operation {operation}")
    model = client.meta.service_model.operation_model(by_method[method])
    params = to_request(arguments, model.input_shape) if model.input_shape else {}
    answer = getattr(client, method)(**params)
    answer.pop("ResponseMetadata", None)
    return from_response(answer, model.output_shape)


def to_request(value: Any, shape: Shape) -> Any:  # JSON
    """Convert a JSON value to botocore's input: member names in the shape's case, blobs as bytes."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        named = {members.get(key.lower(), key): inner for key, inner in value.items()}
        return {
            key: to_request(inner, shape.members[key]) if key in shape.members else inner
            for key, inner in named.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_request(inner, shape.member) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_request(inner, shape.value) for key, inner in value.items()}
    if shape.type_name == "blob" and not isinstance(value, bytes):
        return (value if isinstance(value, str) and not _is_payload(shape) else _text(value)).encode()
    if shape.type_name == "string" and not isinstance(value, str):
        return _text(value)
    return value


def _is_payload(shape: Shape) -> bool:
    return shape.name == "Blob" and bool(
        shape.metadata.get("sensitive")
    )  # only lambda:invoke's Payload is JSON


def from_response(value: Any, shape: Shape | None) -> Any:  # JSON
    """Convert botocore's response to JSON as Step Functions does: PascalCase, times in ISO 8601."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            key[0].upper() + key[1:]: from_response(inner, shape.members.get(key))
            for key, inner in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_response(inner, shape.member) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: from_response(inner, shape.value) for key, inner in value.items()}
    if isinstance(value, StreamingBody):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
