"""ECS as boto3 sees it, the processes as psutil sees them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from localcloud import Fault
from tests.localcloud.compute.conftest import IMAGE, Site, wait_for

pytestmark = pytest.mark.cloud


def register(site: Site, **changes: Any) -> str:
    volume = {
        "fileSystemId": site.file_system,
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"iam": "ENABLED"},
    }
    definition: dict[str, Any] = {
        "family": "program",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "taskRoleArn": site.role_arn,
        "executionRoleArn": site.role_arn,
        "volumes": [{"name": "files", "efsVolumeConfiguration": volume}, {"name": "scratch"}],
        "containerDefinitions": [
            {
                "name": "worker",
                "image": IMAGE,
                "stopTimeout": 60,
                "environment": [{"name": "ROOT", "value": "/mnt/efs"}],
                "mountPoints": [
                    {"sourceVolume": "files", "containerPath": "/mnt/efs", "readOnly": True},
                    {"sourceVolume": "scratch", "containerPath": "/tmp"},
                ],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/program",
                        "awslogs-region": "eu-central-1",
                        "awslogs-stream-prefix": "p",
                    },
                },
            }
        ],
    }
    answer = site.client("ecs").register_task_definition(**{**definition, **changes})
    return answer["taskDefinition"]["taskDefinitionArn"]


def run(
    site: Site, definition: str, environment: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    request: dict[str, Any] = {
        "cluster": "main",
        "taskDefinition": definition,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [site.subnet]}},
        "overrides": {"containerOverrides": [{"name": "worker", "environment": variables}]},
    }
    return site.client("ecs").run_task(**{**request, **changes})


def describe(site: Site, arn: str) -> dict[str, Any]:
    answer = site.client("ecs").describe_tasks(cluster="main", tasks=[arn], include=["TAGS"])
    return answer["tasks"][0]


def stopped(site: Site, arn: str) -> dict[str, Any]:
    def task() -> dict[str, Any] | None:
        described = describe(site, arn)
        return described if described["lastStatus"] == "STOPPED" else None

    return wait_for(task)


def running(site: Site, arn: str) -> psutil.Process:
    """Return the task's process once it runs."""
    task_id = arn.rsplit("/", 1)[1]

    def pid() -> int | None:
        found = [one for one in site.cloud.worker_processes() if one["name"] == f"ecs:{task_id}"]
        return found[0]["pid"] if found and describe(site, arn)["lastStatus"] == "RUNNING" else None

    return psutil.Process(wait_for(pid))


def logged(site: Site, arn: str) -> list[str]:
    events = site.client("logs").filter_log_events(
        logGroupName="/program", logStreamNames=[f"p/worker/{arn.rsplit('/', 1)[1]}"]
    )
    return [event["message"] for event in events["events"]]


def test_a_task_runs_the_images_program_as_its_role_on_the_mounted_directory(site: Site) -> None:
    answer = run(site, register(site), {"EXIT": "3"}, startedBy="me", tags=[{"key": "a", "value": "b"}])
    assert answer["failures"] == []
    arn = answer["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    assert task["containers"][0]["exitCode"] == 3
    assert task["stopCode"] == "EssentialContainerExited"
    assert (task["startedBy"], task["tags"]) == ("me", [{"key": "a", "value": "b"}])
    assert task["createdAt"] <= task["startedAt"] <= task["stoppingAt"] <= task["stoppedAt"]
    started, report = logged(site, arn)
    seen = json.loads(report)
    home = site.cloud.file_systems["home"].directory
    assert started == "started"
    assert seen["listing"] == sorted(path.name for path in home.iterdir())
    assert seen["environment"]["ROOT"] == str(home)
    assert seen["environment"]["TWO"] == "two words"
    assert seen["arguments"] == ["--default"]
    session = arn.rpartition("/")[2]
    assert seen["caller"] == f"arn:aws:sts::123456789012:assumed-role/{site.role_name}/{session}"


def test_a_task_sees_nothing_of_the_hosts_environment(site: Site) -> None:
    arn = run(site, register(site))["tasks"][0]["taskArn"]
    stopped(site, arn)
    names = set(json.loads(logged(site, arn)[1])["environment"])
    own = {"PATH", "LANG", "HOME", "TMPDIR", "PYTHONPATH", "FROM_IMAGE", "TWO", "ROOT", "LC_CTYPE"}
    assert {name for name in names - own if not name.startswith("AWS_")} == set()


def test_stop_task_ends_an_obedient_program_with_its_own_exit_code(site: Site) -> None:
    arn = run(site, register(site), {"ORDER": "obey"})["tasks"][0]["taskArn"]
    process = running(site, arn)
    wait_for(lambda: "started" in logged(site, arn))
    site.client("ecs").stop_task(cluster="main", task=arn, reason="enough")
    task = stopped(site, arn)
    assert task["containers"][0]["exitCode"] == 7
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert not process.is_running()
    assert logged(site, arn)[-1] == "stopping"


def test_stop_task_kills_a_program_that_ignores_the_signal(site: Site) -> None:
    arn = run(site, register(site), {"ORDER": "ignore"})["tasks"][0]["taskArn"]
    process = running(site, arn)
    wait_for(lambda: "started" in logged(site, arn))
    site.client("ecs").stop_task(cluster="main", task=arn)
    assert stopped(site, arn)["containers"][0]["exitCode"] == 137
    assert not process.is_running()


def test_the_same_client_token_runs_one_task(site: Site) -> None:
    definition = register(site)
    first, again = (run(site, definition, {"ORDER": "wait"}, clientToken="one") for _ in range(2))
    assert [task["taskArn"] for task in first["tasks"]] == [task["taskArn"] for task in again["tasks"]]
    with pytest.raises(ClientError, match="ConflictException"):
        run(site, definition, {"ORDER": "obey"}, clientToken="one")
    site.client("ecs").stop_task(cluster="main", task=first["tasks"][0]["taskArn"])
    stopped(site, first["tasks"][0]["taskArn"])


def test_list_tasks_finds_by_started_by_until_the_task_is_to_stop(site: Site) -> None:
    ecs = site.client("ecs")
    arn = run(site, register(site), {"ORDER": "wait"}, startedBy="lister")["tasks"][0]["taskArn"]
    assert ecs.list_tasks(cluster="main", startedBy="lister")["taskArns"] == [arn]
    ecs.stop_task(cluster="main", task=arn)
    assert ecs.list_tasks(cluster="main", startedBy="lister")["taskArns"] == []
    assert ecs.list_tasks(cluster="main", startedBy="lister", desiredStatus="STOPPED")["taskArns"] == [arn]
    assert ecs.describe_tasks(cluster="main", tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"
    stopped(site, arn)


def test_a_placement_fault_is_a_normal_answer_with_failures(site: Site) -> None:
    fault = Fault(
        service="ecs", operation="TaskPlacement", action="fail", error_code="RESOURCE:MEMORY", calls=(1, 1)
    )
    site.cloud.faults.add(fault)
    answer = run(site, register(site))
    site.cloud.faults.clear()
    assert answer["tasks"] == []
    assert answer["failures"][0]["reason"] == "RESOURCE:MEMORY"


def test_a_worker_is_killed_at_its_nth_call(site: Site) -> None:
    site.client("s3").create_bucket(
        Bucket="kills", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    site.cloud.faults.add(
        Fault(service="s3", operation="PutObject", action="kill", calls=(5, 5), principal="program-role")
    )
    arn = run(site, register(site), {"ORDER": "puts", "BUCKET": "kills"})["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    site.cloud.faults.clear()
    assert task["containers"][0]["exitCode"] == 137
    assert site.client("s3").list_objects_v2(Bucket="kills")["KeyCount"] == 4


def test_a_worker_is_killed_after_seconds(site: Site) -> None:
    site.cloud.faults.add(Fault(service="ecs", operation="ContainerSecond", action="kill", match="victim"))
    arn = run(site, register(site), {"ORDER": "wait"}, startedBy="victim")["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    site.cloud.faults.clear()
    assert task["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fileSystemId": "fs-00000000000000000"}, "ResourceInitializationError"),
        ({"image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/none:1"}, "CannotPullContainerError"),
        ({"group": "/nowhere"}, "ResourceInitializationError"),
        ({"role": "arn:aws:iam::123456789012:role/nobody"}, "unable to assume the role"),
        ({"target": "another zone"}, "Failed to resolve"),
        ({"target": "closed"}, "Connection timed out"),
    ],
)
def test_a_task_that_cannot_start_says_why(site: Site, changes: dict[str, str], reason: str) -> None:
    definition = site.client("ecs").describe_task_definition(taskDefinition=register(site))
    described = definition["taskDefinition"]
    container, network = described["containerDefinitions"][0], {"subnets": [site.subnet]}
    ec2 = site.client("ec2")
    if "fileSystemId" in changes:
        described["volumes"][0]["efsVolumeConfiguration"]["fileSystemId"] = changes["fileSystemId"]
    if "image" in changes:
        container["image"] = changes["image"]
    if "group" in changes:
        container["logConfiguration"]["options"]["awslogs-group"] = changes["group"]
    if changes.get("target") == "another zone":
        subnets = {one["SubnetId"]: one for one in ec2.describe_subnets()["Subnets"]}
        own = subnets[site.subnet]
        network["subnets"] = [
            name
            for name, one in subnets.items()
            if one["VpcId"] == own["VpcId"] and one["AvailabilityZone"] != own["AvailabilityZone"]
        ][:1]
    if changes.get("target") == "closed":
        vpc = ec2.describe_subnets(SubnetIds=[site.subnet])["Subnets"][0]["VpcId"]
        names = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
        closed = names.get("closed") or ec2.create_security_group(
            GroupName="closed", Description="closed", VpcId=vpc
        ).get("GroupId")
        network["securityGroups"] = [str(closed)]
    arn = run(
        site,
        register(
            site,
            volumes=described["volumes"],
            containerDefinitions=[container],
            taskRoleArn=changes.get("role", site.role_arn),
        ),
        networkConfiguration={"awsvpcConfiguration": network},
    )["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert reason in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_a_task_definition_with_a_role_of_another_account_is_refused(site: Site) -> None:
    with pytest.raises(ClientError, match="Cross-account pass role is not allowed") as refused:
        register(site, taskRoleArn="arn:aws:iam::210987654321:role/program-role")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("rule", "mounts"),
    [
        ({"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": "clients"}, True),
        ({"IpProtocol": "tcp", "FromPort": 2000, "ToPort": 3000, "IpRanges": "10.64.0.0/16"}, True),
        ({"IpProtocol": "-1", "IpRanges": "0.0.0.0/0"}, True),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": "0.0.0.0/0"}, False),
        ({"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "IpRanges": "192.168.0.0/16"}, False),
        ({"IpProtocol": "udp", "FromPort": 2049, "ToPort": 2049, "IpRanges": "0.0.0.0/0"}, False),
    ],
)
def test_the_mount_targets_security_group_decides_who_mounts(
    site: Site, rule: dict[str, Any], mounts: bool
) -> None:
    ec2, efs = site.client("ec2"), site.client("efs")
    vpc = ec2.describe_subnets(SubnetIds=[site.subnet])["Subnets"][0]["VpcId"]
    clients, target = (
        ec2.create_security_group(GroupName=f"{name}-{uuid.uuid4()}", Description=name, VpcId=vpc)["GroupId"]
        for name in ("clients", "target")
    )
    permission = dict(rule)
    if "UserIdGroupPairs" in rule:
        permission["UserIdGroupPairs"] = [{"GroupId": clients}]
    if "IpRanges" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["IpRanges"]}]
    ec2.authorize_security_group_ingress(GroupId=target, IpPermissions=[permission])
    mount_target = efs.describe_mount_targets(FileSystemId=site.file_system)["MountTargets"][0]
    where = {"MountTargetId": mount_target["MountTargetId"]}
    before = efs.describe_mount_target_security_groups(**where)["SecurityGroups"]
    efs.modify_mount_target_security_groups(**where, SecurityGroups=[target])
    network = {"awsvpcConfiguration": {"subnets": [site.subnet], "securityGroups": [clients]}}
    arn = run(site, register(site), {"ORDER": "nothing"}, networkConfiguration=network)["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    efs.modify_mount_target_security_groups(**where, SecurityGroups=before)
    assert task["stopCode"] == ("EssentialContainerExited" if mounts else "TaskFailedToStart")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"networkConfiguration": {}}, "InvalidParameterException"),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}},
            "InvalidParameterException",
        ),
        ({"overrides": {"containerOverrides": [{"name": "nobody"}]}}, "InvalidParameterException"),
        (
            {"overrides": {"containerOverrides": [{"name": "worker", "command": ["x" * 9000]}]}},
            "InvalidParameter",
        ),
        ({"clientToken": "x" * 65}, "InvalidParameterException"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
        ({"taskDefinition": "nothing"}, "ClientException"),
        ({"platformVersion": "1.3.0"}, "PlatformTaskDefinitionIncompatibilityException"),
        ({"platformVersion": "9.9.9"}, "PlatformUnknownException"),
    ],
)
def test_run_task_refuses_what_ecs_refuses(site: Site, changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ClientError, match=error):
        run(site, register(site), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": "256", "memory": "8192"},
        {"cpu": "300"},
        {"executionRoleArn": ""},
        {"taskRoleArn": "arn:aws-invented:iam::123456789012:role/program-role"},
        {"executionRoleArn": "arn:aws-cn:iam::123456789012:role/program-role"},
        {"taskRoleArn": "arn:aws:iam:123456789012"},
        {
            "volumes": [
                {
                    "name": "files",
                    "efsVolumeConfiguration": {
                        "fileSystemId": "fs-01234567",
                        "authorizationConfig": {"iam": "ENABLED"},
                    },
                }
            ]
        },
    ],
)
def test_register_task_definition_refuses_what_ecs_refuses(site: Site, changes: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ClientException"):
        register(site, **changes)
