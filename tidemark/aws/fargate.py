"""The worker on Fargate: a task definition for each file system, registered for the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import message_of
from tidemark.aws.workers import (
    DEPLOYMENT_TAG,
    INDEXING,
    VERIFYING,
    NetworkValue,
    NoRoom,
    Purpose,
    WorkerEnvironment,
    WorkerRequest,
    arn_for,
    client_token,
    started_by,
)
from tidemark.errors import WorkerNotLaunched
from tidemark.policy.policy import WorkerSettings as PolicyWorker
from tidemark.settings import MOUNT_POINT, LambdaSettings

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerDefinitionTypeDef, RunTaskResponseTypeDef

CONTAINER = "worker"
# 1.4.0 is the first version that mounts EFS. Source: ECS, efsVolumeConfiguration.
PLATFORM_VERSION = "1.4.0"
# Refers to one Availability Zone. Source: AWS re:Post, "RunTask ... fails with a Capacity is unavailable
# error".
_NO_CAPACITY = "Capacity is unavailable"
# Fargate allows at most 120 s between SIGTERM and SIGKILL; the worker needs 30.
_STOP_TIMEOUT_SECONDS = 60


def task_family(deployment: str, file_system_id: str, purpose: Purpose = INDEXING) -> str:
    """Return the family of a file system's task definitions."""
    return f"{deployment}-{purpose.family}-{file_system_id}"


def register_task_definition(
    client: ECSClient,
    settings: LambdaSettings,
    file_system_id: str,
    run_id: str,
    worker: PolicyWorker,
    purpose: Purpose = INDEXING,
) -> str:
    """Register the task definition that mounts the file system; return its ARN.

    Mounts the real root, not an access point, so that paths match those of AWS Backup restores; with TLS and,
    unless the purpose excludes it, IAM, so that the file system's policy can allow only the worker.
    """
    answer = client.register_task_definition(
        family=task_family(settings.deployment, file_system_id, purpose),
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu=str(worker.cpu_units),
        memory=str(worker.memory_mib),
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        taskRoleArn=arn_for(_role(settings, purpose), file_system_id),
        executionRoleArn=settings.worker_execution_role,
        volumes=[
            {
                "name": "file-system",
                "efsVolumeConfiguration": {
                    "fileSystemId": file_system_id,
                    "rootDirectory": "/",
                    "transitEncryption": "ENABLED",
                    "authorizationConfig": {"iam": "ENABLED" if purpose.uses_iam else "DISABLED"},
                },
            },
            {"name": "scratch"},
        ],
        containerDefinitions=[_container(settings, file_system_id, purpose)],
        tags=[
            {"key": DEPLOYMENT_TAG, "value": settings.deployment},
            {"key": purpose.tag, "value": run_id},
        ],
    )
    return answer["taskDefinition"]["taskDefinitionArn"]


def _role(settings: LambdaSettings, purpose: Purpose) -> str:
    if purpose is VERIFYING:
        return settings.verification_task_role
    if purpose.read_only:
        return settings.worker_task_role
    return settings.restore_task_role if purpose.uses_iam else settings.restore_new_task_role


def _container(settings: LambdaSettings, file_system_id: str, purpose: Purpose) -> ContainerDefinitionTypeDef:
    container: ContainerDefinitionTypeDef = {
        "name": CONTAINER,
        "image": settings.worker_image,
        "essential": True,
        "readonlyRootFilesystem": True,
        "stopTimeout": _STOP_TIMEOUT_SECONDS,
        "mountPoints": [
            {
                "sourceVolume": "file-system",
                "containerPath": MOUNT_POINT,
                "readOnly": purpose.read_only,
            },
            {"sourceVolume": "scratch", "containerPath": "/tmp"},  # noqa: S108  (a volume's mount point)
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": settings.worker_log_group,
                "awslogs-region": settings.region,
                "awslogs-stream-prefix": file_system_id,
            },
        },
    }
    if purpose.command:
        container["entryPoint"] = list(purpose.command)
    return container


def run_task(
    client: ECSClient,
    settings: LambdaSettings,
    request: WorkerRequest,
    network: NetworkValue,
    environment: WorkerEnvironment,
    purpose: Purpose = INDEXING,
) -> str:
    """Run one task and return its ARN; raise NoRoom, or WorkerNotLaunched with ECS's reason."""
    try:
        answer = _run_task(client, settings, request, network, environment, purpose)
    except ClientError as error:
        if _NO_CAPACITY in message_of(error):
            raise NoRoom(message_of(error)) from error
        raise
    # RunTask returns failures in its response, not as an exception.
    if answer["failures"] or not answer["tasks"]:
        reasons = "; ".join(
            f"{failure.get('reason', '?')} {failure.get('detail', '')}".strip()
            for failure in answer["failures"]
        )
        if _NO_CAPACITY in reasons:
            raise NoRoom(reasons)
        raise WorkerNotLaunched(
            f"ECS started no worker for {purpose.name} {environment.run_id}: {reasons or 'no reason given'}; "
            f"it is retried; if the problem persists, check the account's Fargate quotas"
        )
    return answer["tasks"][0]["taskArn"]


def _run_task(
    client: ECSClient,
    settings: LambdaSettings,
    request: WorkerRequest,
    network: NetworkValue,
    environment: WorkerEnvironment,
    purpose: Purpose = INDEXING,
) -> RunTaskResponseTypeDef:
    return client.run_task(
        cluster=settings.cluster,
        taskDefinition=request["task_definition"],
        launchType="FARGATE",
        platformVersion=PLATFORM_VERSION,
        count=1,
        # One task per task token and place: a retried call returns the running task.
        clientToken=client_token(environment.task_token, network),
        startedBy=started_by(environment.run_id),
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network["subnets"],
                "securityGroups": network["security_groups"],
                "assignPublicIp": "ENABLED" if request.get("public_address") else "DISABLED",
            }
        },
        overrides={
            "containerOverrides": [
                {
                    "name": CONTAINER,
                    "environment": [
                        {"name": name, "value": value} for name, value in environment.to_environment().items()
                    ],
                }
            ]
        },
        tags=[
            {"key": DEPLOYMENT_TAG, "value": settings.deployment},
            {"key": purpose.tag, "value": environment.run_id},
        ],
    )


def deregister_task_definition(client: ECSClient, arn: str) -> None:
    """Deregister a task definition; one that is already inactive is not an error."""
    client.deregister_task_definition(taskDefinition=arn)


def deregister_task_definitions(
    client: ECSClient, settings: LambdaSettings, run_id: str, purpose: Purpose
) -> None:
    """Deregister every active task definition of a run."""
    for arn, whose in registered_task_definitions(client, settings, purpose):
        if whose == run_id:
            deregister_task_definition(client, arn)


def registered_task_definitions(
    client: ECSClient, settings: LambdaSettings, purpose: Purpose = INDEXING
) -> Iterator[tuple[str, str]]:
    """Return the ARN and the run's id of every active task definition of a worker."""
    families = client.get_paginator("list_task_definition_families").paginate(
        familyPrefix=task_family(settings.deployment, "", purpose), status="ACTIVE"
    )
    for family in (name for page in families for name in page["families"]):
        pages = client.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
        for arn in (arn for page in pages for arn in page["taskDefinitionArns"]):
            answer = client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            tags = {tag.get("key"): tag.get("value", "") for tag in answer.get("tags", [])}
            if tags.get(DEPLOYMENT_TAG) == settings.deployment and purpose.tag in tags:
                yield arn, tags[purpose.tag]
