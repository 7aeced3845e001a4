"""The Lambda functions: one for each file of `lambdas/`, each with its own role."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.bundle import Bundle
from infra.grants import Grant, role
from infra.nag import acknowledge
from infra.names import Names
from infra.services import service
from tidemark.settings import LambdaSettings

MEMORY_MIB = 512  # half would suffice, but CPU is proportional to memory and shortens the cold start
TIMEOUT = Duration.seconds(60)
PLANNING_MEMORY_MIB = 2048  # reads an index, several parts at a time
PLANNING_TIMEOUT = Duration.minutes(15)  # the longest; an index of ten million entries takes less than one
LONG_TIMEOUT = Duration.minutes(10)
# They check every lease and worker, read the records of each file system, or remove many objects.
LONG = ("prune_file_system", "report_protection", "resolve_prune", "sweep")


class Functions(Construct):
    """Functions built from one asset, by the name of their file."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        asset: Bundle,
        settings: LambdaSettings,
        grants: Mapping[str, list[Grant]],
        log_retention: logs.RetentionDays,
        memory_mib: int = MEMORY_MIB,
        timeout: Duration = TIMEOUT,
    ) -> None:
        super().__init__(scope, identifier)
        self._memory_mib, self._timeout = memory_mib, timeout
        self._names = names
        self._log_retention = log_retention
        self._environment = settings.to_environment()
        self._code = lambda_.Code.from_asset(str(asset.directory), asset_hash=asset.hash)
        self.by_file = {file: self._function(file, allowed) for file, allowed in sorted(grants.items())}

    def _function(self, file: str, grants: list[Grant]) -> lambda_.Function:
        name = self._names.function(file)
        identifier = "".join(word.capitalize() for word in file.split("_"))
        log_group = logs.LogGroup(
            self,
            f"{identifier}Log",
            log_group_name=f"/aws/lambda/{name}",
            retention=self._log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        run_as = role(
            self,
            f"{identifier}Role",
            assumed_by=service("lambda.amazonaws.com"),
            description=f"Permissions of {name}",
            grants=[*grants, *_observe(log_group)],
        )
        function = lambda_.Function(
            self,
            identifier,
            function_name=name,
            description=f"Tidemark: lambdas/{file}.py",
            code=self._code,
            handler=f"lambdas.{file}.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=self._memory_mib,
            timeout=LONG_TIMEOUT if file in LONG else self._timeout,
            environment=self._environment,
            role=run_as.without_policy_updates(),
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
        )
        acknowledge(
            function,
            "AwsSolutions-L1",
            "The dependencies are locked and tested for Python 3.13, which AWS supports until 2029.",
        )
        return function


def _observe(log_group: logs.LogGroup) -> list[Grant]:
    return [
        Grant(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(log_group.log_group_arn,),
            why_pattern="The ARN of a log group ends with :* for its streams.",
        ),
        Grant(
            actions=("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
            resources=("*",),
            why_pattern="X-Ray's actions for writing traces have no resource level in IAM.",
        ),
    ]
