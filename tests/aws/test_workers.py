"""Workers on moto: launched, found again by their index, removed, and nothing of anybody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from moto.ecs.models import EC2ContainerServiceBackend

from tests.aws.account import ACCOUNT, FS, IMAGE, REGION, SETTINGS, the_clients
from tidemark.aws.clients import Clients
from tidemark.aws.ec2 import run_instance
from tidemark.aws.fargate import (
    deregister_task_definition,
    register_task_definition,
    registered_task_definitions,
    run_task,
)
from tidemark.aws.workers import WorkerRequest, find_workers, remove_workers
from tidemark.errors import WorkerNotLaunched
from tidemark.policy.policy import WorkerSettings as PolicyWorker
from tidemark.settings import MOUNT_POINT, LambdaSettings, WorkerSettings

INDEX = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"


def environment() -> WorkerSettings:
    return WorkerSettings(
        task_token="token",
        index_id=INDEX,
        account=ACCOUNT,
        region=REGION,
        file_system_id=FS.file_system_id,
        repository=SETTINGS.repository,
    )


@pytest.fixture
def settings(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> LambdaSettings:
    # moto 5.2.5 adds up the containers' memory, which on Fargate they need not name.
    none = {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
    monkeypatch.setattr(EC2ContainerServiceBackend, "_calculate_task_resource_requirements", lambda *_: none)
    cluster = clients.of("ecs", REGION).create_cluster(clusterName="tidemark")["cluster"]["clusterArn"]
    return replace(SETTINGS, cluster=cluster)


@pytest.fixture
def request_of(clients: Clients, settings: LambdaSettings) -> WorkerRequest:
    ec2 = clients.of("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    # moto 5.2.5 gives an interface no private name otherwise, and then asks for it.
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    arn = register_task_definition(
        clients.of("ecs", REGION), settings, FS.file_system_id, INDEX, PolicyWorker()
    )
    return {
        "kind": "fargate",
        "task_definition": arn,
        "instance_type": "",
        "subnets": [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]],
        "security_groups": [ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]],
    }


def test_a_task_definition_mounts_the_root_read_only_over_tls(
    clients: Clients, request_of: WorkerRequest
) -> None:
    definition = clients.of("ecs", REGION).describe_task_definition(
        taskDefinition=request_of["task_definition"]
    )
    (volume,) = (v for v in definition["taskDefinition"]["volumes"] if "efsVolumeConfiguration" in v)
    assert volume["efsVolumeConfiguration"] == {
        "fileSystemId": FS.file_system_id,
        "rootDirectory": "/",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"iam": "ENABLED"},
    }
    (container,) = definition["taskDefinition"]["containerDefinitions"]
    assert {"sourceVolume": volume["name"], "containerPath": MOUNT_POINT, "readOnly": True} in container[
        "mountPoints"
    ]
    assert container["readonlyRootFilesystem"]


def test_a_task_is_found_by_its_index_and_removed(
    clients: Clients, settings: LambdaSettings, request_of: WorkerRequest
) -> None:
    arn = run_task(clients.of("ecs", REGION), settings, request_of, environment())
    (found,) = find_workers(clients, settings, INDEX)
    assert (found.kind, found.worker_id, found.index_id) == ("fargate", arn, INDEX)
    assert list(find_workers(clients, settings, "another")) == []
    assert [worker.worker_id for worker in find_workers(clients, settings)] == [arn]
    assert list(find_workers(clients, replace(settings, deployment="cellar"))) == []
    assert remove_workers(clients, settings, INDEX, "over") == [arn]
    assert remove_workers(clients, settings, INDEX, "over") == []


def test_tasks_are_asked_for_by_their_index_and_nothing_else(settings: LambdaSettings) -> None:
    clients = the_clients()
    asked: list[dict[str, Any]] = []
    clients.of("ecs", REGION).meta.events.register(
        "provide-client-params.ecs.ListTasks", lambda params, **_: asked.append(params)
    )
    list(find_workers(clients, settings, INDEX))
    # "startedBy ... must be the only filter that you use". Source: ListTasks.
    assert [set(request) for request in asked] == [{"cluster", "startedBy"}]


def test_an_instance_is_found_by_its_index_and_terminated(
    clients: Clients, settings: LambdaSettings, request_of: WorkerRequest
) -> None:
    ec2 = clients.of("ec2", REGION)
    tags = [{"Key": "tidemark:deployment", "Value": "tidemark"}, {"Key": "tidemark:index", "Value": INDEX}]
    launched = ec2.run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)  # somebody else's
    instance = launched["Instances"][0]["InstanceId"]
    assert [(worker.kind, worker.index_id) for worker in find_workers(clients, settings)] == [("ec2", INDEX)]
    assert list(find_workers(clients, settings, "another")) == []
    ec2.stop_instances(InstanceIds=[instance])
    assert remove_workers(clients, settings, INDEX, "over") == [instance], "somebody has stopped it"
    assert list(find_workers(clients, settings)) == []


def test_task_definitions_are_listed_until_they_are_deregistered(
    clients: Clients, settings: LambdaSettings, request_of: WorkerRequest
) -> None:
    ecs = clients.of("ecs", REGION)
    arn = request_of["task_definition"]
    assert list(registered_task_definitions(ecs, settings)) == [(arn, INDEX)]
    assert list(registered_task_definitions(ecs, replace(settings, deployment="cellar"))) == []
    deregister_task_definition(ecs, arn)
    assert list(registered_task_definitions(ecs, settings)) == []


REQUEST: WorkerRequest = {
    "kind": "ec2",
    "task_definition": "arn:aws:ecs:task-definition/x:1",
    "instance_type": "",
    "subnets": ["subnet-1"],
    "security_groups": ["sg-1"],
}


def test_ecs_refusing_is_told_in_its_own_words() -> None:
    client = the_clients().of("ecs", REGION)
    with Stubber(client) as stub:
        failures = [{"arn": "x", "reason": "RESOURCE:FARGATE", "detail": "no room"}]
        stub.add_response("run_task", {"tasks": [], "failures": failures})
        with pytest.raises(WorkerNotLaunched, match="RESOURCE:FARGATE no room"):
            run_task(client, SETTINGS, REQUEST, environment())
        stub.add_response("run_task", {"tasks": [], "failures": []})
        with pytest.raises(WorkerNotLaunched, match="no reason given"):
            run_task(client, SETTINGS, REQUEST, environment())


@pytest.mark.parametrize(
    ("code", "expected"),
    [("InsufficientInstanceCapacity", WorkerNotLaunched), ("InvalidSubnetID.NotFound", Exception)],
)
def test_ec2_without_room_is_tried_again_and_nothing_else_is(code: str, expected: type[Exception]) -> None:
    client = the_clients().of("ec2", REGION)
    with Stubber(client) as stub:
        stub.add_client_error("run_instances", code, "none left")
        with pytest.raises(expected, match="none left") as caught:
            run_instance(client, SETTINGS, REQUEST, environment())
        assert isinstance(caught.value, WorkerNotLaunched) == (expected is WorkerNotLaunched)


WHATEVER = dict.fromkeys(
    [
        "ImageId",
        "InstanceType",
        "MinCount",
        "MaxCount",
        "ClientToken",
        "IamInstanceProfile",
        "InstanceInitiatedShutdownBehavior",
        "MetadataOptions",
        "NetworkInterfaces",
        "BlockDeviceMappings",
        "TagSpecifications",
        "UserData",
    ],
    ANY,
)


def test_an_instance_demands_imdsv2_has_no_public_address_and_ends_itself() -> None:
    client = the_clients().of("ec2", REGION)
    asked: dict[str, Any] = {}
    client.meta.events.register(
        "provide-client-params.ec2.RunInstances", lambda params, **_: asked.update(params)
    )
    with Stubber(client) as stub:
        stub.add_response("run_instances", {"Instances": [{"InstanceId": "i-1"}]}, WHATEVER)
        assert run_instance(client, SETTINGS, REQUEST, environment()) == "i-1"
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert asked["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert {"Key": "tidemark:index", "Value": INDEX} in asked["TagSpecifications"][0]["Tags"]
    assert len(asked["ClientToken"]) <= 64
    assert len(asked["UserData"].encode()) < 16 * 1024, "the most that EC2 takes"
