from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas import launch_worker
from lambdas._handler import Deployment
from tests.aws.account import FS, NIGHTLY, REGION, route_out
from tests.lambdas.conftest import deploy_policy, hold_lease, propose
from tests.sessions.world import new_session
from tidemark.aws.clients import Clients
from tidemark.aws.clock import utc_now
from tidemark.damage.settings import DamageSettings
from tidemark.errors import IndexingFailed, LeaseLost, NoMountTarget
from tidemark.policy.policy import CrawlSettings, WorkerSettings
from tidemark.sessions.attempts import read_attempt
from tidemark.sessions.damage_alarms import Suspicion, raise_alarm, release_alarm
from tidemark.sessions.indexing import Attempt, IndexStatus
from tidemark.sessions.overlap import claim, fail, open_session
from tidemark.sessions.records import read_index
from tidemark.settings import WorkerSettings as WorkerEnvironment

WORKER = WorkerSettings(security_groups=("sg-1",))


@pytest.fixture
def file_system(clients: Clients, deployment: Deployment) -> str:
    ec2, efs = clients.of("ec2", REGION), clients.of("efs", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    route_out(clients, vpc)
    made = efs.create_file_system(CreationToken="t")["FileSystemId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    return made


def prepare(call: Any, deployment: Deployment, file_system: str) -> Any:
    hold_lease(deployment, file_system, f"{file_system}-1-a")
    return call(
        "prepare_worker", {"index_id": f"{file_system}-1-a", "file_system": file_system, "policy": "nightly"}
    )


def test_a_fargate_worker_gets_a_task_definition_of_its_file_system(
    call: Any, clients: Clients, file_system: str, deployment: Deployment
) -> None:
    deploy_policy(clients, replace(NIGHTLY, worker=WORKER))
    worker = prepare(call, deployment, file_system)
    assert worker["kind"] == "fargate"
    efs = clients.of("efs", REGION)
    (target,) = efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
    assert worker["networks"] == [{"subnets": [target["SubnetId"]], "security_groups": ["sg-1"]}]
    assert worker["public_address"] is False
    assert file_system in worker["task_definition"]


@pytest.mark.parametrize("kind", ["fargate", "ec2"])
def test_a_worker_gets_the_index_settings_of_its_policy(
    call: Any, clients: Clients, file_system: str, deployment: Deployment, kind: Any
) -> None:
    crawl = CrawlSettings(exclude=("/scratch",), operations_per_second=500)
    deploy_policy(clients, replace(NIGHTLY, crawl=crawl, worker=replace(WORKER, kind=kind)))
    worker = prepare(call, deployment, file_system)
    assert (worker["exclude"], worker["operations_per_second"]) == (["/scratch"], 500)


def test_a_worker_gets_the_thresholds_and_what_a_person_has_accepted(
    call: Any, clients: Clients, file_system: str, deployment: Deployment
) -> None:
    thresholds = DamageSettings(files=7)
    deploy_policy(clients, replace(NIGHTLY, damage=thresholds, worker=WORKER))
    suspicion = Suspicion(file_system=deployment.file_system(file_system), index_id="index-9")
    alarm = raise_alarm(deployment.records, suspicion, holds=False, now=utc_now())
    release_alarm(deployment.records, alarm, utc_now())
    worker = prepare(call, deployment, file_system)
    assert DamageSettings.from_json(json.loads(worker["damage"])) == thresholds
    assert worker["accepted_until"] == "index-9"


def test_an_ec2_worker_needs_no_task_definition(
    call: Any, clients: Clients, file_system: str, deployment: Deployment
) -> None:
    deploy_policy(clients, replace(NIGHTLY, worker=replace(WORKER, kind="ec2", instance_type="m7g.xlarge")))
    worker = prepare(call, deployment, file_system)
    assert (worker["kind"], worker["task_definition"], worker["instance_type"]) == ("ec2", "", "m7g.xlarge")


def test_a_file_system_that_cannot_be_mounted_is_an_error(
    call: Any, clients: Clients, deployment: Deployment
) -> None:
    made = clients.of("efs", REGION).create_file_system(CreationToken="other")["FileSystemId"]
    with pytest.raises(NoMountTarget):
        prepare(call, deployment, made)


@pytest.mark.parametrize("kind", ["fargate", "ec2"])
def test_a_silent_worker_is_removed_before_another_is_launched(
    call: Any, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    done: list[Any] = []

    def launch(_clients: Any, _settings: Any, request: Any, environment: WorkerEnvironment) -> str:
        done.append((request["kind"], environment))
        return "worker"

    monkeypatch.setattr(
        launch_worker, "remove_workers", lambda *arguments: done.append(arguments[2]) or ["old"]
    )
    monkeypatch.setattr(launch_worker, "launch", launch)
    worker = {"kind": kind, "exclude": ["/scratch"], "operations_per_second": 500}
    hold_lease(deployment, "fs-0", "index")
    event = {"task_token": "t", "index_id": "index", "file_system": "fs-0", "worker": worker}
    assert call("launch_worker", event) is None
    removed, (launched, environment) = done
    assert (removed, launched) == ("index", kind)
    assert (environment.task_token, environment.index_id, environment.file_system_id) == (
        "t",
        "index",
        "fs-0",
    )
    assert environment.repository == deployment.settings.repository
    assert (environment.exclude, environment.operations_per_second) == (("/scratch",), 500)
    call("launch_worker", {**event, "worker": {"kind": kind}})  # prepared by a version without these settings
    assert (done[-1][1].exclude, done[-1][1].operations_per_second) == ((), 0)


def test_a_launch_is_recorded_before_and_after_it_has_a_machine(
    call: Any, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_id, now = f"{FS.file_system_id}-20261122T020000Z-0a1b2c", utc_now()
    open_session(deployment.records, replace(new_session("s"), file_system=FS), now)
    claim(deployment.records, "s", index_id, now)
    recorded: list[Any] = []

    def launch(*_: Any) -> str:
        recorded.append(read_attempt(deployment.records, FS, index_id))
        return "arn:task"

    monkeypatch.setattr(launch_worker, "remove_workers", lambda *_: [])
    monkeypatch.setattr(launch_worker, "launch", launch)
    file_system = FS.file_system_id
    event = {"task_token": "t", "index_id": index_id, "file_system": file_system, "worker": {"kind": "ec2"}}
    call("launch_worker", event)
    recorded.append(read_attempt(deployment.records, FS, index_id))
    assert recorded == [Attempt(worker_id=one, task_token="t") for one in ("", "arn:task")]


def test_a_worker_is_removed_with_its_task_definition_idempotently(
    call: Any, clients: Clients, file_system: str, deployment: Deployment
) -> None:
    deploy_policy(clients, replace(NIGHTLY, worker=WORKER))
    worker = prepare(call, deployment, file_system)
    event = {"index_id": f"{file_system}-1-a", "file_system": file_system, "worker": worker}
    for _ in range(2):
        removed = {"workers": [], "task_definition": worker["task_definition"], "leftovers": 0}
        assert call("remove_worker", event) == removed
        assert clients.of("ecs", REGION).list_task_definitions(status="ACTIVE")["taskDefinitionArns"] == []
    removed = {"workers": [], "task_definition": "", "leftovers": 0}
    assert call("remove_worker", {**event, "worker": None}) == removed, (
        "and a bucket that is not there is no error"
    )


@pytest.mark.parametrize("step", ["prepare_worker", "launch_worker", "complete_index"])
def test_a_redrive_without_a_lease_does_nothing(
    call: Any, clients: Clients, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The execution was stopped, the sweeper ended its index, and a user redrives it days later."""
    monkeypatch.setattr(launch_worker, "remove_workers", lambda *_: pytest.fail("removes a successor's"))
    index_id = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"
    hold_lease(deployment, FS.file_system_id, index_id)
    totals = propose(clients, FS.file_system_id, index_id)
    fail(deployment.records, FS, index_id, "its execution is ABORTED", utc_now())
    hold_lease(deployment, FS.file_system_id, f"{index_id[:-1]}d")
    event = {
        "index_id": index_id,
        "file_system": FS.file_system_id,
        "policy": "nightly",
        "task_token": "t",
        "worker": {"kind": "fargate"},
        "totals": totals,
    }
    with pytest.raises(LeaseLost):
        call(step, event)
    assert clients.of("ecs", REGION).list_task_definitions()["taskDefinitionArns"] == []
    assert manifests(clients) == []


def manifests(clients: Clients) -> list[str]:
    listed = clients.of("s3", REGION).list_objects_v2(Bucket="repository").get("Contents", [])
    return [found["Key"] for found in listed if found["Key"].endswith("/manifest.json")]


def completed(call: Any, deployment: Deployment, clients: Clients, **changed: Any) -> Any:
    """Complete an index with the worker's report, modified by `changed`."""
    hold_lease(deployment, FS.file_system_id, INDEX_ID)
    totals = {**propose(clients, FS.file_system_id, INDEX_ID), **changed}
    event = {"index_id": INDEX_ID, "file_system": FS.file_system_id, "totals": totals}
    return call("complete_index", event), event


INDEX_ID = f"{FS.file_system_id}-20261122T020000Z-0a1b2c"


def test_an_index_is_published_under_its_lease_and_recorded_with_its_digest(
    call: Any, deployment: Deployment, clients: Clients
) -> None:
    _, event = completed(call, deployment, clients)
    index = read_index(deployment.records, FS, INDEX_ID)
    assert index is not None
    (key,) = manifests(clients)
    body = clients.of("s3", REGION).get_object(Bucket="repository", Key=key)["Body"].read()
    assert key == f"below/{index.totals['manifest_key']}"
    assert index.totals["manifest_sha256"] == hashlib.sha256(body).hexdigest()
    assert call("complete_index", event)["index_id"] == INDEX_ID, "its answer was lost"
    assert len(manifests(clients)) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"manifest_sha256": "0" * 64}, "does not match the digest that its worker reported"),
        ({"manifest_key": f"indexes/{FS}/{INDEX_ID}/attempt-1/proposal.json"}, "cannot be read"),
        (
            {"manifest_key": f"indexes/{FS}/{INDEX_ID[:-1]}d/attempt-0a1b2c3d/proposal.json"},
            "is not a valid key",
        ),
    ],
)
def test_a_manifest_that_was_not_proposed_is_not_published(
    call: Any, deployment: Deployment, clients: Clients, changed: Any, said: str
) -> None:
    with pytest.raises(IndexingFailed, match=said):
        completed(call, deployment, clients, **changed)
    assert manifests(clients) == []


def test_the_manifest_of_another_index_is_not_published(
    call: Any, deployment: Deployment, clients: Clients
) -> None:
    key, body = f"indexes/{FS}/{INDEX_ID}/attempt-1/proposal.json", b'{"index_id": "other"}'
    propose(clients, FS.file_system_id, INDEX_ID)
    clients.of("s3", REGION).put_object(Bucket="repository", Key=f"below/{key}", Body=body)
    reported = {"manifest_key": key, "manifest_sha256": hashlib.sha256(body).hexdigest()}
    with pytest.raises(IndexingFailed, match="manifest of another index"):
        completed(call, deployment, clients, **reported)


def test_an_existing_manifest_is_not_replaced(call: Any, deployment: Deployment, clients: Clients) -> None:
    propose(clients, FS.file_system_id, INDEX_ID)
    key = f"below/indexes/{FS}/{INDEX_ID}/manifest.json"
    clients.of("s3", REGION).put_object(Bucket="repository", Key=key, Body=b"of somebody else")
    with pytest.raises(IndexingFailed, match="already exists with other content"):
        completed(call, deployment, clients)
    index = read_index(deployment.records, FS, INDEX_ID)
    assert index is not None
    assert index.status is IndexStatus.RUNNING
