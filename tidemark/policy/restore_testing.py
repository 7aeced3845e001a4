"""Restore testing plans of AWS Backup: their settings, and their names, which name the policy.

A name has letters, digits and underscores, at most 50. Deployments and policies have no underscores, so each
plan has one name. Source: CreateRestoreTestingPlan, RestoreTestingPlanName.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta

from tidemark.policy.policy import Schedule

LONGEST_PLAN_NAME = 50
LONGEST_VALIDATION = timedelta(hours=168)  # source: RestoreTestingSelection, ValidationWindowHours
# Source: AWS Backup Developer Guide, "Restore testing quotas and parameters"
MOST_SELECTIONS, MOST_ARNS = 30, 30
MOST_PLANS = 100  # of an account, in each Region
MOST_FILE_SYSTEMS = MOST_SELECTIONS * MOST_ARNS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTesting:
    """When AWS Backup restores the newest recovery points of a policy to verify them."""

    policy: str
    file_systems: tuple[str, ...]
    schedule: Schedule  # a cron expression
    window_days: int  # only points of the last days are tested
    validation_hours: int  # after a restore, until AWS Backup deletes the restored file system

    def selections(self) -> Iterator[Sequence[str]]:
        """Yield the file systems in lists that fit into one selection each."""
        for first in range(0, len(self.file_systems), MOST_ARNS):
            yield self.file_systems[first : first + MOST_ARNS]


def plan_name(deployment: str, policy: str) -> str:
    """Return the name of a policy's plan, such as `tidemark__nightly`; it may be too long."""
    return f"{plan_prefix(deployment)}{_underscored(policy)}"


def plan_prefix(deployment: str) -> str:
    """Return the text with which the names of a deployment's plans begin."""
    return f"{_underscored(deployment)}__"


def policy_of_plan(deployment: str, plan_arn: str) -> str | None:
    """Return the policy of a plan of the deployment; None for any other plan, and for an empty ARN."""
    resource = plan_arn.rpartition(":")[2]
    # AWS Backup appends a hyphen and random characters to the name, which has no hyphen.
    name = resource.partition("-")[0]
    prefix = plan_prefix(deployment)
    if not name.startswith(prefix) or name == prefix:
        return None
    return name.removeprefix(prefix).replace("_", "-")


def _underscored(name: str) -> str:
    return name.replace("-", "_")
