"""The stacks of a deployment. They only compose."""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.backup_role import RESTORE_ROLE, backup_role
from infra.bundle import Bundle
from infra.copies import copy_accounts
from infra.function_grants import FunctionGrants
from infra.functions import Functions
from infra.keys import key
from infra.monitoring import Monitoring
from infra.names import Names
from infra.notifications import Notifications
from infra.parameters import Parameters
from infra.records import Records
from infra.repository import Repository
from infra.schedules import Schedules
from infra.site_events import SiteEventsAtHome
from infra.vault import Vault
from infra.worker_events import WorkerEvents
from infra.worker_roles import (
    RESTORE_NEW_TASK,
    VERIFICATION_TASK,
    at_site,
    file_systems_by_worker,
    indexing,
    role_pattern,
)
from infra.workers import Workers
from infra.workflows import WORKFLOWS, Workflows
from tidemark.aws.executions import console
from tidemark.policy.configuration import Configuration
from tidemark.policy.sites import sites_parameter
from tidemark.sessions.schema import INDEXES, RESTORES, SESSIONS
from tidemark.settings import LambdaSettings

RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


class CopyStack(Stack):
    """The vault of copies in one other Region."""

    def __init__(self, scope: Construct, *, configuration: Configuration, region: str) -> None:
        super().__init__(
            scope,
            f"Tidemark-{configuration.deployment}-{region}",
            env=Environment(account=configuration.account, region=region),
            description=f"Tidemark {configuration.deployment}: copies of recovery points in {region}",
        )
        Vault(
            self,
            "Vault",
            deployment=configuration.deployment,
            name=configuration.vaults[region],
            removal=removal_policy(configuration),
            copies=copy_accounts(configuration, None, region),
        )


class TidemarkStack(Stack):
    """All of a deployment except the vaults of copies."""

    def __init__(
        self, scope: Construct, *, configuration: Configuration, lambda_asset: Bundle, worker_context: Bundle
    ) -> None:
        super().__init__(
            scope,
            f"Tidemark-{configuration.deployment}",
            env=Environment(account=configuration.account, region=configuration.region),
            description=f"Tidemark {configuration.deployment}: backups of EFS and their indexes",
            suppress_template_indentation=True,  # a third of a large template; the limit is 1 MB
        )
        names = Names(deployment=configuration.deployment, region=configuration.region)
        vaults, sites = configuration.home_vaults, configuration.sites
        self.file_systems = file_systems = at_site(configuration.policies)
        removal = removal_policy(configuration)
        retention = RETENTION[configuration.log_days]

        self.records = records = Records(self, "Records", names=names, removal=removal)
        self.repository = repository = Repository(
            self,
            "Repository",
            names=names,
            bucket_name=configuration.bucket,
            prefix=configuration.prefix,
            removal=removal,
            accounts=configuration.accounts,
        )
        tag_key = key(
            self,
            "TagKey",
            description=f"Tidemark {names.deployment}: tags of recovery points",
            removal=removal,
        )
        Vault(
            self,
            "Vault",
            deployment=names.deployment,
            name=vaults[names.region],
            removal=removal,
            copies=copy_accounts(configuration, None, names.region),
        )
        backups = backup_role(self, "BackupRole")
        self.notifications = notifications = Notifications(
            self, "Notifications", names=names, email=configuration.email
        )
        self.workers = workers = Workers(
            self,
            "Workers",
            names=names,
            context=worker_context,
            work=indexing(names, repository),
            file_systems=file_systems_by_worker(configuration.policies),
            log_retention=retention,
        )
        self.settings = settings = LambdaSettings(
            deployment=names.deployment,
            account=Aws.ACCOUNT_ID,
            region=names.region,
            sessions_table=SESSIONS.table_name(names.deployment),
            indexes_table=INDEXES.table_name(names.deployment),
            repository=repository.url,
            tag_key=tag_key.key_arn,
            backup_role=backups.role_arn,
            topic=notifications.topic.topic_arn,
            indexing_session=names.state_machine_arn("indexing-session"),
            cluster=workers.cluster.attr_arn,
            worker_image=workers.image_uri,
            worker_task_role=workers.roles.task_role_arn,
            worker_execution_role=workers.execution_role.role_arn,
            worker_instance_profile=workers.roles.instance_profile_arn,
            worker_log_group=workers.log_group.log_group_name,
            # By name, because the stack of restores depends on this one. Its own functions get its roles.
            restores_table=RESTORES.table_name(names.deployment),
            restore_session=names.state_machine_arn("restore-session"),
            restore_test=names.state_machine_arn("restore-test"),
            restore_role=names.arn("iam", f"role/{names.named(RESTORE_ROLE)}", region=""),
            restore_task_role=role_pattern(names, "role", names.named("restore-task")),
            restore_instance_profile=role_pattern(names, "instance-profile", names.named("restore-ec2")),
            restore_new_task_role=names.arn("iam", f"role/{names.named(RESTORE_NEW_TASK)}", region=""),
            verification_task_role=names.arn("iam", f"role/{names.named(VERIFICATION_TASK)}", region=""),
            sites=sites_parameter(names.deployment) if sites else "",
        )
        self.grants = grants = FunctionGrants(
            names=names,
            vaults=vaults,
            file_systems=file_systems,
            records=records,
            repository=repository,
            tag_key=tag_key,
            backup_role=backups,
            notifications=notifications,
            workers=workers,
            sites=sites,
            selects=any(policy.selection for policy in configuration.policies),
        )
        functions = Functions(
            self,
            "Functions",
            names=names,
            asset=lambda_asset,
            settings=settings,
            grants=grants.table(),
            log_retention=retention,
        )
        workflows = Workflows(
            self,
            "Workflows",
            names=names,
            workflows=WORKFLOWS,
            functions=functions.by_file,
            log_retention=retention,
            accounts=configuration.accounts,
        )
        WorkerEvents(
            self,
            "WorkerEvents",
            names=names,
            cluster=workers.cluster,
            worker_stopped=functions.by_file["worker_stopped"],
            other_clusters=[
                Names(
                    deployment=names.deployment, region=site.region, account=site.account or None
                ).cluster_arn()
                for site in sites
            ],
        )
        SiteEventsAtHome(self, "SiteEvents", names=names, accounts=configuration.accounts)
        schedules = Schedules(
            self,
            "Schedules",
            names=names,
            policies=configuration.policies,
            notifications=notifications,
            policy_run_arn=workflows.by_name["policy-run"].state_machine_arn,
            sweep_arn=functions.by_file["sweep"].function_arn,
            prune_run_arn=workflows.by_name["prune-run"].state_machine_arn,
            report_arn=functions.by_file["report_protection"].function_arn,
            daily_report=configuration.daily_report,
        )
        Parameters(
            self,
            "Parameters",
            names=names,
            settings=settings,
            vaults=vaults,
            policies=configuration.policies,
            sites=sites,
        )
        Monitoring(
            self,
            "Monitoring",
            names=names,
            notifications=notifications,
            machines=workflows.by_name,
            functions=functions.by_file,
            dead_letters=schedules.dead_letters,
        )
        self._tell(names, settings, workflows, schedules)

    def _tell(
        self, names: Names, settings: LambdaSettings, workflows: Workflows, schedules: Schedules
    ) -> None:
        in_console = console(names.region)
        policy_run = workflows.by_name["policy-run"].state_machine_arn
        outputs = {
            "Deployment": ("Set TIDEMARK_DEPLOYMENT to this name for the CLI", names.deployment),
            "RepositoryUrl": ("Repository of the indexes", settings.repository),
            "PolicyRunStateMachine": ("State machine that runs a policy", policy_run),
            "PolicyRunConsole": (
                "Start or rerun a policy in the console",
                f"{in_console}/states/home?region={names.region}#/statemachines/view/{policy_run}",
            ),
            "DashboardConsole": (
                "Sessions and errors at a glance",
                f"{in_console}/cloudwatch/home?region={names.region}#dashboards:name={names.deployment}",
            ),
            "ResultsTopic": ("Subscribe to be notified of failed sessions and alarms", settings.topic),
            "DeadLetterQueue": (
                "Messages of schedules that could not start",
                schedules.dead_letters.queue_url,
            ),
        }
        for identifier, (description, value) in outputs.items():
            CfnOutput(self, identifier, description=description, value=value)


def removal_policy(configuration: Configuration) -> RemovalPolicy:
    """Return the removal policy of resources that hold a user's data, and of their keys.

    Resources of a failed first deployment hold no data and are always deleted: their fixed names would make
    the next deployment fail. Source: AWS CloudFormation User Guide, "DeletionPolicy attribute",
    RetainExceptOnCreate.
    """
    kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    return kept if configuration.keep_on_destroy else RemovalPolicy.DESTROY
