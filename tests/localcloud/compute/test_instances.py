"""EC2 instances as boto3 sees them: what their user data does, and what is left of it."""

from __future__ import annotations

import json
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from tests.localcloud.compute.conftest import IMAGE, Site, wait_for

pytestmark = pytest.mark.cloud

SCRIPT = """#!/bin/bash
set -euo pipefail
finish() {{ echo finished; shutdown -h now; }}
trap finish EXIT
dnf install -y amazon-efs-utils docker
systemctl start docker
token=$(curl -s -X PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 60")
curl -s -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id; echo
mkdir -p /mnt/efs /var/scratch
mount -t efs -o tls,iam,ro {file_system}:/ /mnt/efs
aws ecr get-login-password --region eu-central-1 | docker login --username AWS --password-stdin registry
docker pull {image}
docker run --rm --read-only --stop-timeout 60 --volume /mnt/efs:/mnt/efs:ro --volume /var/scratch:/tmp \\
  --log-driver awslogs --log-opt awslogs-region=eu-central-1 --log-opt awslogs-group=/program \\
  --log-opt awslogs-stream={stream} --env ROOT=/mnt/efs --env ORDER={order} {image} one two
"""


def launch(site: Site, stream: str, *, order: str = "report", script: str = SCRIPT, **changes: Any) -> str:
    user_data = script.format(file_system=site.file_system, image=IMAGE, stream=stream, order=order)
    site.client("logs").create_log_stream(logGroupName="/program", logStreamName=stream)
    request = {
        "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        "InstanceType": "m7g.large",
        "MinCount": 1,
        "MaxCount": 1,
        "IamInstanceProfile": {"Arn": site.profile_arn},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": site.subnet, "Groups": groups(site)}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": stream}]}],
        "UserData": user_data,
    }
    return site.client("ec2").run_instances(**{**request, **changes})["Instances"][0]["InstanceId"]


def groups(site: Site) -> list[str]:
    efs = site.client("efs")
    target = efs.describe_mount_targets(FileSystemId=site.file_system)["MountTargets"][0]
    return efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"]


@pytest.mark.parametrize("partition", ["aws-cn", "aws-invented"])
def test_a_profile_of_another_partition_is_refused(site: Site, partition: str) -> None:
    arn = site.profile_arn.replace("arn:aws:", f"arn:{partition}:")
    with pytest.raises(ClientError, match="Invalid IAM Instance Profile ARN") as no:
        launch(site, f"profile-of-{partition}", IamInstanceProfile={"Arn": arn})
    assert no.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_profile_that_does_not_exist_is_refused(site: Site) -> None:
    for key, value in (("Arn", f"{site.profile_arn}-unknown"), ("Name", "unknown")):
        with pytest.raises(ClientError, match=f"iamInstanceProfile.{key.lower()} is invalid") as no:
            launch(site, f"unknown-profile-by-{key}", IamInstanceProfile={key: value})
        assert no.value.response["Error"]["Code"] == "InvalidParameterValue"


def state(site: Site, instance: str) -> str:
    answer = site.client("ec2").describe_instances(InstanceIds=[instance])
    return answer["Reservations"][0]["Instances"][0]["State"]["Name"]


def logged(site: Site, stream: str) -> list[str]:
    events = site.client("logs").filter_log_events(logGroupName="/program", logStreamNames=[stream])
    return [event["message"] for event in events["events"]]


def console(site: Site, instance: str) -> str:
    return site.client("ec2").get_console_output(InstanceId=instance)["Output"]


def processes(site: Site, instance: str) -> list[psutil.Process]:
    leaders = [one["pid"] for one in site.cloud.worker_processes() if one["name"] == f"ec2:{instance}"]
    return [child for pid in leaders for child in [psutil.Process(pid), *psutil.Process(pid).children(True)]]


def test_an_instance_mounts_runs_the_image_as_its_role_and_terminates_itself(site: Site) -> None:
    instance = launch(site, "whole")
    wait_for(lambda: state(site, instance) == "terminated")
    seen = json.loads(logged(site, "whole")[1])
    assert seen["listing"] == sorted(p.name for p in site.cloud.file_systems["home"].directory.iterdir())
    assert seen["arguments"] == ["one", "two"]
    assert seen["caller"] == f"arn:aws:sts::123456789012:assumed-role/{site.role_name}/{instance}"
    printed = console(site, instance)
    assert instance in printed
    assert "finished" in printed
    assert processes(site, instance) == []


def test_terminate_instances_kills_everything_that_runs(site: Site) -> None:
    instance = launch(site, "long", order="wait")
    running = wait_for(lambda: processes(site, instance) if "started" in logged(site, "long") else None)
    assert len(running) >= 2
    site.client("ec2").terminate_instances(InstanceIds=[instance])
    wait_for(lambda: not any(process.is_running() for process in running))
    assert state(site, instance) == "terminated"


def test_a_killed_container_lets_the_script_run_to_its_end(site: Site) -> None:
    site.cloud.faults.add(Fault(service="ec2", operation="InstanceSecond", action="kill", match="victim"))
    instance = launch(site, "victim", order="wait")
    wait_for(lambda: state(site, instance) == "terminated")
    site.cloud.faults.clear()
    assert "finished" in console(site, instance)


def test_an_unknown_file_system_ends_the_script_with_the_mount_helpers_words(site: Site) -> None:
    script = SCRIPT.replace("{file_system}:/", "fs-00000000000000000:/")
    instance = launch(site, "unknown", script=script, InstanceInitiatedShutdownBehavior="stop")
    wait_for(lambda: state(site, instance) == "stopped")
    assert "Failed to resolve" in console(site, instance)
    assert logged(site, "unknown") == []


def test_the_same_client_token_launches_one_instance_and_takes_no_other_parameters(site: Site) -> None:
    ec2 = site.client("ec2")
    request = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "ClientToken": "once"}
    first, again = (ec2.run_instances(**request)["Instances"][0]["InstanceId"] for _ in range(2))
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        ec2.run_instances(**request, InstanceType="m7g.large")
    ec2.terminate_instances(InstanceIds=[first])
    assert first == again


def test_the_aws_command_calls_any_operation(site: Site) -> None:
    script = """#!/bin/bash
aws sts get-caller-identity
aws stepfunctions send-task-failure --region eu-central-1 --task-token none --error E --cause 'a cause' \\
  || echo refused
shutdown -h now
"""
    instance = launch(site, "aws", script=script)
    wait_for(lambda: state(site, instance) == "terminated")
    assert f"assumed-role/{site.role_name}" in console(site, instance)
    assert "refused" in console(site, instance)


def test_the_aws_command_prints_what_a_query_selects(site: Site) -> None:
    script = """#!/bin/bash
read -r account arn <<< "$(aws sts get-caller-identity --query '[Account,Arn]' --output text)"
echo "account=$account arn=$arn"
shutdown -h now
"""
    instance = launch(site, "query", script=script)
    wait_for(lambda: state(site, instance) == "terminated")
    account = site.client("sts").get_caller_identity()["Account"]
    assert f"account={account} arn=arn:aws:sts::{account}:assumed-role/{site.role_name}" in console(
        site, instance
    )
