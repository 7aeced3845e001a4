"""A deployment fits its Region's partition: no ARN, address or resource type of another one.

The templates are those of one Region in each public partition. What a deployment in another partition then
does is in tests/e2e/test_partitions.py.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.names import Names
from infra.services import service
from tests.infra.conftest import CONFIGURATION
from tests.infra.template import Template, lint
from tidemark.aws.executions import console

SOURCES = Path(__file__).parents[2]
COPIES = {  # Region of a deployment -> Region of its copies
    "eu-central-1": "eu-west-1",
    "us-gov-west-1": "us-gov-east-1",
    "cn-north-1": "cn-northwest-1",
}
PARTITIONS = {"eu-central-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}
SUFFIXES = {
    "eu-central-1": "amazonaws.com",
    "us-gov-west-1": "amazonaws.com",
    "cn-north-1": "amazonaws.com.cn",
}
LITERAL_ARN = re.compile(r"\barn:aws[a-z-]*:")
LITERAL_PARTITION = re.compile(r"\baws-(?:cn|us-gov|eusc|iso(?:-[bef])?)\b")
DOMAIN = re.compile(r"amazonaws|\.aws\b|c2s\.ic\.gov|csp\.hci\.ic\.gov|sc2s\.sgov\.gov|adc-e\.uk")
# The same name in every partition. Source: AWS CDK, cx-api/FEATURE_FLAGS.md, standardizedServicePrincipals.
PRINCIPAL = re.compile(r"[a-z][a-z-]*\.amazonaws\.com")
# Services whose principals differ between partitions. Source: AWS CDK, region-info, Default.servicePrincipal.
DIFFERENT = {"codedeploy", "elasticmapreduce", "logs"}
# Where a template or call names a service to IAM.
PLACES_OF_PRINCIPALS = ("Principal", "Service", "iam:PassedToService", "iam:AWSServiceName")


@pytest.fixture(scope="module", params=sorted(COPIES))
def region(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The cloud assembly of the same configuration in each partition."""
    from infra.synthesis import application, compose
    from tidemark.aws.regions import sdk_regions
    from tidemark.policy.configuration import load

    made: dict[str, Path] = {}
    for name, copies in COPIES.items():
        directory = tmp_path_factory.mktemp(name)
        text = CONFIGURATION.replace("  us-east-1: spare\n", "")
        text = text.replace("eu-central-1", name).replace("eu-west-1", copies)
        (directory / "tidemark.yaml").write_text(text)
        app = application(outdir=directory / "cdk.out")
        compose(app, load(directory / "tidemark.yaml", sdk_regions()))
        app.synth()
        made[name] = directory / "cdk.out"
    return made


@pytest.fixture(scope="module")
def assembly(assemblies: dict[str, Path], region: str) -> Path:
    return assemblies[region]


def templates_in(assembly: Path) -> dict[str, Template]:
    found = {path.name: json.loads(path.read_text()) for path in assembly.glob("*.template.json")}
    assert len(found) == 2
    return found


def leaves(value: Any, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return every string of a JSON value with the keys above it; a key counts as a string below itself."""
    match value:
        case dict():
            for key, inner in value.items():
                yield (*above, "a key"), key
                yield from leaves(inner, *above, key)
        case list():
            for inner in value:
                yield from leaves(inner, *above)
        case str():
            yield above, value


def test_no_file_of_an_assembly_names_a_partition(assembly: Path) -> None:
    """Templates, their assets' manifests, and what CloudFormation resolves for definitions and parameters."""
    texts = {path.name: path.read_text() for path in assembly.glob("*.json")}
    assert len(texts) > 4
    found = {
        name: sorted(
            {one.group() for pattern in (LITERAL_ARN, LITERAL_PARTITION) for one in pattern.finditer(text)}
        )
        for name, text in texts.items()
    }
    assert {name: literals for name, literals in found.items() if literals} == {}


def test_every_address_in_a_template_is_of_its_partition(assembly: Path, region: str) -> None:
    for name, template in templates_in(assembly).items():
        for above, text in leaves(template):
            if not DOMAIN.search(text):
                continue
            if any(place in above for place in PLACES_OF_PRINCIPALS) and PRINCIPAL.fullmatch(text):
                assert text.split(".")[0] not in DIFFERENT, (name, above)
            elif "kms:ViaService" in above:
                assert text in Names(deployment="any", region=region).via_service("dynamodb")
            elif text.startswith(":role/aws-service-role/"):
                assert PRINCIPAL.fullmatch(text.split("/")[2]), (name, above)
            else:
                assert text.startswith(f"{console(region)}/"), (name, above, text)


def test_kms_hears_of_dynamodb_by_the_names_of_the_partition(assembly: Path, region: str) -> None:
    expected = {f"dynamodb.{region}.amazonaws.com", f"dynamodb.{region}.{SUFFIXES[region]}"}
    via = [
        text
        for template in templates_in(assembly).values()
        for above, text in leaves(template)
        if above[-1:] == ("kms:ViaService",)
    ]
    assert set(via) == expected
    assert len(via) % len(expected) == 0


def test_image_and_assets_come_from_the_partitions_registry_and_buckets(assembly: Path) -> None:
    """Their addresses end with AWS::URLSuffix, which only CloudFormation knows."""
    (template,) = (one for one in templates_in(assembly).values() if "cellar-workers" in json.dumps(one))
    text = json.dumps(template)
    image = '".dkr.ecr.'
    assert image in text or ".dkr.ecr." in text
    for before, after in re.findall(r'([^"]*\.(?:dkr\.ecr|s3)\.[^"]*)"([^"]{0,6})', text):
        assert after.startswith((",", "}")) and not DOMAIN.search(before), before
    assert text.count('{"Ref": "AWS::URLSuffix"}') >= text.count(".dkr.ecr.") > 0


def test_the_templates_of_all_partitions_differ_in_nothing_else(assemblies: dict[str, Path]) -> None:
    plain = {region: _without_region(assembly, region) for region, assembly in assemblies.items()}
    assert plain["us-gov-west-1"] == plain["eu-central-1"]
    assert plain["cn-north-1"] == plain["eu-central-1"]


def _without_region(assembly: Path, region: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, template in templates_in(assembly).items():
        text = json.dumps(template).replace(console(region), "CONSOLE")
        via = json.dumps(Names(deployment="any", region=region).via_service("dynamodb"))
        text = text.replace(via, '"VIA"').replace(via.strip("[]"), '"VIA"')
        for label, one in (("HERE", region), ("THERE", COPIES[region])):
            # The CDK writes Regions without hyphens into logical ids, and hashes what is in a bundle's name.
            text, name = text.replace(one, label), name.replace(one, label)
            text = text.replace(one.replace("-", ""), label)
        found[name] = text
    return found


def test_cfn_lint_knows_every_resource_type_in_the_region(
    assembly: Path, region: str, tmp_path: Path
) -> None:
    """E3006: CloudFormation does not offer all types in all Regions."""
    for name in templates_in(assembly):
        where = COPIES[region] if COPIES[region] in name else region
        assert lint([assembly / name], tmp_path, "--regions", where) == ""


def test_cfn_lint_would_notice_a_type_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    careless = tmp_path / "templates" / "careless.template.json"
    careless.write_text(
        json.dumps({"Resources": {"Data": {"Type": "AWS::Bedrock::DataSource", "Properties": {}}}})
    )
    assert "does not exist in 'cn-north-1'" in lint([careless], tmp_path, "--regions", "cn-north-1")


@pytest.mark.parametrize("name", sorted(DIFFERENT))
def test_a_principal_that_differs_between_partitions_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.*partition"):
        service(f"{name}.amazonaws.com")


def test_a_principal_of_one_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="partition"):
        service("lambda.amazonaws.com.cn")


# --- The sources -----------------------------------------------------------------------------------------

# What may stand in a string of the sources, with the reason. By file; "" is every file.
ALLOWED: dict[str, dict[str, str]] = {
    "": {r"[a-z][a-z-]*\.amazonaws\.com": "a service principal, equal in every partition (PRINCIPAL)"},
    "tidemark/aws/executions.py": {
        r"aws-(cn|us-gov|eusc)|console\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|amazonaws-eusc\.eu)": (
            "the consoles by partition"
        ),
        r"\.(amazonaws\.(com|com\.cn|eu)|api\.aws|api\.amazonwebservices\.com\.cn)": (
            "the endings of AWS's own addresses, all partitions', to tell AWS from another endpoint"
        ),
    },
    "tidemark/aws/reach.py": {
        r"amazonaws": "in the names of VPC endpoints' services, whatever stands before"
    },
    "tidemark/sessions/session.py": {
        r"aws-(cn|us-gov|eusc|iso|iso-b|iso-e|iso-f)": "the partitions by Region, compared with botocore's"
    },
    "infra/names.py": {
        r"amazonaws\.com": "the one ending that KMS documents for kms:ViaService; the Region's stands beside it",
        r"\.amazonaws\.com/": "a service principal in the path of a service-linked role",
    },
}
PACKAGES = ("tidemark", "lambdas", "infra", "worker_image", "localcloud")


def literals(path: Path) -> Iterator[str]:
    """Return the strings of a Python file that name a partition or an address, docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            for pattern in (LITERAL_ARN, LITERAL_PARTITION, DOMAIN):
                if pattern.search(node.value):
                    yield node.value
                    break


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((SOURCES / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyc"):
                yield path


def test_no_source_names_a_partition_or_an_address() -> None:
    unexpected: list[str] = []
    used: set[tuple[str, str]] = set()
    for path in sources():
        name = path.relative_to(SOURCES).as_posix()
        if path.suffix != ".py":
            if any(pattern.search(path.read_text()) for pattern in (LITERAL_ARN, LITERAL_PARTITION)):
                unexpected.append(name)
            continue
        for literal in literals(path):
            reasons = [(file, form) for file in ("", name) for form in ALLOWED.get(file, ())]
            matching = [(file, form) for file, form in reasons if re.fullmatch(form, literal)]
            used.update(matching)
            if not matching:
                unexpected.append(f"{name}: {literal!r}")
    assert unexpected == []
    assert {
        (file, form) for file, forms in ALLOWED.items() for form in forms
    } == used  # none outlives its reason


@pytest.mark.parametrize(
    "careless",
    [
        'arn = f"arn:aws:s3:::{bucket}"',
        'arn = "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"',
        'host = f"{bucket}.s3.{region}.amazonaws.com"',
        'partition = "aws-us-gov"',
    ],
)
def test_a_literal_would_be_noticed(careless: str, tmp_path: Path) -> None:
    path = tmp_path / "careless.py"
    path.write_text(f'"""arn:aws:in:prose: is none."""\n{careless}\n')
    (found,) = literals(path)
    assert not any(re.fullmatch(form, found) for form in ALLOWED[""])
