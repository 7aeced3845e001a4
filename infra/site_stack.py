"""The stack of another site: what must be in the account and Region of its file systems."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.backup_grants import BackupGrants
from infra.backup_role import backup_role
from infra.bundle import Bundle
from infra.copies import copy_accounts
from infra.grants import Grant
from infra.names import Names
from infra.repository_grants import DistantRepository
from infra.site_access import SiteAccess
from infra.site_events import SiteEvents
from infra.stack import RETENTION, removal_policy
from infra.vault import Vault
from infra.worker_roles import answering, at_site, file_systems_by_worker, indexing
from infra.workers import Workers
from tidemark.aws.sites import SITE_SETTINGS, callback_role_name
from tidemark.policy.configuration import Configuration
from tidemark.policy.sites import Site, site_parameter


def stack_name(configuration: Configuration, site: Site) -> str:
    """Return the name of a site's stack, which in the deployment's account is that of its vault of copies."""
    place = f"{site.name}-{site.region}" if site.is_foreign else site.region
    return f"Tidemark-{configuration.deployment}-{place}"


class SiteStack(Stack):
    """A site's vault, workers and roles, which the functions of the deployment use."""

    def __init__(
        self, scope: Construct, *, configuration: Configuration, site: Site, worker_context: Bundle
    ) -> None:
        account = site.account or configuration.account
        super().__init__(
            scope,
            stack_name(configuration, site),
            env=Environment(account=account, region=site.region),
            description=f"Tidemark {configuration.deployment}: backups and indexes in {site.region}",
            suppress_template_indentation=True,
        )
        self.names = names = Names(deployment=configuration.deployment, region=site.region)
        self.home = home = Names(
            deployment=configuration.deployment, region=configuration.region, account=configuration.account
        )
        Vault(
            self,
            "Vault",
            deployment=names.deployment,
            name=site.vault,
            removal=removal_policy(configuration),
            copies=copy_accounts(configuration, site.account or None, site.region),
        )
        self.file_systems = named = at_site(configuration.policies, site.prefix)
        bucket, prefix = configuration.bucket, configuration.prefix
        self.repository = repository = DistantRepository(home, bucket_name=bucket, prefix=prefix)
        self.workers = workers = Workers(
            self,
            "Workers",
            names=names,
            context=worker_context,
            work=indexing(names, repository, answer_of(home, site, "indexing-session")),
            file_systems=file_systems_by_worker(configuration.policies, prefix=site.prefix),
            log_retention=RETENTION[configuration.log_days],
            shared_suffix=f"all-{site.region}",
        )
        backups = BackupGrants(
            names=names,
            vaults={site.region: site.vault},
            file_systems=named,
            backup_role=backup_role(self, "BackupRole"),
        )
        SiteAccess(
            self,
            "Access",
            site=site,
            names=names,
            home=home,
            backups=backups,
            workers=workers.grants(named),
        )
        SiteEvents(self, "Events", names=names, home=home, cluster=workers.cluster)
        values = {
            "backup_role": backups.backup_role.role_arn,
            "cluster": workers.cluster.attr_arn,
            "worker_image": workers.image_uri,
            "worker_task_role": workers.roles.task_role_arn,
            "worker_execution_role": workers.execution_role.role_arn,
            "worker_instance_profile": workers.roles.instance_profile_arn,
            "worker_log_group": workers.log_group.log_group_name,
        }
        assert values.keys() == set(SITE_SETTINGS)  # noqa: S101  # what functions read
        ssm.StringParameter(
            self,
            "Site",
            parameter_name=site_parameter(names.deployment),
            string_value=self.to_json_string(values),
            simple_name=False,
        )


def answer_of(home: Names, site: Site, workflow: str) -> Grant:
    """Return the grant with which workers of a site answer the sessions of a workflow in the home site."""
    if not site.is_foreign:
        return answering(home, workflow)
    name = callback_role_name(home.deployment, site.account)
    return Grant(actions=("sts:AssumeRole",), resources=(home.arn("iam", f"role/{name}", region=""),))
