"""Workers that place restored files: they may write, have a role of their own, and are found by their run."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.aws.account import ACCOUNT, FS, IMAGE, REGION, SETTINGS, the_clients
from tests.aws.test_workers import EC2_REQUEST, ECS_REQUEST
from tidemark.aws.clients import Clients
from tidemark.aws.ec2 import user_data
from tidemark.aws.fargate import (
    deregister_task_definition,
    register_task_definition,
    registered_task_definitions,
)
from tidemark.aws.worker_launcher import launch
from tidemark.aws.workers import (
    INDEXING,
    PLACING,
    Purpose,
    find_workers,
    remove_workers,
    stopped_instance,
)
from tidemark.errors import WorkerNotLaunched
from tidemark.policy.policy import WorkerSettings as PolicyWorker
from tidemark.settings import MOUNT_POINT, LambdaSettings, RestoreWorkerSettings

RUN = f"restore-{FS.file_system_id}-20261122T020000Z-0a1b2"
INDEX = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"
ENTRY_POINT = ["python", "-m", "worker_image.restore_worker"]


def environment() -> RestoreWorkerSettings:
    return RestoreWorkerSettings(
        task_token="token",
        restore_id=RUN,
        plan_id="plan-1",
        account=ACCOUNT,
        region=REGION,
        file_system_id=FS.file_system_id,
        repository=SETTINGS.repository,
    )


@pytest.fixture
def settings(clients: Clients) -> LambdaSettings:
    cluster = clients.of("ecs", REGION).create_cluster(clusterName="tidemark")["cluster"]["clusterArn"]
    return replace(SETTINGS, cluster=cluster)


def register(clients: Clients, settings: LambdaSettings, run_id: str, purpose: Purpose) -> str:
    ecs = clients.of("ecs", REGION)
    return register_task_definition(ecs, settings, FS.file_system_id, run_id, PolicyWorker(), purpose)


def test_a_task_may_write_to_the_file_system_and_runs_the_restore_worker(
    clients: Clients, settings: LambdaSettings
) -> None:
    arn = register(clients, settings, RUN, PLACING)
    answer = clients.of("ecs", REGION).describe_task_definition(taskDefinition=arn, include=["TAGS"])
    definition = answer["taskDefinition"]
    (volume,) = (each for each in definition["volumes"] if "efsVolumeConfiguration" in each)
    assert volume["efsVolumeConfiguration"]["rootDirectory"] == "/"
    assert volume["efsVolumeConfiguration"]["transitEncryption"] == "ENABLED"
    assert volume["efsVolumeConfiguration"]["authorizationConfig"] == {"iam": "ENABLED"}
    (container,) = definition["containerDefinitions"]
    mounts = {each["containerPath"]: each.get("readOnly") for each in container["mountPoints"]}
    assert mounts[MOUNT_POINT] is False
    assert container["entryPoint"] == ENTRY_POINT
    assert container["readonlyRootFilesystem"]
    assert definition["taskRoleArn"] == SETTINGS.restore_task_role
    tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
    assert tags == {"tidemark:deployment": "tidemark", "tidemark:restore": RUN}


def test_an_indexing_task_keeps_its_read_only_mount_role_and_entry_point(
    clients: Clients, settings: LambdaSettings
) -> None:
    arn = register(clients, settings, INDEX, INDEXING)
    definition = clients.of("ecs", REGION).describe_task_definition(taskDefinition=arn)["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    assert {each["containerPath"]: each.get("readOnly") for each in container["mountPoints"]}[MOUNT_POINT]
    assert not container.get("entryPoint")
    assert definition["taskRoleArn"] == SETTINGS.worker_task_role


def test_definitions_of_one_purpose_are_not_listed_for_the_other(
    clients: Clients, settings: LambdaSettings
) -> None:
    ecs = clients.of("ecs", REGION)
    arns = {
        purpose.name: register(clients, settings, run, purpose)
        for purpose, run in ((PLACING, RUN), (INDEXING, INDEX))
    }
    assert list(registered_task_definitions(ecs, settings, PLACING)) == [(arns["restore"], RUN)]
    assert list(registered_task_definitions(ecs, settings, INDEXING)) == [(arns["index"], INDEX)]
    assert list(registered_task_definitions(ecs, replace(settings, deployment="cellar"), PLACING)) == []
    deregister_task_definition(ecs, arns["restore"])
    assert list(registered_task_definitions(ecs, settings, PLACING)) == []


def run_instance(clients: Clients, **tags: str) -> str:
    made = clients.of("ec2", REGION).run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": f"tidemark:{key}", "Value": value} for key, value in tags.items()],
            }
        ],
    )
    return made["Instances"][0]["InstanceId"]


def test_instances_are_found_and_removed_by_purpose_and_run(
    clients: Clients, settings: LambdaSettings
) -> None:
    mine = run_instance(clients, deployment="tidemark", restore=RUN)
    other = run_instance(clients, deployment="tidemark", restore="restore-2")
    indexing = run_instance(clients, deployment="tidemark", index=INDEX)
    run_instance(clients, deployment="cellar", restore=RUN)
    found = {worker.worker_id: worker.run_id for worker in find_workers(clients, settings, purpose=PLACING)}
    assert found == {mine: RUN, other: "restore-2"}
    assert [worker.worker_id for worker in find_workers(clients, settings)] == [indexing]
    assert remove_workers(clients, settings, RUN, "over") == [], "it is no indexing session"
    assert remove_workers(clients, settings, RUN, "over", PLACING) == [mine]
    assert [worker.worker_id for worker in find_workers(clients, settings, purpose=PLACING)] == [other]


def test_a_stopped_instance_is_known_by_the_tag_of_its_run(
    clients: Clients, settings: LambdaSettings
) -> None:
    instance = run_instance(clients, deployment="tidemark", restore=RUN)
    clients.of("ec2", REGION).terminate_instances(InstanceIds=[instance])
    found = stopped_instance(clients, settings.deployment, REGION, instance)
    assert found is not None
    assert (found.purpose, found.run_id) == (PLACING, RUN)
    assert "Client.UserInitiatedShutdown" in found.code
    for foreign in (run_instance(clients, deployment="cellar", restore=RUN), run_instance(clients, x="y")):
        assert stopped_instance(clients, settings.deployment, REGION, foreign) is None


def launched(request: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Launch a worker; return what ECS or EC2 is asked."""
    clients = the_clients()
    service: Any = "ecs" if request["kind"] == "fargate" else "ec2"
    operation = "run_task" if service == "ecs" else "run_instances"
    client, asked = clients.of(service, REGION), dict[str, Any]()
    event = f"provide-client-params.{service}.{'RunTask' if service == 'ecs' else 'RunInstances'}"
    client.meta.events.register(event, lambda params, **_: asked.update(params), unique_id="asked")
    try:
        with Stubber(client) as stub:
            stub.add_response(operation, answer)
            launch(clients, SETTINGS, request, environment(), PLACING)
    finally:
        client.meta.events.unregister(event, unique_id="asked")
    return asked


def test_a_task_is_started_for_its_restore_and_gets_its_settings() -> None:
    asked = launched(ECS_REQUEST, {"tasks": [{"taskArn": "arn:task"}], "failures": []})
    assert asked["startedBy"] == RUN
    assert {"key": "tidemark:restore", "value": RUN} in asked["tags"]
    assert not [tag for tag in asked["tags"] if tag["key"] == "tidemark:index"]
    (container,) = asked["overrides"]["containerOverrides"]
    given = {each["name"]: each["value"] for each in container["environment"]}
    assert given["TIDEMARK_RESTORE_ID"] == RUN
    assert given["TIDEMARK_PLAN_ID"] == "plan-1"


def test_an_instance_has_the_profile_and_the_tags_of_restores() -> None:
    asked = launched(EC2_REQUEST, {"Instances": [{"InstanceId": "i-1"}]})
    assert asked["IamInstanceProfile"] == {"Arn": SETTINGS.restore_instance_profile}
    for specification in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
        assert (tags["tidemark:restore"], tags["tidemark:deployment"]) == (RUN, "tidemark")
        assert "tidemark:index" not in tags
    assert len(asked["UserData"].encode()) < 16 * 1024, "the most that EC2 accepts"


def test_the_script_of_an_instance_mounts_the_file_system_for_writing_and_runs_the_restore_worker() -> None:
    script = user_data(SETTINGS, environment(), PLACING)
    assert f"mount -t efs -o tls,iam {FS.file_system_id}:/ {MOUNT_POINT}" in script
    assert f"--volume {MOUNT_POINT}:{MOUNT_POINT} " in script
    run = script[script.index("docker run") :]
    image = run.index(SETTINGS.worker_image)
    assert "--entrypoint python " in run[:image]
    assert run[image:].split()[1:] == ENTRY_POINT[1:]
    assert f"the worker of restore {RUN}" in script
    subprocess.run(["bash", "-n", "-c", script], check=True)


def test_a_place_without_capacity_is_reported_for_the_restore() -> None:
    clients = the_clients()
    with Stubber(clients.of("ec2", REGION)) as stub:
        stub.add_client_error("run_instances", "VcpuLimitExceeded", "none left")
        with pytest.raises(WorkerNotLaunched, match=f"restore {RUN}.*none left"):
            launch(clients, SETTINGS, EC2_REQUEST, environment(), PLACING)
