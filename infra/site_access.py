"""The role that the deployment's functions assume in another site, limited to the site's own resources."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.backup_grants import BackupGrants
from infra.file_systems import on_file_systems
from infra.grants import NO_LEVEL, Grant, role
from infra.names import Names
from infra.worker_grants import WorkerGrants
from tidemark.aws.sites import site_role_name
from tidemark.aws.workers import PLACING
from tidemark.policy.sites import Site, site_parameter


class SiteAccess(Construct):
    """One role: everything that functions do in the site for backups, copies and indexes."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        site: Site,
        names: Names,
        home: Names,
        backups: BackupGrants,
        workers: WorkerGrants,
    ) -> None:
        """`home` are the names of the home site, `names` those of the site."""
        super().__init__(scope, identifier)
        self.role = role(
            self,
            "Role",
            role_name=site_role_name(names.deployment, names.region),
            assumed_by=trusted(site, home),
            description="Assumed by the functions of Tidemark's deployment",
            grants=distinct(
                [
                    Grant(
                        actions=("ssm:GetParameter",),
                        resources=(names.arn("ssm", f"parameter{site_parameter(names.deployment)}"),),
                    ),
                    *backups.describe_vaults(),
                    *backups.start_backup(),
                    *backups.start_copy(),
                    *backups.poll_backup_jobs(),
                    *backups.poll_copy_jobs(),
                    *backups.list_jobs(),
                    *backups.describe_points(),
                    *backups.find_points(),
                    *backups.hold_points(),
                    *backups.change_tags(),
                    *on_file_systems(
                        names,
                        backups.file_systems,
                        "DescribeFileSystems",
                        "DescribeMountTargets",
                        "DescribeMountTargetSecurityGroups",
                    ),
                    # EFS calls EC2 on behalf of its caller. Source: EFS API Reference,
                    # DescribeMountTargetSecurityGroups.
                    Grant(
                        actions=("ec2:DescribeNetworkInterfaceAttribute",),
                        resources=("*",),
                        why_pattern=NO_LEVEL,
                    ),
                    *workers.find_planned_network(),
                    *workers.register_task(),
                    *workers.launch(),
                    *workers.remove_workers(),
                    workers.terminate(PLACING),  # what the sweeper finds
                    *workers.find_task_definitions(),
                    *workers.deregister_tasks(),
                ]
            ),
        )


def trusted(site: Site, home: Names) -> iam.IPrincipal:
    """Return the deployment's account as a principal; another account demands its external id in addition.

    Only functions with a grant for the role can assume it: within and across accounts, their own policies
    decide, too.
    """
    account = iam.AccountPrincipal(home.account_id)
    if not site.is_foreign:
        return account
    return iam.PrincipalWithConditions(account, {"StringEquals": {"sts:ExternalId": site.external_id}})


def distinct(grants: Iterable[Grant]) -> list[Grant]:
    """Return the grants without repetitions; those without a level in IAM as one.

    A role's policies may have 10,240 characters.
    """
    named: list[Grant] = []
    without_level: list[str] = []
    for grant in grants:
        if grant.resources == ("*",) and not grant.conditions:
            without_level += grant.actions
        elif grant not in named:
            named.append(grant)
    actions = tuple(sorted(set(without_level)))
    return [*named, Grant(actions=actions, resources=("*",), why_pattern=NO_LEVEL)]
