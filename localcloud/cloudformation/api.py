"""The part of CloudFormation's API that the CDK CLI and `LocalCloud.deploy` use."""

from __future__ import annotations

import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from localcloud.cloudformation.quotas import check_body, check_file, check_template
from localcloud.cloudformation.stacks import Stack
from localcloud.core.cloud import ApiCall, AwsError, Cloud, Operation
from localcloud.core.partitions import regional_arn
from localcloud.core.role_clients import Clients

Answer = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class ChangeSet:
    """A change set that is ready to execute."""

    id: str
    name: str
    stack: Stack
    kind: str  # CREATE or UPDATE
    template: dict[str, Any]
    parameters: dict[str, str]
    tags: dict[str, str]
    executed: bool = False

    @property
    def changes(self) -> bool:
        """Whether it contains changes."""
        now = (self.stack.template, self.stack.parameters, self.stack.tags)
        return (self.template, self.parameters, self.tags) != now


class CloudFormation:
    """All stacks of every account and Region."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self._clients = cloud, Clients(cloud)
        # (account, Region, name), without deleted stacks
        self._stacks: dict[tuple[str, str, str], Stack] = {}
        self._deleted: dict[str, Stack] = {}  # by id
        self._exports: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self._change_sets: dict[str, ChangeSet] = {}
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Operation]:
        """Return the handlers by operation name."""
        return {
            "CreateStack": self.create,
            "UpdateStack": self.update,
            "DeleteStack": self.delete,
            "DescribeStacks": self.describe,
            "DescribeStackEvents": self.describe_events,
            "DescribeStackResources": self.describe_resources,
            "DescribeStackResource": self.describe_resource,
            "ListStackResources": lambda call: {"StackResourceSummaries": self._resources(call)},
            "ListStacks": self.list_stacks,
            "ListExports": self.list_exports,
            "GetTemplate": self.get_template,
            "CreateChangeSet": self.create_change_set,
            "DescribeChangeSet": self.describe_change_set,
            "ExecuteChangeSet": self.execute_change_set,
            "DeleteChangeSet": self.delete_change_set,
        }

    def create(self, call: ApiCall) -> Answer:
        """CreateStack."""
        stack = self._new(call, call.params["StackName"])
        with self._forgotten_if_refused(stack):
            self._set(stack, call)
        _in_background(stack.create)
        return {"StackId": stack.id}

    def update(self, call: ApiCall) -> Answer:
        """UpdateStack."""
        stack = self._find(call, call.params["StackName"])
        if "IN_PROGRESS" in stack.status:
            raise AwsError(
                "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            )
        if stack.status == "ROLLBACK_COMPLETE":
            raise AwsError(
                "ValidationError", f"Stack:{stack.id} is in ROLLBACK_COMPLETE state: delete it first."
            )
        before = (stack.template, stack.parameters, stack.tags)
        self._set(stack, call)
        if before == (stack.template, stack.parameters, stack.tags) and stack.status.endswith("E_COMPLETE"):
            raise AwsError("ValidationError", "No updates are to be performed.")
        stack.status = "UPDATE_IN_PROGRESS"
        _in_background(stack.update)
        return {"StackId": stack.id}

    def delete(self, call: ApiCall) -> None:
        """DeleteStack; does nothing for a stack that does not exist."""
        try:
            stack = self._find(call, call.params["StackName"])
        except AwsError:
            return

        def run() -> None:
            if stack.delete():
                with self._lock:
                    self._deleted[stack.id] = self._stacks.pop(_key(stack))

        stack.status = "DELETE_IN_PROGRESS"
        _in_background(run)

    def describe(self, call: ApiCall) -> Answer:
        """DescribeStacks."""
        name = call.params.get("StackName")
        return {
            "Stacks": [_description(one) for one in ([self._find(call, name)] if name else self._here(call))]
        }

    def describe_events(self, call: ApiCall) -> Answer:
        """DescribeStackEvents, newest first."""
        return {"StackEvents": list(reversed(self._find(call, call.params["StackName"]).events))}

    def describe_resources(self, call: ApiCall) -> Answer:
        """DescribeStackResources."""
        wanted = call.params.get("LogicalResourceId")
        found = [one for one in self._resources(call) if wanted in (None, one["LogicalResourceId"])]
        return {"StackResources": found}

    def describe_resource(self, call: ApiCall) -> Answer:
        """DescribeStackResource."""
        found = self.describe_resources(call)["StackResources"]
        if not found:
            logical_id, name = call.params["LogicalResourceId"], call.params["StackName"]
            raise AwsError("ValidationError", f"Resource {logical_id} does not exist for stack {name}")
        return {"StackResourceDetail": found[0]}

    def list_stacks(self, call: ApiCall) -> Answer:
        """ListStacks, oldest first, with deleted stacks (on AWS: for 90 days)."""
        gone = [stack for stack in self._deleted.values() if _is_here(stack, call)]
        return {"StackSummaries": [_description(stack) for stack in [*gone, *self._here(call)]]}

    def list_exports(self, call: ApiCall) -> Answer:
        """ListExports."""
        exports = self._exports[call.account_id, call.region]
        return {"Exports": [{"Name": name, "Value": value} for name, value in exports.items()]}

    def get_template(self, call: ApiCall) -> Answer:
        """GetTemplate, always as JSON."""
        stack = self._find(call, call.params["StackName"])
        return {"TemplateBody": json.dumps(stack.template), "StagesAvailable": ["Original", "Processed"]}

    def create_change_set(self, call: ApiCall) -> Answer:
        """CreateChangeSet."""
        name, kind = call.params["StackName"], call.params.get("ChangeSetType", "UPDATE")
        new = kind == "CREATE" and (call.account_id, call.region, name) not in self._stacks
        if new:
            self._new(call, name).status = "REVIEW_IN_PROGRESS"
        stack = self._find(call, name)
        with self._forgotten_if_refused(stack) if new else nullcontext():
            template = self._template(call, stack)
        change_set_name = call.params["ChangeSetName"]
        resource = f"changeSet/{change_set_name}/{uuid.uuid4()}"
        arn = regional_arn("cloudformation", call.region, call.account_id, resource)
        self._change_sets[arn] = ChangeSet(
            id=arn,
            name=change_set_name,
            stack=stack,
            kind="CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE",
            template=template,
            parameters=_parameters(call, stack),
            tags=_tags(call, stack),
        )
        return {"Id": arn, "StackId": stack.id}

    def describe_change_set(self, call: ApiCall) -> Answer:
        """DescribeChangeSet; reports whether there are changes, but does not list them."""
        change = self._change_set(call)
        answer: dict[str, Any] = {
            "ChangeSetName": change.name,
            "ChangeSetId": change.id,
            "StackId": change.stack.id,
            "StackName": change.stack.name,
            "CreationTime": self._cloud.clock.now(),
            "Changes": [{"Type": "Resource"}] if change.changes else [],
        }
        if change.changes:
            executed = "EXECUTE_COMPLETE" if change.executed else "AVAILABLE"
            return {**answer, "Status": "CREATE_COMPLETE", "ExecutionStatus": executed}
        # The CDK CLI recognizes an empty change set by this text.
        reason = "The submitted information didn't contain changes."
        return {**answer, "Status": "FAILED", "StatusReason": reason, "ExecutionStatus": "UNAVAILABLE"}

    def execute_change_set(self, call: ApiCall) -> None:
        """ExecuteChangeSet."""
        change = self._change_set(call)
        stack, change.executed = change.stack, True
        stack.template, stack.parameters, stack.tags = change.template, change.parameters, change.tags
        stack.status = f"{change.kind}_IN_PROGRESS"
        _in_background(stack.create if change.kind == "CREATE" else stack.update)

    def delete_change_set(self, call: ApiCall) -> None:
        """DeleteChangeSet; does nothing for a change set that does not exist."""
        with suppress(AwsError):
            self._change_sets.pop(self._change_set(call).id, None)

    def _new(self, call: ApiCall, name: str) -> Stack:
        with self._lock:
            key = (call.account_id, call.region, name)
            if key in self._stacks and self._stacks[key].status != "REVIEW_IN_PROGRESS":
                raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
            self._stacks[key] = Stack(
                cloud=self._cloud,
                clients=self._clients,
                name=name,
                account_id=call.account_id,
                region=call.region,
                exports=self._exports[call.account_id, call.region],
            )
            return self._stacks[key]

    @contextmanager
    def _forgotten_if_refused(self, stack: Stack) -> Iterator[None]:
        """Remove a new stack if its first template is refused."""
        try:
            yield
        except AwsError:
            with self._lock:
                del self._stacks[_key(stack)]
            raise

    def _set(self, stack: Stack, call: ApiCall) -> None:
        template = self._template(call, stack)
        parameters, tags = _parameters(call, stack), _tags(call, stack)
        stack.template, stack.parameters, stack.tags = template, parameters, tags

    def _template(self, call: ApiCall, stack: Stack) -> dict[str, Any]:
        text = call.params.get("TemplateBody") or ""
        if call.params.get("UsePreviousTemplate"):
            return stack.template
        check_body(text)
        if url := call.params.get("TemplateURL"):
            bucket, _, key = url.split("://", 1)[1].partition("/")[2].partition("/")
            if ".s3." in url:  # https://BUCKET.s3.REGION.SUFFIX/KEY
                host, _, key = url.split("://", 1)[1].partition("/")
                bucket = host.split(".s3.")[0]
            s3 = self._clients.of_account(call.account_id, "s3", call.region)
            text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            check_file(text)
        template = _parsed(text)
        if not isinstance(template, dict) or "Resources" not in template:
            raise AwsError(
                "ValidationError", "Template format error: At least one Resources member must be defined."
            )
        check_template(template)
        return template

    def _find(self, call: ApiCall, name: str) -> Stack:
        for stack in [*self._stacks.values(), *self._deleted.values()]:
            lives = stack.id not in self._deleted
            if lives and _is_here(stack, call) and name in (stack.id, stack.name):
                return stack
        if name in self._deleted and _is_here(self._deleted[name], call):
            return self._deleted[name]
        raise AwsError("ValidationError", f"Stack with id {name} does not exist")

    def _here(self, call: ApiCall) -> list[Stack]:
        return [stack for stack in self._stacks.values() if _is_here(stack, call)]

    def _resources(self, call: ApiCall) -> list[dict[str, Any]]:
        stack = self._find(call, call.params["StackName"])
        return [
            {
                "StackName": stack.name,
                "StackId": stack.id,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": standing.resource.ref,
                "ResourceType": standing.type,
                "ResourceStatus": standing.status,
                "Timestamp": standing.changed_at,
                "LastUpdatedTimestamp": standing.changed_at,
            }
            for logical_id, standing in stack.standing.items()
        ]

    def _change_set(self, call: ApiCall) -> ChangeSet:
        name, stack = call.params["ChangeSetName"], call.params.get("StackName")
        for change in reversed(self._change_sets.values()):
            if not _is_here(change.stack, call):
                continue
            if name == change.id or (name == change.name and stack in (change.stack.name, change.stack.id)):
                return change
        raise AwsError("ChangeSetNotFoundException", f"ChangeSet [{name}] does not exist")


def _key(stack: Stack) -> tuple[str, str, str]:
    return stack.account_id, stack.region, stack.name


def _is_here(stack: Stack, call: ApiCall) -> bool:
    return (stack.account_id, stack.region) == (call.account_id, call.region)


def _parsed(text: str | bytes) -> Any:  # JSON
    """Parse a template; `cdk deploy` sends YAML."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise AwsError("ValidationError", f"Template format error: {error}") from error


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _parameters(call: ApiCall, stack: Stack) -> dict[str, str]:
    return {
        one["ParameterKey"]: stack.parameters[one["ParameterKey"]]
        if one.get("UsePreviousValue")
        else one.get("ParameterValue", "")
        for one in call.params.get("Parameters") or ()
    }


def _tags(call: ApiCall, stack: Stack) -> dict[str, str]:
    if "Tags" not in call.params:
        return stack.tags
    return {tag["Key"]: tag["Value"] for tag in call.params["Tags"] or ()}


def _description(stack: Stack) -> dict[str, Any]:
    description = {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": stack.template.get("Description"),
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
        "CreationTime": stack.created_at,
        "LastUpdatedTime": stack.changed_at,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "Outputs": stack.outputs,
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        "EnableTerminationProtection": False,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "NotificationARNs": [],
    }
    return {key: value for key, value in description.items() if value is not None}
