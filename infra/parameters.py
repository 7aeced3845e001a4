"""What functions and the CLI look up: the deployment's resources, and its policies."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.names import Names
from tidemark.policy.policy import Policy, policy_parameter, resources_parameter
from tidemark.settings import LambdaSettings


class Parameters(Construct):
    """SSM parameters. Intelligent tiering, for a policy of many file systems is longer than 4 KB."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        settings: LambdaSettings,
        vaults: dict[str, str],
        policies: tuple[Policy, ...],
    ) -> None:
        super().__init__(scope, identifier)
        resources = {
            "account": Aws.ACCOUNT_ID,
            "region": names.region,
            "sessions_table": settings.sessions_table,
            "indexes_table": settings.indexes_table,
            "repository": settings.repository,
            "tag_key": settings.tag_key,
            "policy_run": names.state_machine_arn("policy-run"),
            "backup_session": names.state_machine_arn("backup-session"),
            "indexing_session": names.state_machine_arn("indexing-session"),
            "vaults": vaults,
        }
        self._parameter(
            "Resources", resources_parameter(names.deployment), Stack.of(self).to_json_string(resources)
        )
        for policy in policies:
            self._parameter(
                f"Policy-{policy.name}", policy_parameter(names.deployment, policy.name), policy.to_json()
            )

    def _parameter(self, identifier: str, name: str, value: str) -> None:
        ssm.StringParameter(
            self,
            identifier,
            parameter_name=name,
            string_value=value,
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            simple_name=False,
        )
