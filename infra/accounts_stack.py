"""The stack of what each other account has in the account of the deployment.

IAM cannot restrict an answer to a task token to one execution: a worker with the right to answer a state
machine could answer a stolen token of any of its executions. So the workers of each account have state
machines of their own, and a role that may answer only these (docs/decisions/0028).
"""

from __future__ import annotations

from aws_cdk import Aws, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.grants import Grant, role
from infra.names import Names
from infra.stack import RETENTION
from infra.worker_names import INDEXING_ROLES, RESTORE_ROLES, worker_role_arns
from infra.workflows import Workflows, functions_of
from tidemark.aws.sites import callback_role_name
from tidemark.policy.configuration import Configuration

OF_ACCOUNTS = ("indexing-session", "restore-session")  # the workflows whose workers run in other accounts


class AccountsStack(Stack):
    """State machines and a callback role for each other account."""

    def __init__(self, scope: Construct, *, configuration: Configuration) -> None:
        super().__init__(
            scope,
            f"Tidemark-{configuration.deployment}-accounts",
            env=Environment(account=configuration.account, region=configuration.region),
            description=f"Tidemark {configuration.deployment}: sessions of other accounts",
            suppress_template_indentation=True,
        )
        names = Names(deployment=configuration.deployment, region=configuration.region)
        functions = {
            file: lambda_.Function.from_function_arn(self, f"Function-{file}", names.function_arn(file))
            for workflow in OF_ACCOUNTS
            for file in functions_of(workflow)
        }
        external_ids = {site.account: site.external_id for site in configuration.sites if site.is_foreign}
        for account, external_id in sorted(external_ids.items()):
            Workflows(
                self,
                f"Workflows{account}",
                names=names,
                workflows=OF_ACCOUNTS,
                functions=functions,
                log_retention=RETENTION[configuration.log_days],
                suffix=f"-{account}",
            )
            self._callback(names, account, external_id)

    def _callback(self, names: Names, account: str, external_id: str) -> None:
        machines = [names.state_machine_arn(f"{workflow}-{account}") for workflow in OF_ACCOUNTS]
        role(
            self,
            f"Callback{account}",
            role_name=callback_role_name(names.deployment, account),
            assumed_by=iam.PrincipalWithConditions(
                iam.AccountPrincipal(account),
                {
                    "StringEquals": {"sts:ExternalId": external_id},
                    "ArnLike": {
                        "aws:PrincipalArn": worker_role_arns(
                            names.deployment, Aws.PARTITION, account, (*INDEXING_ROLES, *RESTORE_ROLES)
                        )
                    },
                },
            ),
            description=f"Assumed by the workers of account {account} to answer their sessions",
            grants=[
                Grant(
                    actions=("states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"),
                    resources=tuple(machines),
                )
            ],
        )
