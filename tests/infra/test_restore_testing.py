"""Restore testing plans select the points of their policies, and their jobs start the verification."""

from __future__ import annotations

import json

from tests.infra.assemblies import assembly
from tests.infra.template import Template, resources, text_of

MANY = """\
region: eu-central-1
vaults: {{eu-central-1: wine}}
policies:
  nightly:
    file_systems: [{file_systems}]
    keep: 35 days
    restore_testing: {{schedule: {{cron: 0 4 ? * SUN *}}}}
"""


def test_a_policy_with_restore_testing_has_a_plan_for_its_vault(main: Template) -> None:
    (plan,) = resources(main, "AWS::Backup::RestoreTestingPlan").values()
    assert plan["RestoreTestingPlanName"] == "cellar__nightly"
    assert (plan["ScheduleExpression"], plan["ScheduleExpressionTimezone"]) == (
        "cron(0 4 ? * SUN *)",
        "Europe/Berlin",
    )
    points = plan["RecoveryPointSelection"]
    (vault,) = points.pop("IncludeVaults")
    assert text_of(vault).endswith(":backup-vault:wine")
    assert points == {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "RecoveryPointTypes": ["SNAPSHOT"],
        "SelectionWindowDays": 14,
    }


def test_the_selection_has_the_file_systems_of_the_policy(main: Template) -> None:
    (selection,) = resources(main, "AWS::Backup::RestoreTestingSelection").values()
    assert selection["ProtectedResourceType"] == "EFS"
    arns = [text_of(arn) for arn in selection["ProtectedResourceArns"]]
    assert [arn.rpartition("/")[2] for arn in arns] == ["fs-0123456789abcdef0", "fs-0123456789abcdef1"]
    assert selection["ValidationWindowHours"] == 48
    assert "ProtectedResourceConditions" not in selection
    (role,) = (
        name
        for name, one in resources(main, "AWS::IAM::Role").items()
        if one.get("RoleName") == "cellar-restore-role"
    )
    assert selection["IamRoleArn"] == {"Fn::GetAtt": [role, "Arn"]}


def test_more_file_systems_than_a_selection_accepts_are_divided() -> None:
    ids = [f"fs-{number:017x}" for number in range(61)]
    built = assembly(MANY.format(file_systems=", ".join(ids)))
    template = json.loads((built / "Tidemark-tidemark-restore.template.json").read_text())
    selections = resources(template, "AWS::Backup::RestoreTestingSelection").values()
    found = [[text_of(arn) for arn in one["ProtectedResourceArns"]] for one in selections]
    assert sorted(map(len, found)) == [1, 30, 30]
    assert sorted(arn.rpartition("/")[2] for arns in found for arn in arns) == ids
    assert len({one["RestoreTestingSelectionName"] for one in selections}) == 3


def test_ended_jobs_of_the_deployments_plans_start_the_verification(main: Template) -> None:
    rules = resources(main, "AWS::Events::Rule").values()
    (rule,) = (one for one in rules if one["Name"] == "cellar-restore-tests")
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.backup"], ["Restore Job State Change"])
    assert set(pattern["detail"]["status"]) == {"COMPLETED", "FAILED", "ABORTED"}
    (plans,) = pattern["detail"]["restoreTestingPlanArn"]
    assert text_of(plans["prefix"]).endswith(":restore-testing-plan:cellar__")
    (target,) = rule["Targets"]
    (role,) = (
        one
        for name, one in resources(main, "AWS::IAM::Role").items()
        if target["RoleArn"] == {"Fn::GetAtt": [name, "Arn"]}
    )
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "states:StartExecution"
    assert statement["Resource"] == target["Arn"]
