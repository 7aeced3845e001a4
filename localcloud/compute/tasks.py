"""ECS tasks and their representation in the API."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.core.processes import Child


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """A request to stop a task, with its reason."""

    code: str  # UserInitiated, ...
    reason: str


@dataclass(slots=True, kw_only=True)
class Container:
    """One container of a task."""

    definition: dict[str, Any]
    arn: str
    last_status: str = "PENDING"
    exit_code: int | None = None
    reason: str | None = None
    child: Child | None = None

    @property
    def name(self) -> str:
        """Its name in the task definition."""
        return str(self.definition["name"])


@dataclass(slots=True, kw_only=True)
class Task:
    """A task. Its runner's thread updates it; API calls read it and set `stop_request`."""

    arn: str
    cluster_arn: str
    definition: Any  # moto's TaskDefinition
    region: str
    group: str
    launch_type: str
    platform_version: str
    started_by: str | None
    subnets: list[str]
    security_groups: list[str]
    public_address: bool
    zone: str
    overrides: dict[str, Any]
    tags: list[dict[str, str]]
    created_at: datetime
    containers: list[Container]
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    stop_code: str | None = None
    stopped_reason: str | None = None
    moments: dict[str, datetime] = field(default_factory=dict)  # startedAt, stoppingAt, ...
    stop_requested: threading.Event = field(default_factory=threading.Event)
    stop_request: StopRequest | None = None

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def account(self) -> str:
        """The account of the task."""
        return self.arn.split(":")[4]

    def override(self, container: Container) -> dict[str, Any]:
        """Return RunTask's overrides of a container."""
        overrides = self.overrides.get("containerOverrides", [])
        return next((one for one in overrides if one.get("name") == container.name), {})

    def description(self, *, with_tags: bool = False) -> dict[str, Any]:
        """Return the API's Task."""
        status = self.last_status
        described = {
            "attachments": [
                {
                    "id": str(uuid.uuid5(uuid.NAMESPACE_URL, self.arn)),
                    "type": "ElasticNetworkInterface",
                    "status": {"PROVISIONING": "PRECREATED", "STOPPED": "DELETED"}.get(status, "ATTACHED"),
                    "details": [{"name": "subnetId", "value": subnet} for subnet in self.subnets[:1]],
                }
            ],
            "availabilityZone": self.zone,
            "clusterArn": self.cluster_arn,
            "containers": [self._container(container) for container in self.containers],
            "cpu": self.definition.cpu,
            "memory": self.definition.memory,
            "createdAt": self.created_at,
            "desiredStatus": self.desired_status,
            "group": self.group,
            "lastStatus": status,
            "launchType": self.launch_type,
            "overrides": self.overrides,
            "platformFamily": "Linux",
            "platformVersion": self.platform_version,
            "startedBy": self.started_by,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition.arn,
            "tags": self.tags if with_tags else [],
            "version": len(self.moments) + 1,
            **self.moments,
        }
        return {name: value for name, value in described.items() if value is not None}

    def event_detail(self) -> dict[str, Any]:
        """Return the detail of a task state change event.

        Overrides contain only the containers' names, as in the documented example, and no variables.
        Source: Amazon ECS Developer Guide, "Task state change events".
        """
        described = self.description()
        del described["tags"]
        names = [{"name": one["name"]} for one in self.overrides.get("containerOverrides", [])]
        latest = max([self.created_at, *self.moments.values()])
        return {**described, "overrides": {"containerOverrides": names}, "updatedAt": latest}

    def _container(self, container: Container) -> dict[str, Any]:
        described = {
            "containerArn": container.arn,
            "taskArn": self.arn,
            "name": container.name,
            "image": container.definition["image"],
            "lastStatus": container.last_status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkInterfaces": [],
            "healthStatus": "UNKNOWN",
            "cpu": str(container.definition.get("cpu", 0)),
        }
        return {name: value for name, value in described.items() if value is not None}
