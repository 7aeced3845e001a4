"""Templates: evaluates their functions and sorts their resources.

Source: CloudFormation user guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

NO_VALUE = object()
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")
_RESOLVE = re.compile(r"\{\{resolve:ssm:([^:}]+)(?::\d+)?\}\}")


class TemplateError(Exception):
    """The template, or a value in it, is invalid."""


class Made(Protocol):
    """A resource that exists."""

    @property
    def ref(self) -> str:
        """What Ref returns."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What GetAtt returns."""


@dataclass(slots=True, kw_only=True)
class Values:
    """The values that the functions of a template can refer to."""

    template: Mapping[str, Any]
    pseudo: Mapping[str, str]  # AWS::Region and the like
    parameters: Mapping[str, Any]
    export: Callable[[str], str]  # the value of an export
    ssm: Callable[[str], str]  # the value of an SSM parameter
    made: dict[str, Made] = field(default_factory=dict)  # by logical id

    def value(self, node: Any) -> Any:  # JSON
        """Return a node of the template with all functions applied; NO_VALUE for AWS::NoValue."""
        if isinstance(node, dict):
            if len(node) == 1:
                name, argument = next(iter(node.items()))
                function = _FUNCTIONS.get(name)
                if function:
                    return function(self, argument)
            values = {key: self.value(inner) for key, inner in node.items()}
            return {key: inner for key, inner in values.items() if inner is not NO_VALUE}
        if isinstance(node, list):
            return [inner for inner in map(self.value, node) if inner is not NO_VALUE]
        if isinstance(node, str) and "{{resolve:" in node:
            return _RESOLVE.sub(lambda found: self.ssm(found[1]), node)
        return node

    def condition(self, node: Any) -> bool:  # JSON
        """Return whether a condition (a name or an expression) holds."""
        if isinstance(node, str):
            return self.condition(self.template["Conditions"][node])
        name, argument = next(iter(node.items()))
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = map(self.value, argument)
                return bool(left == right)
            case "Fn::Not":
                return not self.condition(argument[0])
            case "Fn::And":
                return all(map(self.condition, argument))
            case "Fn::Or":
                return any(map(self.condition, argument))
        raise TemplateError(f"{name} is not a condition")

    def wanted(self, definition: Mapping[str, Any]) -> bool:
        """Return whether the condition of a resource or output holds."""
        return "Condition" not in definition or self.condition(definition["Condition"])

    def _ref(self, name: str) -> Any:  # JSON
        if name == "AWS::NoValue":
            return NO_VALUE
        for known in (self.pseudo, self.parameters):
            if name in known:
                return known[name]
        if name in self.made:
            return self.made[name].ref
        raise TemplateError(f"Unresolved resource dependencies [{name}]")

    def _get_att(self, argument: Any) -> Any:  # JSON
        logical_id, name = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self.made.get(logical_id)
        if resource is None or name not in resource.attributes:
            raise TemplateError(f"{logical_id} has no attribute {name} here")
        return resource.attributes[name]

    def _sub(self, argument: Any) -> str:  # JSON
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replace(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return "${" + name + "}"
            if name in own:
                return str(self.value(own[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _SUB.sub(replace, text)

    def _find_in_map(self, argument: list[Any]) -> Any:  # JSON
        name, first, second = map(self.value, argument[:3])
        try:
            return self.template["Mappings"][name][first][second]
        except KeyError as error:
            raise TemplateError(f"mapping {name} has no {first}/{second}") from error

    def _if(self, argument: list[Any]) -> Any:  # JSON
        condition, yes, no = argument
        return self.value(yes if self.condition(condition) else no)


_FUNCTIONS: dict[str, Callable[[Values, Any], Any]] = {
    "Ref": Values._ref,
    "Fn::GetAtt": Values._get_att,
    "Fn::Sub": Values._sub,
    "Fn::FindInMap": Values._find_in_map,
    "Fn::If": Values._if,
    "Fn::Join": lambda values, a: a[0].join(str(part) for part in values.value(a[1])),
    "Fn::Select": lambda values, a: values.value(a[1])[int(values.value(a[0]))],
    "Fn::Split": lambda values, a: values.value(a[1]).split(a[0]),
    "Fn::ImportValue": lambda values, a: values.export(values.value(a)),
    "Fn::Base64": lambda values, a: base64.b64encode(values.value(a).encode()).decode(),
    "Fn::GetAZs": lambda values, a: [f"{values.value(a) or values.pseudo['AWS::Region']}{z}" for z in "abc"],
    "Fn::ToJsonString": lambda values, a: json.dumps(values.value(a)),
    "Fn::Length": lambda values, a: len(values.value(a)),
}


def references(node: Any) -> Iterator[str]:  # JSON
    """Yield the logical ids (and other names) that a node refers to."""
    if isinstance(node, dict):
        for key, inner in node.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner.split(".")[0] if isinstance(inner, str) else inner[0]
            elif key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                yield from (name.split(".")[0] for literal, name in _SUB.findall(text) if not literal)
                if not isinstance(inner, str):
                    yield from references(inner[1])
            else:
                yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def creation_order(resources: Mapping[str, Any]) -> list[str]:
    """Return the logical ids sorted so that each follows its dependencies.

    Raises TemplateError for a cycle.
    """
    ordered: dict[str, None] = {}
    visiting: list[str] = []

    def visit(logical_id: str) -> None:
        if logical_id in ordered:
            return
        if logical_id in visiting:
            raise TemplateError(f"Circular dependency between resources: {[*visiting, logical_id]}")
        visiting.append(logical_id)
        definition = resources[logical_id]
        depends_on = definition.get("DependsOn", [])
        named = [depends_on] if isinstance(depends_on, str) else depends_on
        for needed in (*named, *references(definition.get("Properties", {}))):
            if needed in resources and needed != logical_id:
                visit(needed)
        visiting.pop()
        ordered[logical_id] = None

    for logical_id in resources:
        visit(logical_id)
    return list(ordered)
