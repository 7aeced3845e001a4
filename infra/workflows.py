"""The state machines, from `tidemark/workflows/*.asl.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.grants import Grant, role
from infra.names import Names
from infra.services import service

DIRECTORY = Path(__file__).resolve().parents[1] / "tidemark" / "workflows"
WORKFLOWS = ("policy-run", "backup-session", "indexing-session", "prune-run")
RESTORE_WORKFLOWS = ("restore-session",)
DRILL_WORKFLOWS = ("drill-run", "restore-session")  # for policies with drills on a schedule
RESTORE_TEST_WORKFLOWS = ("restore-test",)  # for policies with restore testing
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class Workflows(Construct):
    """The state machines by name; each can only invoke the functions and start the machine that it names."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        workflows: Sequence[str],
        functions: Mapping[str, lambda_.IFunction],
        log_retention: logs.RetentionDays,
        suffix: str = "",
        accounts: Sequence[str] = (),
    ) -> None:
        """`suffix` follows the names of the state machines. A workflow that starts one without waiting for it
        may also start those of `accounts`, which have their ids as suffixes.
        """
        super().__init__(scope, identifier)
        self._names = names
        self._log_retention = log_retention
        self._suffix, self._accounts = suffix, accounts
        values = {f"{_camel(file)}Function": function.function_arn for file, function in functions.items()}
        values |= {f"{_camel(name)}StateMachine": names.state_machine_arn(name) for name in workflows}
        values["Partition"] = Aws.PARTITION
        self._workflows = workflows
        self.by_name = {name: self._machine(name, values) for name in workflows}

    def _machine(self, name: str, values: Mapping[str, str]) -> sfn.StateMachine:
        definition = (DIRECTORY / f"{name}.asl.json").read_text()
        used = sorted(set(PLACEHOLDER.findall(definition)))
        log_group = logs.LogGroup(
            self,
            f"{_camel(name)}Log",
            # For this prefix, Step Functions needs no resource policy that grows with every log group.
            log_group_name=f"/aws/vendedlogs/states/{self._named(name)}",
            retention=self._log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        functions = [values[placeholder] for placeholder in used if placeholder.endswith("Function")]
        nested = [workflow for workflow in self._workflows if f"{_camel(workflow)}StateMachine" in used]
        waited_for = nested if "states:startExecution.sync" in definition else []
        run_as = role(
            self,
            f"{_camel(name)}Role",
            assumed_by=service("states.amazonaws.com"),
            description=f"Permissions of the state machine {self._named(name)}",
            grants=[
                Grant(actions=("lambda:InvokeFunction",), resources=tuple(functions)),
                *(self._start(workflow, waits=workflow in waited_for) for workflow in nested),
                *(grant for workflow in waited_for for grant in self._wait_for(workflow)),
                *_observe(),
            ],
        )
        return sfn.StateMachine(
            self,
            _camel(name),
            state_machine_name=self._named(name),
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions={placeholder: values[placeholder] for placeholder in used},
            role=run_as.without_policy_updates(),
            tracing_enabled=True,
            # Events without their data, which contains task tokens; the console shows it for 90 days.
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
        )

    def _named(self, workflow: str) -> str:
        return self._names.named(workflow) + self._suffix

    def _start(self, workflow: str, *, waits: bool) -> Grant:
        others = () if waits else self._accounts
        names = (workflow, *(f"{workflow}-{account}" for account in others))
        return Grant(
            actions=("states:StartExecution",), resources=tuple(map(self._names.state_machine_arn, names))
        )

    def _wait_for(self, workflow: str) -> list[Grant]:
        """Source: AWS Step Functions Developer Guide, IAM policies for startExecution.sync."""
        return [
            Grant(
                actions=("states:DescribeExecution", "states:StopExecution"),
                resources=(self._names.execution_arns(workflow),),
                why_pattern="Executions are named at run time; limited to the nested state machine.",
            ),
            Grant(
                actions=("events:PutTargets", "events:PutRule", "events:DescribeRule"),
                resources=(
                    self._names.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
                ),
            ),
        ]


def functions_of(workflow: str) -> list[str]:
    """Return the files of the functions that a workflow invokes, without .py, sorted."""
    definition = (DIRECTORY / f"{workflow}.asl.json").read_text()
    named = {
        found.removesuffix("Function")
        for found in PLACEHOLDER.findall(definition)
        if found.endswith("Function")
    }
    return sorted(re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in named)


def _observe() -> list[Grant]:
    return [
        Grant(
            actions=(
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
            ),
            resources=("*",),
            why_pattern="Log delivery and traces of Step Functions have no resource level in IAM.",
        )
    ]


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in re.split("[-_]", name))
