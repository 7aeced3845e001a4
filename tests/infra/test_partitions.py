"""A deployment contains no ARN or address of another partition.

In the same partitions, tests/infra/test_lint.py checks that CloudFormation offers the resource types, and
tests/e2e/test_partitions.py runs sessions.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.names import Names
from infra.services import service
from tests.infra.assemblies import assembly
from tests.infra.conftest import CONFIGURATION
from tidemark.aws.executions import console

SOURCES = Path(__file__).parents[2]
PACKAGES = ("tidemark", "lambdas", "infra", "worker_image", "localcloud")
COPIES = {  # a Region of each public partition -> the Region of its copies; aws-eusc has one Region
    "eu-central-1": "eu-west-1",
    "us-gov-west-1": "us-gov-east-1",
    "cn-north-1": "cn-northwest-1",
    "eusc-de-east-1": None,
}
ENDINGS = {  # of addresses. Source: botocore's partitions.json.
    "eu-central-1": {"amazonaws.com"},
    "us-gov-west-1": {"amazonaws.com"},
    "cn-north-1": {"amazonaws.com", "amazonaws.com.cn"},
    "eusc-de-east-1": {"amazonaws.com", "amazonaws.eu"},
}
PARTITION = re.compile(r"\barn:aws[a-z-]*:|\baws-(?:cn|us-gov|eusc|iso)\b")
ADDRESS = re.compile(r"[\w.-]*(?:amazonaws|aws\.amazon)[\w.-]*")
PRINCIPAL = re.compile(r"[a-z0-9-]+\.amazonaws\.com")  # the same in every partition; see infra/services.py


@pytest.fixture(scope="session", params=COPIES)
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def templates(region: str) -> str:
    """Return the text of a deployment's templates."""
    found = assembly(configuration(region)).glob("*.template.json")
    # The name of the stack of copies contains its Region: it comes last in every partition.
    paths = sorted(found, key=lambda path: ((COPIES[region] or "none") in path.name, path.name))
    return json.dumps([json.loads(path.read_text()) for path in paths])


def configuration(region: str) -> str:
    text = CONFIGURATION.replace("  us-east-1: spare\n", "").replace("eu-central-1", region)
    # Refused in other partitions: tests/policy/test_restore_testing_rules.py.
    text = re.sub(r" +restore_testing:\n(?: {6}.*\n)+", "", text)
    if copies := COPIES[region]:
        return text.replace("eu-west-1", copies)
    return "".join(line for line in text.splitlines(keepends=True) if "eu-west-1" not in line)


def test_nothing_that_is_deployed_names_a_partition(region: str) -> None:
    assert set(PARTITION.findall(templates(region))) == set()


def test_every_address_is_a_principal_or_of_the_regions_partition(region: str) -> None:
    """All others end with AWS::URLSuffix, which CloudFormation resolves."""
    found = {text for text in ADDRESS.findall(templates(region)) if not PRINCIPAL.fullmatch(text)}
    via_dynamodb = {f"dynamodb.{region}.{ending}" for ending in ENDINGS[region]}
    assert found == {*via_dynamodb, console(region).removeprefix("https://")}


@pytest.mark.parametrize("other", ["us-gov-west-1", "cn-north-1"])
def test_deployments_in_other_partitions_differ_in_nothing_else(other: str) -> None:
    """So the results of the other tests in this folder hold in these partitions, too."""
    assert _without_region(other) == _without_region("eu-central-1")


def _without_region(region: str) -> str:
    via = json.dumps(Names(deployment="any", region=region).via_service("dynamodb"))
    text = (
        templates(region)
        .replace(console(region), "CONSOLE")
        .replace(via, "VIA")
        .replace(via.strip("[]"), "VIA")
    )
    for label, name in (("HERE", region), ("THERE", COPIES[region] or "")):
        text = text.replace(name, label).replace(name.replace("-", ""), label)  # the latter in logical ids
    return text


@pytest.mark.parametrize(
    "principal",
    ["lambda.amazonaws.com.cn", "logs.cn-north-1.amazonaws.com.cn", "states.eu-central-1.amazonaws.com"],
)
def test_a_principal_of_one_partition_or_region_is_refused(principal: str) -> None:
    with pytest.raises(ValueError, match="not valid in every partition"):
        service(principal)


# Sources that may build an address from its parts.
JOINED = {
    "infra/names.py": "the path of service-linked roles' ARNs, equal in every partition",
    "tidemark/aws/executions.py": "the endings of every partition's addresses",
}


def test_no_source_has_a_literal_arn_or_the_ending_of_an_address() -> None:
    """In Python; definitions are in the templates above."""
    found = {
        path.relative_to(SOURCES).as_posix(): literals
        for package in PACKAGES
        for path in sorted((SOURCES / package).rglob("*.py"))
        if (literals := careless_literals(path.read_text()))
    }
    assert {path: literals for path, literals in found.items() if path not in JOINED} == {}
    assert found.keys() == JOINED.keys()


def careless_literals(source: str) -> list[str]:
    """Return the strings that begin an ARN or end an address, including f-strings, without docstrings."""
    careless = re.compile(r"\barn:aws[a-z-]*:|^\.amazonaws")
    return [text for text in _strings(ast.parse(source)) if careless.search(text)]


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            alone = isinstance(node, ast.Expr)  # a docstring
            if isinstance(child, ast.Constant) and isinstance(child.value, str) and not alone:
                yield child.value


@pytest.mark.parametrize(
    "careless",
    [
        'arn = f"arn:aws:s3:::{bucket}"',
        'arn = "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"',
        'host = f"{bucket}.s3.{region}.amazonaws.com"',
    ],
)
def test_a_literal_is_detected(careless: str) -> None:
    assert len(careless_literals(f'"""arn:aws:in:prose: is none."""\n{careless}\n')) == 1
