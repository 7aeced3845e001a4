"""Workers on moto: launched, found by their index and removed, without touching other resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from moto.ecs.models import EC2ContainerServiceBackend

from tests.aws.account import ACCOUNT, FS, IMAGE, REGION, SETTINGS, the_clients
from tidemark.aws.clients import Clients
from tidemark.aws.fargate import (
    deregister_task_definition,
    register_task_definition,
    registered_task_definitions,
)
from tidemark.aws.worker_launcher import launch
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
        "networks": [
            {
                "subnets": [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]],
                "security_groups": [
                    ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
                ],
            }
        ],
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
    arn = launch(clients, settings, request_of, environment())
    (found,) = find_workers(clients, settings, INDEX)
    assert (found.kind, found.worker_id, found.run_id) == ("fargate", arn, INDEX)
    assert list(find_workers(clients, settings, "another")) == []
    assert [worker.worker_id for worker in find_workers(clients, settings)] == [arn]
    assert list(find_workers(clients, replace(settings, deployment="cellar"))) == []
    assert remove_workers(clients, settings, INDEX, "over") == [arn]
    assert remove_workers(clients, settings, INDEX, "over") == []


def test_tasks_are_listed_by_their_index_only(settings: LambdaSettings) -> None:
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
    ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)  # another deployment's
    instance = launched["Instances"][0]["InstanceId"]
    assert [(worker.kind, worker.run_id) for worker in find_workers(clients, settings)] == [("ec2", INDEX)]
    assert list(find_workers(clients, settings, "another")) == []
    ec2.stop_instances(InstanceIds=[instance])
    assert remove_workers(clients, settings, INDEX, "over") == [instance], "another program has stopped it"
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


EC2_REQUEST: WorkerRequest = {
    "kind": "ec2",
    "task_definition": "arn:aws:ecs:task-definition/x:1",
    "instance_type": "",
    "networks": [
        {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
        {"subnets": ["subnet-2"], "security_groups": ["sg-2"]},
    ],
}


FULL = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
ECS_REQUEST: WorkerRequest = {**EC2_REQUEST, "kind": "fargate"}


def launched(request: WorkerRequest, *answers: Any) -> tuple[str | WorkerNotLaunched, list[dict[str, Any]]]:
    """Launch with these responses of ECS or EC2, in order; return the result or error, and the requests."""
    clients = the_clients()
    service: Any = "ecs" if request["kind"] == "fargate" else "ec2"
    operation = "run_task" if service == "ecs" else "run_instances"
    asked: list[dict[str, Any]] = []
    client = clients.of(service, REGION)
    name = f"provide-client-params.{service}.{'RunTask' if service == 'ecs' else 'RunInstances'}"
    client.meta.events.register(name, lambda params, **_: asked.append(params), unique_id="asked")
    with Stubber(client) as stub:
        for answer in answers:
            if isinstance(answer, dict):
                stub.add_response(operation, answer)
            else:
                stub.add_client_error(operation, *answer)
        try:
            return launch(clients, SETTINGS, request, environment()), asked
        except WorkerNotLaunched as error:
            return error, asked
        finally:
            client.meta.events.unregister(name, unique_id="asked")
            stub.assert_no_pending_responses()


def failed(reason: str, detail: str = "") -> dict[str, Any]:
    return {"tasks": [], "failures": [{"arn": "x", "reason": reason, "detail": detail}]}


@pytest.mark.parametrize("full", [failed(FULL), ("ClientException", FULL)])
def test_without_fargate_capacity_the_next_zone_is_tried_with_its_own_subnet_and_group(full: Any) -> None:
    found, asked = launched(ECS_REQUEST, full, {"tasks": [{"taskArn": "arn:task"}], "failures": []})
    assert found == "arn:task"
    places = [each["networkConfiguration"]["awsvpcConfiguration"] for each in asked]
    assert [(place["subnets"], place["securityGroups"]) for place in places] == [
        (["subnet-1"], ["sg-1"]),
        (["subnet-2"], ["sg-2"]),
    ]
    assert {place["assignPublicIp"] for place in places} == {"DISABLED"}
    # Equal tokens with different parameters are a conflict. Source: RunTask, clientToken.
    assert len({each["clientToken"] for each in asked}) == 2


def test_a_worker_gets_a_public_address_if_its_policy_requests_one() -> None:
    task: Any = {**ECS_REQUEST, "public_address": True}
    _, (asked,) = launched(task, {"tasks": [{"taskArn": "arn:task"}], "failures": []})
    assert asked["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"
    instance: Any = {**EC2_REQUEST, "public_address": True}
    _, (asked,) = launched(instance, {"Instances": [{"InstanceId": "i-1"}]})
    assert asked["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is True


@pytest.mark.parametrize("code", ["InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet"])
def test_without_ec2_capacity_the_next_zone_is_tried(code: str) -> None:
    found, asked = launched(EC2_REQUEST, (code, "none left"), {"Instances": [{"InstanceId": "i-1"}]})
    assert found == "i-1"
    assert [each["NetworkInterfaces"][0]["SubnetId"] for each in asked] == ["subnet-1", "subnet-2"]
    assert [each["NetworkInterfaces"][0]["Groups"] for each in asked] == [["sg-1"], ["sg-2"]]
    assert len({each["ClientToken"] for each in asked}) == 2


def test_missing_capacity_in_all_zones_is_reported_with_every_subnet() -> None:
    found, asked = launched(ECS_REQUEST, failed(FULL), failed(FULL))
    assert isinstance(found, WorkerNotLaunched)
    assert "in subnet-1: Capacity is unavailable" in str(found)
    assert "in subnet-2: Capacity is unavailable" in str(found)
    assert "or name a subnet in another zone in tidemark.yaml" in str(found)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failed("RESOURCE:FARGATE", "no room"), "RESOURCE:FARGATE no room"),
        ({"tasks": [], "failures": []}, "no reason given"),
    ],
)
def test_a_refusal_by_ecs_is_quoted_and_no_other_zone_is_tried(answer: Any, words: str) -> None:
    found, asked = launched(ECS_REQUEST, answer)
    assert isinstance(found, WorkerNotLaunched)
    assert words in str(found)
    assert len(asked) == 1


def test_an_exhausted_account_quota_is_reported_and_no_other_zone_is_tried() -> None:
    found, asked = launched(EC2_REQUEST, ("VcpuLimitExceeded", "none left"))
    assert isinstance(found, WorkerNotLaunched)
    assert "none left" in str(found)
    assert len(asked) == 1


def test_a_permanent_launch_error_is_not_retried() -> None:
    with pytest.raises(ClientError, match=r"InvalidSubnetID\.NotFound"):
        launched(EC2_REQUEST, ("InvalidSubnetID.NotFound", "no such subnet"))


def test_a_launch_prepared_by_an_older_version_uses_its_network() -> None:
    older: WorkerRequest = {
        "kind": "ec2",
        "task_definition": "",
        "instance_type": "",
        "subnets": ["subnet-9"],
        "security_groups": ["sg-9"],
    }
    _, asked = launched(older, {"Instances": [{"InstanceId": "i-1"}]})
    assert asked[0]["NetworkInterfaces"][0]["SubnetId"] == "subnet-9"


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


def test_an_instance_requires_imdsv2_has_no_public_address_and_terminates_itself() -> None:
    client = the_clients().of("ec2", REGION)
    asked: dict[str, Any] = {}
    client.meta.events.register(
        "provide-client-params.ec2.RunInstances", lambda params, **_: asked.update(params)
    )
    with Stubber(client) as stub:
        stub.add_response("run_instances", {"Instances": [{"InstanceId": "i-1"}]}, WHATEVER)
        assert launch(the_clients(), SETTINGS, EC2_REQUEST, environment()) == "i-1"
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert asked["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert {"Key": "tidemark:index", "Value": INDEX} in asked["TagSpecifications"][0]["Tags"]
    assert len(asked["ClientToken"]) <= 64
    assert len(asked["UserData"].encode()) < 16 * 1024, "the most that EC2 takes"
