"""The worker on EC2: an instance that mounts the file system, runs the same image and terminates itself."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.assumed_roles import session_name
from tidemark.aws.errors import code_of, message_of
from tidemark.aws.workers import (
    DEPLOYMENT_TAG,
    INDEXING,
    NetworkValue,
    NoRoom,
    Purpose,
    WorkerEnvironment,
    WorkerRequest,
    arn_for,
    client_token,
)
from tidemark.errors import WorkerNotLaunched
from tidemark.policy.policy import DEFAULT_INSTANCE_TYPE
from tidemark.settings import LambdaSettings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

# Amazon Linux 2023 for Graviton, whichever is current. Source: EC2, "Reference AMIs using Systems Manager".
_IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
_SCRATCH_GIB = 30
# Errors that may not occur in another Availability Zone, or later. Source: EC2 API, "Error codes";
# `Unsupported` means that the zone does not offer the instance type.
_NO_ROOM_HERE = {"InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet", "Unsupported"}
# Errors that may not occur later.
_NO_ROOM = {"InstanceLimitExceeded", "VcpuLimitExceeded"}


def run_instance(
    client: EC2Client,
    settings: LambdaSettings,
    request: WorkerRequest,
    network: NetworkValue,
    environment: WorkerEnvironment,
    purpose: Purpose = INDEXING,
) -> str:
    """Start one instance in the network's first subnet and return its id.

    Raises NoRoom, and WorkerNotLaunched if the account has reached its instance quota.
    """
    profile = settings.worker_instance_profile if purpose.read_only else settings.restore_instance_profile
    try:
        answer = client.run_instances(
            ImageId=_IMAGE,
            InstanceType=request["instance_type"] or DEFAULT_INSTANCE_TYPE,  # type: ignore[arg-type]  # any type's name
            MinCount=1,
            MaxCount=1,
            # One instance per task token and network: a retried call returns the running instance.
            ClientToken=client_token(environment.task_token, network),
            IamInstanceProfile={"Arn": arn_for(profile, environment.file_system_id)},
            InstanceInitiatedShutdownBehavior="terminate",
            # Two hops: the container requests its credentials through the instance's bridge.
            MetadataOptions={
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 2,
                "HttpEndpoint": "enabled",
            },
            NetworkInterfaces=[
                {
                    "DeviceIndex": 0,
                    "SubnetId": network["subnets"][0],
                    "Groups": network["security_groups"],
                    "AssociatePublicIpAddress": request.get("public_address", False),
                    "DeleteOnTermination": True,
                }
            ],
            BlockDeviceMappings=[
                {
                    "DeviceName": "/dev/xvda",
                    "Ebs": {
                        "VolumeSize": _SCRATCH_GIB,
                        "VolumeType": "gp3",
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            TagSpecifications=[
                {
                    "ResourceType": resource,
                    "Tags": [
                        {"Key": "Name", "Value": f"{settings.deployment}-worker"},
                        {"Key": DEPLOYMENT_TAG, "Value": settings.deployment},
                        {"Key": purpose.tag, "Value": environment.run_id},
                    ],
                }
                for resource in ("instance", "volume")
            ],
            UserData=user_data(settings, environment, purpose),
        )
    except ClientError as error:
        if code_of(error) in _NO_ROOM_HERE:
            raise NoRoom(message_of(error)) from error
        if code_of(error) in _NO_ROOM:
            raise WorkerNotLaunched(
                f"EC2 started no worker for {purpose.name} {environment.run_id}: {message_of(error)}; "
                f"it is retried; if the problem persists, choose another instance_type in tidemark.yaml"
            ) from error
        raise
    return answer["Instances"][0]["InstanceId"]


def user_data(settings: LambdaSettings, environment: WorkerEnvironment, purpose: Purpose = INDEXING) -> str:
    """Return the script that the instance runs at its first boot.

    It always terminates the instance. It answers the task token if the worker could not be started or was
    killed. If the worker has already answered, Step Functions rejects this second answer.
    """
    root = shlex.quote(environment.root)
    image = shlex.quote(settings.worker_image)
    registry = shlex.quote(settings.worker_image.split("/")[0])
    region = shlex.quote(settings.region)
    states = f"{'as_callback ' if environment.callback_role else ''}aws stepfunctions"
    home = shlex.quote(environment.home_region or settings.region)
    token = shlex.quote(environment.task_token)
    variables = " ".join(
        f"--env {shlex.quote(f'{name}={value}')}"
        for name, value in {**environment.to_environment(), "AWS_REGION": settings.region}.items()
    )
    worker = shlex.quote(f"the worker of {purpose.name} {environment.run_id}")
    options = "tls,iam,ro" if purpose.read_only else "tls,iam"
    volume = shlex.quote(f"{environment.root}:{environment.root}{':ro' if purpose.read_only else ''}")
    # The arguments of an entry point follow the image.
    entry_point = f"--entrypoint {shlex.quote(purpose.command[0])} " if purpose.command else ""
    arguments = "".join(f" {shlex.quote(argument)}" for argument in purpose.command[1:])
    return f"""#!/bin/bash
set -euo pipefail
{_callback(settings, environment)}failed() {{
  {states} send-task-failure --region {home} --task-token {token} --error "$1" --cause "$2" || true
}}
worker={worker}
step="begin"
finish() {{
  code=$?
  if [ "$step" != run ]; then
    failed WorkerCannotRun "$worker could not $step (exit code $code): the instance's console output has \
    the details; if they are timeouts, its subnet needs a NAT gateway, or VPC endpoints for ECR (api and \
    dkr), S3, CloudWatch Logs and Step Functions; fix that, then rerun the session"
  elif [ "$code" -gt 128 ]; then
    failed WorkerStopped "$worker was terminated by signal $((code - 128)) (exit code $code); rerun the \
    session, on a larger instance_type if it happens again"
  elif [ "$code" -ne 0 ]; then
    failed WorkerCannotRun "$worker ended with exit code $code and did not report why; see the worker's log"
  fi
  shutdown -h now
}}
trap finish EXIT
step="install amazon-efs-utils and docker"
dnf install -y amazon-efs-utils docker
systemctl start docker
mkdir -p {root} /var/scratch
step="mount the file system"
mount -t efs -o {options} {environment.file_system_id}:/ {root}
step="get its image from ECR"
aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {registry}
# Boot took minutes, and pulling the image may take more; five minutes without a heartbeat end the attempt.
{states} send-task-heartbeat --region {home} --task-token {token} || true
docker pull {image}
step=run
docker run --rm --read-only --stop-timeout 60 --volume {volume} --volume /var/scratch:/tmp \\
  --log-driver awslogs --log-opt awslogs-region={region} \\
  --log-opt awslogs-group={shlex.quote(settings.worker_log_group)} \\
  --log-opt awslogs-stream={shlex.quote(environment.run_id)} \\
  {variables} {entry_point}{image}{arguments}
"""


def _callback(settings: LambdaSettings, environment: WorkerEnvironment) -> str:
    """Return the shell function that runs a command with the credentials of the callback role, if any."""
    if not environment.callback_role:
        return ""
    return f"""as_callback() (
  keys=$(aws sts assume-role --region {shlex.quote(settings.region)} \\
    --role-arn {shlex.quote(environment.callback_role)} \\
    --role-session-name {shlex.quote(session_name(environment.run_id))} \\
    --external-id {shlex.quote(environment.callback_external_id)} \\
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<< "$keys"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  "$@"
)
"""
