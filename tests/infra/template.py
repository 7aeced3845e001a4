"""Helpers to read a CloudFormation template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a template's resources of a type, by logical id."""
    return {
        identifier: resource["Properties"]
        for identifier, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def text_of(value: Any) -> str:
    """Return a CloudFormation value as text: references as `<Name>` and `<Name.Attribute>`."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text_of(part) for part in parts)
        case {"Fn::Sub": text}:
            return str(text)
        case _:
            return str(value)


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every statement that allows a role something, with the role's logical id."""
    for identifier, role in resources(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield identifier, statement


def as_list(value: Any) -> list[Any]:
    """Return a single value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def combined(main: Template, other: Template) -> Template:
    """Return both stacks as one template: what the second imports refers to the first's resources."""
    exports = {
        output["Export"]["Name"]: output["Value"]
        for output in main.get("Outputs", {}).values()
        if "Export" in output
    }

    def resolved(value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"Fn::ImportValue"}:
            return exports[value["Fn::ImportValue"]]
        if isinstance(value, dict):
            return {key: resolved(each) for key, each in value.items()}
        return [resolved(each) for each in value] if isinstance(value, list) else value

    assert not main["Resources"].keys() & other["Resources"].keys() - {"CDKMetadata"}
    return {**main, "Resources": {**resolved(other["Resources"]), **main["Resources"]}}
