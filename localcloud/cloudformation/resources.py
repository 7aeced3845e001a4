"""Resource types: how to create, update and delete a resource through AWS's own APIs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.core.partitions import global_arn, regional_arn
from localcloud.core.role_clients import Clients


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that exists."""

    ref: str  # what Ref returns
    attributes: Mapping[str, Any] = field(default_factory=dict)  # what GetAtt returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The requested state of a resource."""

    clients: Clients
    properties: Mapping[str, Any]
    stack_name: str
    logical_id: str
    account_id: str
    region: str
    adopts: bool  # whether to adopt a resource of the same name, kept from an earlier run
    before: Resource | None = None  # set for updates and deletions

    def client(self, service: str) -> Any:  # any service's
        """Return a client in the stack's account and Region."""
        return self.clients.of_account(self.account_id, service, self.region)

    def call(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Call an operation with the properties that it supports, in its spelling; `params` take precedence.

        Parameters that are None are omitted.
        """
        client = self.client(service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        fitting = fit(self.properties, shape) if shape else {}
        chosen = {key: value for key, value in {**fitting, **params}.items() if value is not None}
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**chosen)
        return answer

    def name(self, prop: str, longest: int = 64) -> str:
        """Return the physical name: the given one, the existing one, or stack, logical id and a random
        suffix."""
        if prop in self.properties:
            return str(self.properties[prop])
        if self.before:
            return self.before.ref
        suffix = secrets.token_hex(6)
        return f"{f'{self.stack_name}-{self.logical_id}'[: longest - 13]}-{suffix}"

    def arn(self, service: str, rest: str) -> str:
        """Return an ARN in the stack's account and Region."""
        return regional_arn(service, self.region, self.account_id, rest)

    def global_arn(self, service: str, rest: str) -> str:
        """Return an ARN in the stack's account, without a Region."""
        return global_arn(service, self.region, self.account_id, rest)

    def tags(self) -> dict[str, str] | None:
        """Return the Tags property as a mapping, from a list or a mapping; None without tags."""
        tags = self.properties.get("Tags")
        if isinstance(tags, list):
            return {tag["Key"]: tag["Value"] for tag in tags} or None
        return dict(tags) if tags else None

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]] | None:
        """Return the Tags property as a list in an API's spelling; None without tags."""
        tags = self.tags()
        return [{key: k, value: v} for k, v in tags.items()] if tags else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """Functions that create, update and delete resources of a type."""

    create: Callable[[Request], Resource]
    update: Callable[[Request], Resource] | None = (
        None  # None: `create` is called again, over the old resource
    )
    delete: Callable[[Request], object] | None = None  # None: forgotten
    names: tuple[str, ...] = ()  # properties whose change requires replacement


def fit(value: Any, shape: Shape) -> Any:  # JSON
    """Return the part of a CloudFormation value that an API's shape has, in its spelling and types.

    CloudFormation sometimes has numbers and booleans as strings, always has names in PascalCase, and has
    policy documents as objects where the API requires text.
    """
    if isinstance(shape, StructureShape):
        members = {name.lower(): name for name in shape.members}
        if not isinstance(value, Mapping):
            return value
        return {
            members[key.lower()]: fit(inner, shape.members[members[key.lower()]])
            for key, inner in value.items()
            if key.lower() in members
        }
    if isinstance(shape, ListShape):
        return [fit(inner, shape.member) for inner in (value if isinstance(value, list) else [value])]
    if isinstance(shape, MapShape):
        return (
            {key: fit(inner, shape.value) for key, inner in value.items()}
            if isinstance(value, dict)
            else value
        )
    match shape.type_name:
        case "string":
            return json.dumps(value) if isinstance(value, dict | list) else _text(value)
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "blob":
            return value.encode() if isinstance(value, str) else value
    return value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
