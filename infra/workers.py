"""Resources that workers require: cluster, image, roles, logs."""

from __future__ import annotations

from aws_cdk import AssetStaging, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.bundle import Bundle
from infra.grants import Grant, role
from infra.names import Names
from infra.worker_grants import WorkerGrants
from infra.worker_roles import FileSystems, Work, WorkerRoles, tasks
from tidemark.aws.workers import INDEXING


class Workers(Construct):
    """The static resources of workers; `lambdas/` creates task definitions and instances for each crawl."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        context: Bundle,
        work: Work,
        file_systems: FileSystems,
        log_retention: logs.RetentionDays,
        shared_suffix: str | None = None,
    ) -> None:
        """`work` is that of indexing workers; `shared_suffix` is as in WorkerRoles."""
        super().__init__(scope, identifier)
        self._names = names
        # The L1 resource: the CDK's Cluster would create a VPC, but workers run in the file system's VPC.
        self.cluster_name = names.cluster_name()
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            cluster_settings=[
                ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")
            ],
        )
        # Not DockerImageAsset: its hash would cover the whole directory, including host-compiled files.
        staged = AssetStaging(self, "Context", source_path=str(context.directory), asset_hash=context.hash)
        image = Stack.of(self).synthesizer.add_docker_image_asset(
            source_hash=staged.asset_hash,
            directory_name=staged.relative_staged_path(Stack.of(self)),
            docker_file="worker_image/Dockerfile",
            platform="linux/arm64",
            display_name="Tidemark's worker",
        )
        self.image_uri = image.image_uri
        self._images = ecr.Repository.from_repository_name(self, "Images", image.repository_name)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/{names.deployment}/worker",
            retention=log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.execution_role = role(
            self,
            "ExecutionRole",
            assumed_by=tasks(names),
            description="Permissions of ECS to start a worker: pull the image, write the log",
            grants=self.start(),
        )
        self.roles = WorkerRoles(
            self,
            "Roles",
            names=names,
            file_systems=file_systems,
            task=names.named("task"),
            instance=names.named("ec2"),
            description="read its file system, write its index",
            work=work,
            start=self.start(),
            shared_suffix=shared_suffix,
        )

    def start(self) -> list[Grant]:
        """Return the grants to start a worker: pull the image, write the log."""
        return [*self._pull(), *self._log()]

    def grants(self, file_systems: list[str]) -> WorkerGrants:
        """Return the permissions of functions that launch and remove indexing workers."""
        return WorkerGrants(
            names=self._names,
            file_systems=file_systems,
            purpose=INDEXING,
            roles=self.roles,
            execution_role=self.execution_role,
            cluster_name=self.cluster_name,
        )

    def _pull(self) -> list[Grant]:
        return [
            Grant(
                actions=("ecr:GetAuthorizationToken",),
                resources=("*",),
                why_pattern="ecr:GetAuthorizationToken has no resource level in IAM.",
            ),
            Grant(
                actions=(
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ),
                resources=(self._images.repository_arn,),
            ),
        ]

    def _log(self) -> list[Grant]:
        return [
            Grant(
                actions=("logs:CreateLogStream", "logs:PutLogEvents"),
                resources=(self.log_group.log_group_arn,),
                why_pattern="The ARN of a log group ends with :* for its streams.",
            )
        ]
