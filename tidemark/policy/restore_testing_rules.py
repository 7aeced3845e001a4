"""Rules and settings of `restore_testing` in `tidemark.yaml`."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.policy.models import ConfigurationFile, PolicyPart
from tidemark.policy.policy import Schedule
from tidemark.policy.restore_testing import (
    LONGEST_PLAN_NAME,
    MOST_FILE_SYSTEMS,
    MOST_PLANS,
    RestoreTesting,
    plan_name,
)
from tidemark.policy.yaml_lines import KeyPath

# Prefixes of Regions without the resource type AWS::Backup::RestoreTestingPlan.
# Source: CloudFormation's resource schemas of each Region, in cfn-lint.
WITHOUT_RESTORE_TESTING = ("cn-", "us-gov-")
Found = tuple[KeyPath, str]


def settings(name: str, policy: PolicyPart, schedule: Schedule) -> RestoreTesting:
    """Return the restore testing of a policy that has it."""
    part = policy.restore_testing
    assert part is not None  # noqa: S101 - the contract
    return RestoreTesting(
        policy=name,
        file_systems=tuple(policy.file_systems),
        schedule=schedule,
        window_days=part.window_days,
        validation_hours=part.validation_hours,
    )


def policy_problems(
    where: KeyPath, file: ConfigurationFile, name: str, policy: PolicyPart
) -> Iterator[Found]:
    """Yield the problems of a policy's restore testing, except those of its schedule."""
    if file.region.startswith(WITHOUT_RESTORE_TESTING):
        yield where, f"CloudFormation has no restore testing in {file.region}; remove restore_testing"
    if policy.restore_testing and policy.restore_testing.schedule.rate:
        yield (
            (*where, "schedule", "rate"),
            "AWS Backup tests restores by a cron only; write one, or remove it",
        )
    if policy.index is None:
        yield where, "restore testing compares with the index, and index is false; remove one of them"
    too_long = len(plan_name(file.deployment, name)) - LONGEST_PLAN_NAME
    if too_long > 0:
        limit = f"the limit of {LONGEST_PLAN_NAME} characters by {too_long}"
        yield where, f"the name of the restore testing plan exceeds {limit}; shorten the policy's name"
    if len(policy.file_systems) > MOST_FILE_SYSTEMS:
        count = f"{len(policy.file_systems):,} file systems; the limit is {MOST_FILE_SYSTEMS:,}"
        yield where, f"a restore testing plan would have {count}; divide the policy"


def deployment_problems(file: ConfigurationFile) -> Iterator[Found]:
    """Yield a problem if there are more restore testing plans than AWS Backup allows."""
    tested = [name for name, policy in file.policies.items() if policy.restore_testing]
    if len(tested) > MOST_PLANS:
        count = f"{len(tested)} policies have restore testing; AWS Backup allows {MOST_PLANS} plans"
        yield ("policies", tested[MOST_PLANS], "restore_testing"), f"{count}; remove it from some of them"
