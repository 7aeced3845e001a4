"""SSM parameters that functions and the CLI read: the deployment's resources and policies."""

from __future__ import annotations

from aws_cdk import Aws, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.names import Names
from tidemark.policy.documents import documents, list_parameter
from tidemark.policy.policy import Policy, policy_parameter, resources_parameter
from tidemark.policy.sites import Site, sites_parameter, to_json
from tidemark.settings import LambdaSettings


class Parameters(Construct):
    """SSM parameters. Intelligent tiering, because a policy may exceed the 4 KB of a standard parameter."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        settings: LambdaSettings,
        vaults: dict[str, str],
        policies: tuple[Policy, ...],
        sites: tuple[Site, ...] = (),
    ) -> None:
        """`sites` are those other than the home site."""
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
            "prune_run": names.state_machine_arn("prune-run"),
            "indexing_session": names.state_machine_arn("indexing-session"),
            "restores_table": settings.restores_table,
            "restore_session": names.state_machine_arn("restore-session"),
            "vaults": vaults,
            **({"sites": settings.sites} if settings.sites else {}),
        }
        self._parameter(
            "Resources", resources_parameter(names.deployment), Stack.of(self).to_json_string(resources)
        )
        if sites:
            self._parameter("Sites", sites_parameter(names.deployment), to_json(sites))
        for policy in policies:
            self._policy(names.deployment, policy)

    def _policy(self, deployment: str, policy: Policy) -> None:
        stored = documents(policy)
        lists = [
            self._parameter(
                f"Policy-{policy.name}-{name}", list_parameter(deployment, policy.name, name), value
            )
            for name, value in stored.lists.items()
        ]
        own = self._parameter(f"Policy-{policy.name}", policy_parameter(deployment, policy.name), stored.own)
        own.node.add_dependency(*lists)  # a policy never names a list that does not exist

    def _parameter(self, identifier: str, name: str, value: str) -> ssm.StringParameter:
        return ssm.StringParameter(
            self,
            identifier,
            parameter_name=name,
            string_value=value,
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            simple_name=False,
        )
