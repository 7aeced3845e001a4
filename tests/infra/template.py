"""Ways to look into a CloudFormation template."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
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
    """Return a value that may stand alone or in a list, as a list."""
    return value if isinstance(value, list) else [value]


def lint(templates: Sequence[Path], scratch: Path, *arguments: str) -> str:
    """Return what cfn-lint finds in templates of Tidemark, which it reads from copies in `scratch`.

    cfn-lint reads definitions without their substitutions, and its pattern for a Resource (E3601) takes no
    other partition than `aws`, nor a placeholder. So the copies are those of `aws`; everything else in
    definitions is checked.
    """
    copies = []
    for template in templates:
        copy = scratch / template.name
        copy.write_text(template.read_text().replace("arn:${Partition}:states:::", "arn:aws:states:::"))
        copies.append(str(copy))
    # W3005 calls a dependency of the CDK's redundant where it is merely plain.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", *arguments]
    result = subprocess.run([*command, "--", *copies], capture_output=True, text=True, check=False)
    assert (result.returncode == 0) == (result.stdout == ""), result.stderr
    return result.stdout
