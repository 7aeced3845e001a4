"""The stacks of other accounts and Regions, with all checks of cdk-nag and the CDK."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.copies import CopyAccounts, copy_accounts
from infra.file_systems import MOST_NAMED
from infra.worker_names import INDEXING_ROLES, RESTORE_ROLES
from tests.infra.assemblies import checked_assembly
from tests.infra.template import Template, as_list, resources, statements, text_of
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import load

HOME, PRODUCTION, RESEARCH = "123456789012", "111111111111", "222222222222"
CONFIGURATION = f"""\
deployment: cellar
region: eu-central-1
account: "{HOME}"
regions: [eu-west-1]
accounts:
  production: {{id: "{PRODUCTION}", regions: [us-east-1], external_id: 0123456789abcdef}}
  research: {{id: "{RESEARCH}", regions: [us-east-1], external_id: fedcba9876543210}}
repository: {{prefix: some/where}}
vaults: {{eu-central-1: wine, eu-west-1: wine-copies}}
policies:
  nightly:
    file_systems:
      - fs-0123456789abcdef0
      - eu-west-1/fs-0123456789abcdef1
      - production/us-east-1/fs-0123456789abcdef2
    keep: 35 days
  far:
    file_systems: [production/us-east-1/fs-0123456789abcdef3]
    keep: 35 days
    copies: [{{account: home, region: eu-west-1, keep: 90 days}}]
    worker: {{type: ec2}}
"""
# As many in a site, and as many in the home site, as roles name one by one.
MANY = "".join(
    f"      - {place}fs-1123456789abc{kind}{number:03x}\n"
    for kind, place, named in ((0, "production/us-east-1/", 2), (1, "", 1))
    for number in range(MOST_NAMED - named)
)
WORKERS = {"Workers": INDEXING_ROLES, "RestoreWorkers": RESTORE_ROLES}


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    found = checked_assembly(CONFIGURATION)
    suffix = ".template.json"
    return {path.name.removesuffix(suffix): json.loads(path.read_text()) for path in found.glob(f"*{suffix}")}


@pytest.fixture
def production(templates: dict[str, Template]) -> Template:
    return templates["Tidemark-cellar-production-us-east-1"]


def test_there_is_a_stack_for_each_site(templates: dict[str, Template]) -> None:
    assert templates.keys() == {
        "Tidemark-cellar",
        "Tidemark-cellar-accounts",
        "Tidemark-cellar-eu-west-1",
        "Tidemark-cellar-eu-west-1-restore",
        "Tidemark-cellar-production-us-east-1",
        "Tidemark-cellar-production-us-east-1-restore",
        "Tidemark-cellar-research-us-east-1",
        "Tidemark-cellar-research-us-east-1-restore",
        "Tidemark-cellar-restore",
    }
    manifest = json.loads((checked_assembly(CONFIGURATION) / "manifest.json").read_text())["artifacts"]
    environments = {name: one["environment"] for name, one in manifest.items() if name in templates}
    assert environments["Tidemark-cellar-research-us-east-1"] == f"aws://{RESEARCH}/us-east-1"
    assert environments["Tidemark-cellar-eu-west-1"] == f"aws://{HOME}/eu-west-1"
    assert environments["Tidemark-cellar"] == f"aws://{HOME}/eu-central-1"
    foreign = {name for name, place in environments.items() if HOME not in place}
    for name in templates.keys() - foreign:
        assert not foreign & set(manifest[name]["dependencies"]), "another administrator deploys them"


def test_cfn_lint_reports_no_problems(templates: dict[str, Template], tmp_path: Path) -> None:
    # Without the stacks that every configuration has, which test_lint.py checks.
    paths = []
    for name in templates.keys() - {"Tidemark-cellar", "Tidemark-cellar-restore"}:
        text = json.dumps(templates[name]).replace("arn:${Partition}:states:::", "arn:aws:states:::")
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(text)
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--"]
    result = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_a_worker_has_a_role_where_its_file_system_is(templates: dict[str, Template]) -> None:
    names = {
        stack: {
            role["RoleName"]
            for role in resources(template, "AWS::IAM::Role").values()
            if str(role.get("RoleName", "")).startswith(tuple(f"cellar-{one}-" for one in INDEXING_ROLES))
        }
        for stack, template in templates.items()
    }
    assert names["Tidemark-cellar"] == {"cellar-task-fs-0123456789abcdef0"}
    assert names["Tidemark-cellar-eu-west-1"] == {"cellar-task-fs-0123456789abcdef1"}
    assert names["Tidemark-cellar-production-us-east-1"] == {
        "cellar-task-fs-0123456789abcdef2",
        "cellar-ec2-fs-0123456789abcdef3",
    }
    assert names["Tidemark-cellar-research-us-east-1"] == set()


def test_another_account_admits_the_deployment_only_with_its_external_id(production: Template) -> None:
    (role,) = (
        role
        for role in resources(production, "AWS::IAM::Role").values()
        if role.get("RoleName") == "cellar-functions-us-east-1"
    )
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert text_of(trust["Principal"]["AWS"]) == f"arn:<AWS::Partition>:iam::{HOME}:root"
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "0123456789abcdef"}}


def test_the_functions_role_reaches_named_resources_only(production: Template) -> None:
    resource_less = {
        action
        for role, statement in statements(production)
        if role.startswith("AccessRole") and as_list(statement["Resource"]) == ["*"]
        for action in as_list(statement["Action"])
    }
    written = {action for action in resource_less if not re.match(r"[a-z0-9]+:(Describe|List|Get)", action)}
    assert written == {"ecs:DeregisterTaskDefinition"}, "IAM supports no resource for it"
    assert not any(action.startswith(("iam:", "s3:", "kms:", "dynamodb:")) for action in resource_less)


def test_a_worker_of_another_account_answers_with_the_role_for_its_account(
    templates: dict[str, Template], production: Template
) -> None:
    granted = [s for role, s in statements(production) if role.startswith("WorkersRoles")]
    assert not any("states:" in action for one in granted for action in as_list(one["Action"]))
    answering = [text_of(one["Resource"]) for one in granted if one["Action"] == "sts:AssumeRole"]
    role = f"arn:<AWS::Partition>:iam::{HOME}:role/cellar-callback-{PRODUCTION}"
    assert set(answering) == {role}
    accounts = templates["Tidemark-cellar-accounts"]
    callbacks = {
        role["RoleName"]: role
        for role in resources(accounts, "AWS::IAM::Role").values()
        if "RoleName" in role
    }
    for account in (PRODUCTION, RESEARCH):
        callback = callbacks[f"cellar-callback-{account}"]
        (trust,) = callback["AssumeRolePolicyDocument"]["Statement"]
        assert text_of(trust["Principal"]["AWS"]).endswith(f"::{account}:root")
        assert trust["Condition"]["StringEquals"].keys() == {"sts:ExternalId"}
        admitted = map(text_of, trust["Condition"]["ArnLike"]["aws:PrincipalArn"])
        assert {one.partition(":role/")[2] for one in admitted} == {
            f"cellar-{name}-*" for name in (*INDEXING_ROLES, *RESTORE_ROLES)
        }
        (grant,) = callback["Policies"][0]["PolicyDocument"]["Statement"]
        machines = [text_of(each).rpartition(":stateMachine:cellar-")[2] for each in grant["Resource"]]
        assert machines == [f"indexing-session-{account}", f"restore-session-{account}"]


def test_a_worker_in_another_region_answers_in_the_home_region(templates: dict[str, Template]) -> None:
    granted = [
        text_of(one["Resource"])
        for role, one in statements(templates["Tidemark-cellar-eu-west-1"])
        if role.startswith("WorkersRolesTask") and "states:SendTaskSuccess" in as_list(one["Action"])
    ]
    assert granted == [
        f"arn:<AWS::Partition>:states:eu-central-1:{HOME}:stateMachine:cellar-indexing-session"
    ]


def test_the_repository_admits_each_account_to_its_own_indexes_and_restores(
    templates: dict[str, Template],
) -> None:
    main = templates["Tidemark-cellar"]
    (policy,) = resources(main, "AWS::S3::BucketPolicy").values()
    shared: dict[str, Any] = {
        one["Sid"]: one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
    }
    actions = {"Read": "s3:GetObject", "Write": "s3:PutObject", "List": "s3:ListBucket"}
    expected = {f"{who}{what}": action for who in WORKERS for what, action in actions.items()}
    assert {sid: one["Action"] for sid, one in shared.items()} == expected
    own = "/${aws:PrincipalAccount}/"
    for sid, one in shared.items():
        principals = {text_of(each).split("::")[-1] for each in as_list(one["Principal"]["AWS"])}
        assert principals == {f"{PRODUCTION}:root", f"{RESEARCH}:root"}
        roles = [text_of(each) for each in one["Condition"]["ArnLike"]["aws:PrincipalArn"]]
        named = WORKERS[sid.removesuffix("Read").removesuffix("Write").removesuffix("List")]
        assert [role.rpartition(":role/cellar-")[2] for role in roles] == [f"{name}-*" for name in named]
        texts = [text_of(each) for each in as_list(one["Resource"])]
        limited = as_list(one["Condition"]["StringLike"]["s3:prefix"]) if sid.endswith("List") else texts
        assert all(f"some/where/indexes{own}" in each or f"restores{own}" in each for each in limited)
    for who in WORKERS:
        assert not any("manifest" in text_of(each) for each in as_list(shared[f"{who}Write"]["Resource"]))


def test_vaults_admit_the_copies_of_the_configuration(
    templates: dict[str, Template], production: Template, tmp_path: Path
) -> None:
    (target,) = resources(templates["Tidemark-cellar-eu-west-1"], "AWS::Backup::BackupVault").values()
    (statement,) = target["AccessPolicy"]["Statement"]
    assert statement["Action"] == "backup:CopyIntoBackupVault"
    assert text_of(statement["Principal"]["AWS"]).endswith(f"::{PRODUCTION}:root")
    (source,) = resources(production, "AWS::Backup::BackupVault").values()
    assert "AccessPolicy" not in source, "nothing is copied there"
    (key,) = resources(production, "AWS::KMS::Key").values()
    shared = {one["Sid"] for one in key["KeyPolicy"]["Statement"] if "Sid" in one}
    assert shared == {"CopiesToOtherAccounts", "GrantsForCopies"}
    path = tmp_path / "tidemark.yaml"
    path.write_text(CONFIGURATION)
    configuration = load(path, sdk_regions())
    assert copy_accounts(configuration, None, "eu-west-1") == CopyAccounts(sources=(PRODUCTION,))
    assert copy_accounts(configuration, PRODUCTION, "us-east-1") == CopyAccounts(targets=(HOME,))
    assert copy_accounts(configuration, RESEARCH, "us-east-1") == CopyAccounts()


def test_roles_with_many_file_systems_in_several_sites_stay_below_the_limit() -> None:
    many = CONFIGURATION.replace("    keep: 35 days\n  far", f"{MANY}    keep: 35 days\n  far")
    for stack in ("", "-restore", "-production-us-east-1", "-production-us-east-1-restore"):
        path = checked_assembly(many) / f"Tidemark-cellar{stack}.template.json"
        for role in resources(json.loads(path.read_text()), "AWS::IAM::Role").values():
            documents = [one["PolicyDocument"] for one in role.get("Policies", [])]
            sizes = [len(json.dumps(_as_text(one), separators=(",", ":"))) for one in documents]
            assert sum(sizes) < 10_240


def test_only_the_stack_of_restores_has_roles_that_change_files(templates: dict[str, Template]) -> None:
    for name, template in templates.items():
        actions = {action for _, one in statements(template) for action in as_list(one["Action"])}
        may_write = "elasticfilesystem:ClientWrite" in actions or "backup:StartRestoreJob" in actions
        assert may_write == name.endswith("-restore"), name


def _as_text(value: Any) -> Any:
    """Return a document with its references as text, which is longer than their values."""
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
        return text_of(value)
    return {key: _as_text(each) for key, each in value.items()} if isinstance(value, dict) else value
