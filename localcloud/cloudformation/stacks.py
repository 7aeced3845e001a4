"""Stacks: create, update and delete the resources of a template, and record events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloudformation.resources import Request, Resource
from localcloud.cloudformation.template import (
    NO_VALUE,
    TemplateError,
    Values,
    creation_order,
    references,
)
from localcloud.cloudformation.types import RESOURCE_TYPES, STORED_TYPES, stored
from localcloud.cloudformation.types.existing import exists, is_gone
from localcloud.core.cloud import Cloud
from localcloud.core.partitions import partition_of, regional_arn, url_suffix
from localcloud.core.role_clients import Clients

SSM_PARAMETER = "AWS::SSM::Parameter::Value<"
DELETE, RETAIN, RETAIN_EXCEPT_ON_CREATE = "Delete", "Retain", "RetainExceptOnCreate"
# Source: AWS CloudFormation User Guide, "DeletionPolicy attribute", "UpdateReplacePolicy attribute".
POLICIES = {
    "DeletionPolicy": (DELETE, RETAIN, RETAIN_EXCEPT_ON_CREATE, "Snapshot"),
    "UpdateReplacePolicy": (DELETE, RETAIN, "Snapshot"),
}


@dataclass(slots=True, kw_only=True)
class Standing:
    """One existing resource of a stack."""

    type: str
    properties: dict[str, Any]
    resource: Resource
    deletion_policy: str = DELETE  # applied when it leaves the stack
    replace_policy: str = DELETE  # applied when it is replaced
    needs: frozenset[str] = frozenset()  # logical ids of the resources that it refers to or depends on
    status: str = "CREATE_COMPLETE"
    changed_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Stack:
    """A stack in one Region."""

    cloud: Cloud
    clients: Clients
    name: str
    account_id: str
    region: str
    exports: dict[str, str]  # of the account and Region, shared by their stacks
    id: str = ""
    status: str = "CREATE_IN_PROGRESS"
    reason: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)  # by logical id, in the order of creation
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # oldest first

    def __post_init__(self) -> None:
        resource = f"stack/{self.name}/{uuid.uuid4()}"
        self.id = regional_arn("cloudformation", self.region, self.account_id, resource)
        self.created_at = self.cloud.clock.now()

    def create(self) -> None:
        """Create all resources; on a failure delete them again and keep the events."""
        self._stack_event("CREATE_IN_PROGRESS")
        if self._apply():
            self._stack_event("CREATE_COMPLETE")
            return
        self._stack_event("ROLLBACK_IN_PROGRESS")
        left = self._delete_all(retaining=(RETAIN,))
        self._stack_event("ROLLBACK_FAILED" if left else "ROLLBACK_COMPLETE", _failed_to_delete(left))

    def update(self) -> None:
        """Update the resources to the current template and parameters.

        Unlike AWS, a failed update is not rolled back: its changes remain.
        """
        self.changed_at = self.cloud.clock.now()
        self._stack_event("UPDATE_IN_PROGRESS")
        self._stack_event("UPDATE_COMPLETE" if self._apply() else "UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> bool:
        """Delete all resources except retained ones; return False if a deletion failed."""
        self._stack_event("DELETE_IN_PROGRESS")
        left = self._delete_all(retaining=(RETAIN, RETAIN_EXCEPT_ON_CREATE))
        self._stack_event("DELETE_FAILED" if left else "DELETE_COMPLETE", _failed_to_delete(left))
        return not left

    def _apply(self) -> bool:
        """Create, update and delete resources as needed; return False at the first failure."""
        definitions = self.template.get("Resources", {})
        values = self._values()
        logical_id = self.name
        try:
            order = [one for one in creation_order(definitions) if values.wanted(definitions[one])]
            for logical_id in order:
                self._bring(logical_id, definitions[logical_id], values)
            for logical_id in [one for one in reversed(self.standing) if one not in order]:
                kept = self.standing[logical_id].deletion_policy in (RETAIN, RETAIN_EXCEPT_ON_CREATE)
                self._remove(logical_id, kept=kept)
            logical_id = self.name
            self._set_outputs(values)
        except (TemplateError, ClientError, BotoCoreError, KeyError, ValueError, TypeError) as error:
            words = repr(error) if isinstance(error, KeyError | TypeError) else str(error)
            kind = definitions.get(logical_id, {}).get("Type", "AWS::CloudFormation::Stack")
            verb = "UPDATE" if logical_id in self.standing else "CREATE"
            self._event(logical_id, kind, f"{verb}_FAILED", None, words)
            return False
        return True

    def _values(self) -> Values:
        def ssm(name: str) -> str:
            client = self.clients.of_account(self.account_id, "ssm", self.region)
            value: str = client.get_parameter(Name=name)["Parameter"]["Value"]
            return value

        def export(name: str) -> str:
            if name not in self.exports:
                raise TemplateError(f"No export named {name} found")
            return self.exports[name]

        parameters = {}
        for name, declared in self.template.get("Parameters", {}).items():
            value = self.parameters.get(name, declared.get("Default"))
            if value is None:
                raise TemplateError(f"Parameters: [{name}] must have values")
            if declared["Type"].startswith(SSM_PARAMETER):
                value = ssm(value)
            elif declared["Type"] == "CommaDelimitedList" or declared["Type"].startswith("List<"):
                value = str(value).split(",")
            parameters[name] = value
        pseudo = {
            "AWS::AccountId": self.account_id,
            "AWS::Region": self.region,
            "AWS::Partition": partition_of(self.region),
            "AWS::StackName": self.name,
            "AWS::StackId": self.id,
            "AWS::URLSuffix": url_suffix(self.region),
        }
        return Values(template=self.template, pseudo=pseudo, parameters=parameters, export=export, ssm=ssm)

    def _bring(self, logical_id: str, definition: Mapping[str, Any], values: Values) -> None:
        """Create, update or replace one resource to match the template."""
        kind = definition["Type"]
        properties = values.value(definition.get("Properties", {}))
        if properties is NO_VALUE:
            properties = {}
        old = self.standing.get(logical_id)
        if old and old.type == kind and old.properties == properties:
            values.made[logical_id] = old.resource
            return
        known = RESOURCE_TYPES.get(kind)
        if known is None and not (kind in STORED_TYPES or kind.startswith("Custom::")):
            raise TemplateError(f"the local cloud does not support {kind}")
        replaced = (
            known is not None
            and old is not None
            and any(old.properties.get(name) != properties.get(name) for name in known.names)
        )
        verb = "UPDATE" if old else "CREATE"
        before = old.resource if old and old.type == kind and not replaced else None
        self._event(logical_id, kind, f"{verb}_IN_PROGRESS", before)
        request = self._request(logical_id, properties, before)
        if before is None and not request.adopts:
            self._refuse_existing(kind, request)
        if known is None:
            resource = stored(request)
        elif before and known.update:
            resource = known.update(request)
        else:
            resource = known.create(request)
        if old and replaced:
            self._remove(logical_id, kept=old.replace_policy == RETAIN, notify_sessions=False)
        values.made[logical_id] = resource
        self.standing[logical_id] = Standing(
            type=kind,
            properties=properties,
            resource=resource,
            deletion_policy=_policy(definition, "DeletionPolicy"),
            replace_policy=_policy(definition, "UpdateReplacePolicy"),
            needs=frozenset(_needs(definition)),
            status=f"{verb}_COMPLETE",
            changed_at=self.cloud.clock.now(),
        )
        self._event(logical_id, kind, f"{verb}_COMPLETE", resource)

    def _refuse_existing(self, kind: str, request: Request) -> None:
        name = exists(kind, request)
        if name is not None:
            raise TemplateError(
                f"Resource handler returned message: \"Resource of type '{kind}' with identifier '{name}' "
                'already exists." (HandlerErrorCode: AlreadyExists)'
            )

    def _remove(self, logical_id: str, *, kept: bool, notify_sessions: bool = True) -> None:
        """Delete one resource, or only forget it if `kept`; raises ClientError if AWS refuses."""
        standing = self.standing[logical_id]
        known = RESOURCE_TYPES.get(standing.type)
        if not kept and known and known.delete:
            try:
                known.delete(self._request(logical_id, standing.properties, standing.resource))
            except ClientError as error:
                if not is_gone(error):
                    raise
        del self.standing[logical_id]
        if notify_sessions:
            status = "DELETE_SKIPPED" if kept else "DELETE_COMPLETE"
            self._event(logical_id, standing.type, status, standing.resource)

    def _delete_all(self, *, retaining: tuple[str, ...]) -> list[str]:
        """Delete all resources except those with one of these policies; return those that could not be
        deleted.

        As on AWS, the dependencies of remaining resources remain too.
        """
        failed: list[str] = []
        needed: set[str] = set()
        for logical_id, standing in list(reversed(self.standing.items())):
            if logical_id in needed:
                needed |= standing.needs
                continue
            try:
                self._remove(logical_id, kept=standing.deletion_policy in retaining)
            except ClientError as error:
                failed.append(logical_id)
                needed |= standing.needs
                standing.status = "DELETE_FAILED"
                self._event(logical_id, standing.type, "DELETE_FAILED", standing.resource, str(error))
        if not self.standing:
            for output in self.outputs:
                self.exports.pop(output.get("ExportName", ""), None)
        return failed

    def _request(self, logical_id: str, properties: Mapping[str, Any], before: Resource | None) -> Request:
        return Request(
            clients=self.clients,
            properties=properties,
            stack_name=self.name,
            logical_id=logical_id,
            account_id=self.account_id,
            region=self.region,
            adopts=self.cloud.keeps_state,
            before=before,
        )

    def _set_outputs(self, values: Values) -> None:
        self.outputs = []
        for key, definition in self.template.get("Outputs", {}).items():
            if not values.wanted(definition):
                continue
            value = values.value(definition["Value"])
            output = {"OutputKey": key, "OutputValue": value if isinstance(value, str) else json.dumps(value)}
            if "Description" in definition:
                output["Description"] = definition["Description"]
            if "Export" in definition:
                output["ExportName"] = values.value(definition["Export"]["Name"])
                self.exports[output["ExportName"]] = output["OutputValue"]
            self.outputs.append(output)

    def _stack_event(self, status: str, reason: str | None = None) -> None:
        self._event(self.name, "AWS::CloudFormation::Stack", status, Resource(ref=self.id), reason)
        self.status = status  # after the event: a client that waits for the status reads the event next

    def _event(
        self, logical_id: str, kind: str, status: str, resource: Resource | None, reason: str | None = None
    ) -> None:
        event = {
            "StackId": self.id,
            "EventId": str(uuid.uuid4()),
            "StackName": self.name,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": resource.ref if resource else "",
            "ResourceType": kind,
            "Timestamp": self.cloud.clock.now(),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = self.reason = reason
        self.events.append(event)


def _failed_to_delete(left: list[str]) -> str | None:
    return f"The following resource(s) failed to delete: [{', '.join(left)}]. " if left else None


def _policy(definition: Mapping[str, Any], attribute: str) -> str:
    """Return a resource's DeletionPolicy or UpdateReplacePolicy; raises TemplateError for an unknown one."""
    policy = str(definition.get(attribute, DELETE))
    if policy not in POLICIES[attribute]:
        raise TemplateError(f"Template validation error: Unrecognized {attribute} {policy}")
    return policy


def _needs(definition: Mapping[str, Any]) -> list[str]:
    depends_on = definition.get("DependsOn", [])
    named = [depends_on] if isinstance(depends_on, str) else depends_on
    return [*named, *references(definition.get("Properties", {}))]
