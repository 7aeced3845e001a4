"""The stack of restores in another site: the roles that may change file systems there.

Separate from the site's stack, as the stack of restores is from the main one: without it, no role of the
deployment can change a file system of the site.
"""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.backup_role import RESTORE_ROLE, restore_role
from infra.grants import NO_LEVEL, Grant, pass_role, role
from infra.site_access import distinct, trusted
from infra.site_stack import SiteStack, answer_of, stack_name
from infra.worker_grants import WorkerGrants
from infra.worker_roles import WorkerRoles, file_systems_by_worker, placing
from tidemark.aws.sites import RESTORE_SETTINGS, site_role_name
from tidemark.aws.workers import PLACING
from tidemark.policy.configuration import Configuration
from tidemark.policy.sites import Site, site_parameter


class SiteRestoreStack(Stack):
    """Restores of a site's recovery points to its file systems."""

    def __init__(
        self, scope: Construct, *, configuration: Configuration, site: Site, main: SiteStack
    ) -> None:
        """`main` is the site's stack."""
        super().__init__(
            scope,
            f"{stack_name(configuration, site)}-restore",
            env=Environment(account=site.account or configuration.account, region=site.region),
            description=f"Tidemark {configuration.deployment}: restores in {site.region}",
            suppress_template_indentation=True,
        )
        names, home = main.names, main.home
        roles = WorkerRoles(
            self,
            "Roles",
            names=names,
            file_systems=file_systems_by_worker(
                configuration.policies, all_policies=True, prefix=site.prefix
            ),
            task=names.named("restore-task"),
            instance=names.named("restore-ec2"),
            description="write its file system, place restored files",
            work=placing(names, main.repository, answer_of(home, site, "restore-session")),
            start=main.workers.start(),
            shared_suffix=f"all-{site.region}",
        )
        restores = restore_role(self, "RestoreRole", name=f"{names.named(RESTORE_ROLE)}-{site.region}")
        workers = WorkerGrants(
            names=names,
            file_systems=main.file_systems,
            purpose=PLACING,
            roles=roles,
            execution_role=main.workers.execution_role,
            cluster_name=main.workers.cluster_name,
        )
        role(
            self,
            "Access",
            role_name=site_role_name(names.deployment, site.region, "restores"),
            assumed_by=trusted(site, home),
            description="Assumed by the functions of Tidemark's deployment to restore",
            grants=distinct(
                [
                    Grant(
                        actions=("ssm:GetParameter",),
                        resources=(
                            names.arn("ssm", f"parameter{site_parameter(names.deployment, 'restores')}"),
                        ),
                    ),
                    Grant(
                        actions=("backup:StartRestoreJob",),
                        resources=(names.recovery_point_arns(site.region),),
                        why_pattern="AWS Backup generates the ids of recovery points.",
                    ),
                    Grant(actions=("backup:DescribeRestoreJob",), resources=("*",), why_pattern=NO_LEVEL),
                    pass_role(restores, "backup.amazonaws.com"),
                    *workers.find_network(),
                    *workers.register_task(),
                    *workers.launch(),
                    *workers.remove_workers(),
                    *workers.find_task_definitions(),
                    *workers.deregister_tasks(),
                ]
            ),
        )
        values = {
            "cluster": main.workers.cluster.attr_arn,
            "worker_image": main.workers.image_uri,
            "worker_execution_role": main.workers.execution_role.role_arn,
            "worker_log_group": main.workers.log_group.log_group_name,
            "restore_role": restores.role_arn,
            "restore_task_role": roles.task_role_arn,
            "restore_instance_profile": roles.instance_profile_arn,
        }
        assert values.keys() == set(RESTORE_SETTINGS)  # noqa: S101  # what functions read
        ssm.StringParameter(
            self,
            "Site",
            parameter_name=site_parameter(names.deployment, "restores"),
            string_value=self.to_json_string(values),
            simple_name=False,
        )
