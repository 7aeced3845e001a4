"""Roles have no wildcard permissions: checked against IAM's list of actions and resources."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cfnlint

from tests.infra.template import Template, as_list, resources, statements, text_of

# The Service Authorization Reference, from cfn-lint.
REFERENCE: dict[str, Any] = json.loads(
    (Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text()
)
# Without a resource in the reference, although the CDK's own grant names the state machine: see the note in
# docs/first-day-on-aws.md.
NAMED_ALL_THE_SAME = {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"}
# With a resource level but without a known name: a condition restricts it instead.
RESTRICTED_BY_CONDITION = {"ecs:ListTasks"}

REPOSITORY = re.escape("arn:<AWS::Partition>:s3:::cellar-repository-<AWS::AccountId>-eu-central-1")


def test_no_statement_of_a_role_has_a_wildcard_action(templates: dict[str, Template]) -> None:
    for template in templates.values():
        for role, statement in statements(template):
            assert statement["Effect"] == "Allow", role
            assert all("*" not in action for action in as_list(statement["Action"])), (role, statement)


def test_every_action_exists(main: Template) -> None:
    for role, statement in statements(main):
        for action in as_list(statement["Action"]):
            service, name = action.split(":")
            assert name.lower() in REFERENCE[service]["Actions"], (role, action)


def test_a_star_is_used_only_where_iam_has_no_resource_level(main: Template) -> None:
    for role, statement in statements(main):
        for action in as_list(statement["Action"]):
            service, name = action.split(":")
            has_level = bool((REFERENCE[service]["Actions"][name.lower()] or {}).get("Resources"))
            stars = "*" in as_list(statement["Resource"])
            if action in RESTRICTED_BY_CONDITION:
                assert statement["Condition"], (role, action)
            elif action not in NAMED_ALL_THE_SAME:
                assert stars == (not has_level), (role, action)


def test_a_pattern_of_resources_stays_within_the_deployment(main: Template) -> None:
    """By its names, its vaults' Regions or its conditions; exceptions are listed with their reason."""
    elsewhere = {
        # AWS generates these ids, in this account
        r"arn:<AWS::Partition>:backup:(eu-central-1|eu-west-1|us-east-1):<AWS::AccountId>:recovery-point:\*",
        # the worker's network comes from the file system's mount targets
        r"arn:<AWS::Partition>:ec2:eu-central-1:<AWS::AccountId>:(subnet|security-group|network-interface)/\*",
        r"arn:<AWS::Partition>:ec2:eu-central-1::image/\*",
        r"arn:<AWS::Partition>:ssm:eu-central-1::parameter/aws/service/ami-amazon-linux-latest/\*",
    }
    for role, statement in statements(main):
        for resource in map(text_of, as_list(statement["Resource"])):
            if "*" not in resource or resource == "*" or statement.get("Condition"):
                continue
            ours = "cellar" in resource or resource.startswith("<")
            # a new file system, before it has the deployment's tag
            ours |= as_list(statement["Action"]) == ["elasticfilesystem:DescribeFileSystems"]
            assert ours or any(re.fullmatch(pattern, resource) for pattern in elsewhere), (role, resource)


def test_a_role_is_passed_only_to_its_service(main: Template) -> None:
    passed = [
        statement for _, statement in statements(main) if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert passed
    for statement in passed:
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"]
        for resource in map(text_of, as_list(statement["Resource"])):
            worker = re.fullmatch(
                r"arn:<AWS::Partition>:iam::<AWS::AccountId>:role/cellar-(restore-)?(task|ec2)-fs-\*",
                resource,
            )
            assert worker or re.fullmatch(r"<\w+\.Arn>", resource)


def test_a_worker_writes_only_below_the_indexes_of_its_file_system(main: Template) -> None:
    written = {
        (identifier, text_of(resource))
        for identifier, statement in statements(main)
        if identifier.startswith("WorkersRoles") and "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    below = re.compile(rf"{REPOSITORY}/some/where/indexes/<AWS::AccountId>/eu-central-1/fs-(\w+)/\*/(.+)")
    found = [(role, match) for role, pattern in written if (match := below.fullmatch(pattern))]
    assert len(found) == len(written) == 3 * 3
    assert all(match[1] in role for role, match in found)
    names = {match[2] for _, match in found}
    assert names == {"attempt-*", "checkpoint/*", "progress.json"}, "and no manifest"


def test_a_restore_worker_writes_only_results_of_its_file_system(main: Template) -> None:
    written = {
        (identifier, text_of(resource))
        for identifier, statement in statements(main)
        if identifier.startswith("Roles") and "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    below = re.compile(
        rf"{REPOSITORY}/some/where/restores/<AWS::AccountId>/eu-central-1/fs-(\w+)/\*/results/\*"
    )
    found = [(role, match) for role, pattern in written if (match := below.fullmatch(pattern))]
    assert len(found) == len(written) == 3, "and no plan, no list of jobs and no index"
    assert all(match[1] in role for role, match in found)


def test_no_function_writes_plans_or_results_of_restores(main: Template) -> None:
    written = {
        (identifier, text_of(resource))
        for identifier, statement in statements(main)
        if identifier.startswith("Functions") and "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    jobs = re.compile(rf"{REPOSITORY}/some/where/restores/<AWS::AccountId>/\*/jobs\.json")
    ((role, pattern),) = ((role, pattern) for role, pattern in written if "/restores/" in pattern)
    assert jobs.fullmatch(pattern)
    assert role.startswith("FunctionsLaunchRestoreWorker")


def test_only_restore_workers_write_to_file_systems_each_to_its_own(main: Template) -> None:
    read = {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess"}
    for identifier, statement in statements(main):
        actions = [a for a in as_list(statement["Action"]) if a.startswith("elasticfilesystem:Client")]
        if not actions:
            continue
        is_restore = identifier.startswith("Roles")
        assert is_restore or identifier.startswith("WorkersRoles")
        assert set(actions) == read | ({"elasticfilesystem:ClientWrite"} if is_restore else set())
        assert statement["Condition"] == {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}
        assert len(as_list(statement["Resource"])) == 1


def test_no_role_may_delete_recovery_points_indexes_or_keys(main: Template) -> None:
    forbidden = re.compile(
        r"(backup|s3|kms|dynamodb):(Delete(?!Item)|ScheduleKeyDeletion|DisableKey|Put.*Policy)\w*"
    )
    for role, statement in statements(main):
        found = [action for action in as_list(statement["Action"]) if forbidden.fullmatch(action)]
        if found == ["s3:DeleteObject"] and role.startswith("FunctionsRemoveWorker"):
            names = {text_of(resource).partition("/*/")[2] for resource in as_list(statement["Resource"])}
            assert names == {"attempt-*", "checkpoint/*", "progress.json"}, "and no manifest, and no version"
            continue
        if found == ["s3:DeleteObject"] and role.startswith("FunctionsPruneFileSystemRole"):
            assert_removes_indexes_only(statement)
            continue
        assert not found, role


def assert_removes_indexes_only(statement: dict[str, Any]) -> None:
    """Indexes of points that are gone; the bucket is versioned, and no role may delete a version."""
    below = f"{REPOSITORY}/some/where/"
    removed = re.compile(rf"{below}(indexes/<AWS::AccountId>/\*|restores/\*/indexes/\*)")
    assert all(removed.fullmatch(text_of(resource)) for resource in as_list(statement["Resource"]))


def test_a_role_fits_into_iams_limit(main: Template) -> None:
    for identifier, role in resources(main, "AWS::IAM::Role").items():
        size = sum(len(json.dumps(policy["PolicyDocument"])) for policy in role.get("Policies", []))
        assert size < 10_240, identifier
