"""The largest accepted configurations, measured against AWS's limits.

References are resolved to their longest possible values, which may differ in size from the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.file_systems import MOST_NAMED
from localcloud import LocalCloud
from localcloud.cloudformation.template import Values
from localcloud.services.quotas import policy_size
from tests.aws.account import SETTINGS
from tests.infra import largest
from tests.infra.assemblies import assembly, checked_assembly, without_code
from tests.infra.template import Template, resources
from tidemark.aws import fargate
from tidemark.aws.deployment import read_policy
from tidemark.aws.ec2 import user_data
from tidemark.aws.regions import sdk_regions
from tidemark.policy.capacity import LONGEST_EXCLUDE, MOST_FILE_SYSTEMS, exclude_problems
from tidemark.policy.configuration import load
from tidemark.policy.documents import lists_of
from tidemark.settings import WorkerSettings

# limit -> (value, source in AWS's documentation)
LIMITS = {
    "inline policies of a role": (10_240, 'IAM User Guide, "IAM and AWS STS quotas"'),
    "managed policies of a role": (10, 'IAM User Guide, "IAM and AWS STS quotas"'),
    "trust policy": (2_048, 'IAM User Guide, "IAM and AWS STS quotas"'),
    "resources of a stack": (500, 'AWS CloudFormation User Guide, "Understand CloudFormation quotas"'),
    "outputs of a stack": (200, 'AWS CloudFormation User Guide, "Understand CloudFormation quotas"'),
    "template": (1_000_000, 'AWS CloudFormation User Guide, "Understand CloudFormation quotas"'),
    "advanced parameter": (8_192, 'AWS Systems Manager User Guide, "Managing parameter tiers"'),
    "standard parameter": (4_096, 'AWS Systems Manager User Guide, "Managing parameter tiers"'),
    "environment of a function": (4_096, 'AWS Lambda Developer Guide, "Lambda quotas"'),
    "definition of a state machine": (1_048_576, "CreateStateMachine, definition"),
    "name of a schedule": (64, "CreateSchedule, Name"),
    "description of a role": (1_000, "CreateRole, Description"),
    "name of a role": (64, "CreateRole, RoleName"),
    "overrides of a task": (8_192, "RunTask, overrides"),
    "user data": (16_384, "RunInstances, UserData"),
    "task token": (2_048, "SendTaskSuccess, taskToken"),
    "metrics of a dashboard": (2_500, 'Amazon CloudWatch User Guide, "CloudWatch service quotas"'),
}
CONFIGURATIONS = {
    "one policy": {"policies": 1, "file_systems": MOST_FILE_SYSTEMS, "exclude": 4_080},
    "one policy, long ids": {"policies": 1, "file_systems": MOST_FILE_SYSTEMS, "digits": 40},
    "fifty policies": {"policies": 50, "file_systems": MOST_FILE_SYSTEMS // 50, "vaults": 1},
    # Limited by the template's number of resources and its size.
    "most policies": {"policies": 125, "file_systems": 6, "vaults": 1, "exclude": 500},
    "most named": {"policies": 1, "file_systems": MOST_NAMED, "exclude": 4_080, "digits": 40, "ec2": True},
    # Each file system has two roles and a profile.
    "most roles": {"policies": 124, "file_systems": 1, "vaults": 1, "ec2": True, "distinct": MOST_NAMED},
}
PSEUDO = {
    "AWS::Partition": "aws-us-gov",
    "AWS::AccountId": "123456789012",
    "AWS::Region": largest.REGION,
    "AWS::URLSuffix": "amazonaws.com.cn",
}


def check(limit: str, measured: int, what: str = "") -> None:
    most, source = LIMITS[limit]
    assert measured <= most, f"{what}: {limit} is {measured}, AWS accepts {most}. Source: {source}"


class Anything(dict[str, Any]):
    """Every resource, with the longest possible names and ARNs."""

    def __contains__(self, _key: object) -> bool:
        return True

    def get(self, _key: str, _default: Any = None) -> Any:
        return self[_key]

    def __missing__(self, _key: str) -> Any:
        return SimpleNamespace(ref="r" * 90, attributes=Longest())


class Longest(dict[str, str]):
    def __contains__(self, _key: object) -> bool:
        return True

    def __missing__(self, _key: str) -> str:
        return "a" * 128


@dataclass(frozen=True)
class Deployment:
    """A synthesized configuration: the texts of the home Region's stacks by name, and their resources with
    resolved references, as one template."""

    texts: Mapping[str, str]
    resolved: Template

    def properties(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield from resources(self.resolved, kind).items()


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    checked = checked_assembly(largest.configuration(**CONFIGURATIONS[request.param]))
    names = (f"Tidemark-{'d' * 20}", f"Tidemark-{'d' * 20}-restore")
    texts = {name: (checked / f"{name}.template.json").read_text() for name in names}
    found: Template = {"Resources": {}}
    for template in map(json.loads, texts.values()):
        values = Values(template=template, pseudo=PSEUDO, parameters={}, export=str, ssm=str, made=Anything())
        found["Resources"] |= values.value(template)["Resources"]
    return Deployment(texts, found)


def test_the_templates_are_accepted(deployment: Deployment) -> None:
    for name, text in deployment.texts.items():
        template = json.loads(text)
        check("template", len(text.encode()), name)
        check("resources of a stack", len(template["Resources"]), name)
        check("outputs of a stack", len(template.get("Outputs", ())), name)


def test_every_role_is_accepted(deployment: Deployment) -> None:
    roles = dict(deployment.properties("AWS::IAM::Role"))
    assert roles
    for name, role in roles.items():
        inline = [policy_size(json.dumps(each["PolicyDocument"])) for each in role.get("Policies", [])]
        check("inline policies of a role", sum(inline), name)
        check("managed policies of a role", len(role.get("ManagedPolicyArns", [])), name)
        check("trust policy", policy_size(json.dumps(role["AssumeRolePolicyDocument"])), name)
        check("description of a role", len(role["Description"]), name)
        check("name of a role", len(role.get("RoleName", "")), name)


def test_nothing_but_its_role_gives_a_principal_permissions(deployment: Deployment) -> None:
    kinds = {resource["Type"] for resource in deployment.resolved["Resources"].values()}
    assert not kinds & {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}, "measure them with the roles"


def test_every_parameter_is_accepted(deployment: Deployment) -> None:
    parameters = dict(deployment.properties("AWS::SSM::Parameter"))
    assert parameters
    for name, parameter in parameters.items():
        check("advanced parameter", len(parameter["Value"].encode()), name)
        if "/file-systems/" in parameter["Name"]:
            check("standard parameter", len(parameter["Value"].encode()), name)


def test_a_policy_is_changed_after_its_lists_are_created(
    deployment: Deployment,
) -> None:
    parameters = {
        identifier: resource
        for identifier, resource in deployment.resolved["Resources"].items()
        if re.search(r"/policies/[^/]+$", resource["Properties"].get("Name", ""))
    }
    assert parameters
    for identifier, parameter in parameters.items():
        own = parameter["Properties"]
        lists = {f"{own['Name']}/file-systems/{name}" for name in lists_of(own["Value"])}
        first = [deployment.resolved["Resources"][one] for one in parameter.get("DependsOn", [])]
        assert {one["Properties"]["Name"] for one in first} == lists, identifier


def test_every_function_machine_and_schedule_is_accepted(deployment: Deployment) -> None:
    for name, function in deployment.properties("AWS::Lambda::Function"):
        variables = json.dumps(function["Environment"]["Variables"], separators=(",", ":"))
        check("environment of a function", len(variables.encode()), name)
    for name, machine in deployment.properties("AWS::StepFunctions::StateMachine"):
        substitutions = sum(map(len, machine["DefinitionSubstitutions"].values()))
        length = len(machine["DefinitionString"]) + 10 * substitutions
        check("definition of a state machine", length, name)
    for name, schedule in deployment.properties("AWS::Scheduler::Schedule"):
        check("name of a schedule", len(schedule["Name"]), name)
    for name, dashboard in deployment.properties("AWS::CloudWatch::Dashboard"):
        body = json.loads(dashboard["DashboardBody"])
        metrics = sum(len(widget["properties"].get("metrics", ())) for widget in body["widgets"])
        check("metrics of a dashboard", metrics, name)


def longest_worker(exclude: tuple[str, ...]) -> WorkerSettings:
    """Return the largest environment of a worker, in the partition with the longest names."""
    assert not list(exclude_problems((), exclude))
    file_system = f"fs-{'0' * 40}"
    return WorkerSettings(
        task_token="A" * LIMITS["task token"][0],
        index_id=f"{file_system}-20261122T020000Z-0a1b2c",
        account="123456789012",
        region=largest.REGION,
        file_system_id=file_system,
        repository=f"s3://{'b' * 63}/{'p' * largest.LONGEST_PREFIX}",
        exclude=exclude,
        operations_per_second=1_000_000,
    )


def filled(name: str) -> tuple[str, ...]:
    """Return the longest accepted list of directories with such a name."""
    paths: list[str] = []
    while not list(exclude_problems((), [*paths, f"/{name}"])):
        paths.append(f"/{name}")
    return tuple(paths)


NAMES = {"plain": "scratch", "apostrophes": "'" * 50, "quotes": '"' * 50, "letters": "Übersicht", "one": "x"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_list_of_excluded_directories_fits_into_a_worker(name: str) -> None:
    worker = longest_worker(filled(name))
    asked: list[dict[str, Any]] = []
    ecs = SimpleNamespace(run_task=lambda **request: asked.append(request))
    request = {"kind": "fargate", "task_definition": "arn", "instance_type": ""}
    network = {"subnets": [], "security_groups": []}
    settings = replace(SETTINGS, worker_image="i" * 250, worker_log_group="l" * 64)
    fargate._run_task(ecs, settings, request, network, worker)  # type: ignore[arg-type]  # as far as it is used
    check("overrides of a task", len(json.dumps(asked[0]["overrides"])), name)
    check("user data", len(user_data(settings, worker).encode()), name)


def test_the_longest_list_of_excluded_directories_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "tidemark.yaml"
    path.write_text(largest.configuration(policies=1, file_systems=1, exclude=4_080, vaults=1))
    [policy] = load(path, sdk_regions()).policies
    taken = len(json.dumps(json.dumps(list(policy.crawl.exclude))))
    assert LONGEST_EXCLUDE - taken < 20


@pytest.mark.cloud
@pytest.mark.parametrize("count", [1, 50])
def test_a_thousand_file_systems_are_deployed_and_can_change(tmp_path: Path, count: int) -> None:
    path = tmp_path / "tidemark.yaml"
    with LocalCloud.start(time_scale=0.01, region=largest.REGION) as cloud:
        for each in (MOST_FILE_SYSTEMS // count, MOST_FILE_SYSTEMS // count - 1):
            path.write_text(largest.configuration(policies=count, file_systems=each, vaults=1))
            cloud.deploy(without_code(assembly(path.read_text()), tmp_path / str(each)))
            assert deployed(cloud, path) == count * each


def deployed(cloud: LocalCloud, path: Path) -> int:
    """Return the number of file systems in the policies, after checking each against the configuration."""
    ssm = cloud.client("ssm")
    policies = load(path, sdk_regions()).policies
    assert [read_policy(ssm, "d" * 20, policy.name) for policy in policies] == list(policies)
    below = [
        parameter["Name"]
        for page in ssm.get_paginator("describe_parameters").paginate()
        for parameter in page["Parameters"]
        if "/file-systems/" in parameter["Name"]
    ]
    assert len(below) == sum(6 if len(policy.file_systems) > 500 else 0 for policy in policies)
    return len({one for policy in policies for one in policy.file_systems})
