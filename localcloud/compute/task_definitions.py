"""Checks of RegisterTaskDefinition that moto lacks."""

from __future__ import annotations

import re
from typing import Any

from moto.ecs.exceptions import EcsClientException
from moto.ecs.models import EC2ContainerServiceBackend

from localcloud.core.partitions import partition_of

# MiB of memory that Fargate has for CPU units: smallest, largest, step. Source: ECS, "Task size".
FARGATE_SIZES = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
SMALLEST_CPU, SMALLEST_MEMORY = 256, (512, 1024, 2048)


def install_checks() -> None:
    """Check task definitions before moto registers them, from the API and from CloudFormation."""
    register = EC2ContainerServiceBackend.register_task_definition

    def register_checked(
        self: Any, family: str, container_definitions: list[dict[str, Any]], **settings: Any
    ) -> Any:
        check_roles(settings, partition_of(self.region_name))
        check_volumes(settings.get("volumes") or [])
        if "FARGATE" in (settings.get("requires_compatibilities") or []):
            check_fargate(container_definitions, settings)
        return register(self, family, container_definitions, **settings)

    EC2ContainerServiceBackend.register_task_definition = register_checked


def check_roles(settings: dict[str, Any], partition: str) -> None:
    """Raise ClientException for a role's ARN that is malformed or of another partition.

    Short names are accepted, and roles are not looked up: ECS does so only when it starts a task.
    """
    of_role = re.compile(rf"arn:{partition}:iam::[0-9]{{12}}:role/.+")
    for role in (settings.get("task_role_arn"), settings.get("execution_role_arn")):
        if role and ":" in role and not of_role.fullmatch(role):
            raise EcsClientException("Role is not valid")


def check_volumes(volumes: list[dict[str, Any]]) -> None:
    """Raise ClientException for EFS volumes that ECS refuses."""
    for volume in volumes:
        efs = volume.get("efsVolumeConfiguration")
        if not efs:
            continue
        authorization = efs.get("authorizationConfig") or {}
        encrypted = efs.get("transitEncryption") == "ENABLED"
        if authorization.get("iam") == "ENABLED" and not encrypted:
            raise EcsClientException("Transit encryption must be enabled if EFS IAM authorization is used")
        if authorization.get("accessPointId") and not encrypted:
            raise EcsClientException("Transit encryption must be enabled if an EFS access point is used")


def check_fargate(container_definitions: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Raise ClientException for a task definition that Fargate cannot run."""
    if settings.get("network_mode") not in (None, "awsvpc"):
        raise EcsClientException("Fargate only supports network mode 'awsvpc'.")
    cpu, memory = settings.get("cpu"), settings.get("memory")
    if not cpu or not memory:
        raise EcsClientException("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
    if not _fargate_has(int(cpu), int(memory)):
        raise EcsClientException("No Fargate configuration exists for given values.")
    drivers = {(one.get("logConfiguration") or {}).get("logDriver") for one in container_definitions}
    if "awslogs" in drivers and not settings.get("execution_role_arn"):
        raise EcsClientException(
            "Fargate requires task definition to have execution role ARN to support log driver awslogs."
        )


def _fargate_has(cpu: int, memory: int) -> bool:
    if cpu == SMALLEST_CPU:
        return memory in SMALLEST_MEMORY
    if cpu not in FARGATE_SIZES:
        return False
    smallest, largest, step = FARGATE_SIZES[cpu]
    return smallest <= memory <= largest and memory % step == 0
