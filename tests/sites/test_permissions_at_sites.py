"""Every call of sessions in other accounts and Regions was granted, within the account of its caller."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.infra.judge import Statement, allows
from tests.infra.recording import statements_of_roles
from tests.infra.template import as_list
from tests.infra.test_permissions import OF_EFS, OF_NO_CONSEQUENCE

pytestmark = pytest.mark.cloud
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
# What functions do in other sites only after failures or damage, to prune, or to stop a running worker.
UNUSED = {
    "backup:ListBackupJobs",  # after an expired job
    "backup:ListCopyJobs",
    "backup:ListRecoveryPointsByResource",  # before an index is pruned
    "backup:UpdateRecoveryPointLifecycle",  # holds points while a damage alarm is open
    "ec2:TerminateInstances",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:StopTask",
}


def statements(organization: Deployed) -> dict[str, list[Statement]]:
    """Return the statements of all roles of the organization, by ARN."""
    found: dict[str, list[Statement]] = {}
    for account in organization.cloud.accounts().values():
        found |= statements_of_roles(account)
    return found


def tags(organization: Deployed) -> dict[str, dict[str, str]]:
    """Return the tags of instances as condition keys, by ARN."""
    found = {}
    for account in organization.cloud.accounts().values():
        for region in REGIONS:
            for reservation in account.client("ec2", region).describe_instances()["Reservations"]:
                for one in reservation["Instances"]:
                    arn = f"arn:aws:ec2:{region}:{account.id}:instance/{one['InstanceId']}"
                    found[arn] = {f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in one["Tags"]}
    return found


def test_every_call_was_granted(organization: Deployed, calls: list[dict[str, Any]]) -> None:
    granted, known = statements(organization), tags(organization)
    refused = {
        f"{call['principal']}: {call['action']} on {call['resource']} with {call['context']}"
        for call in calls
        if call["principal"] in granted
        and call["action"] not in OF_NO_CONSEQUENCE | OF_EFS
        and not allows(
            granted[call["principal"]],
            call["action"],
            call["resource"],
            {**call["context"], **known.get(call["resource"], {})},
        )
    }
    assert sorted(refused) == []


def test_the_roles_of_sites_may_do_no_more(organization: Deployed, calls: list[dict[str, Any]]) -> None:
    roles = {
        role: granted
        for role, granted in statements(organization).items()
        if ":role/tidemark-functions-" in role
    }
    assert len(roles) == len({role for role in roles if role.endswith(REGIONS)}) == 4, "one for each site"
    made = {call["action"] for call in calls if call["principal"] in roles}
    allowed = {
        action
        for granted in roles.values()
        for statement in granted
        for action in as_list(statement["Action"])
    }
    assert allowed - made <= UNUSED
