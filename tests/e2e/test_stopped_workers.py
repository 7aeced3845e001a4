"""A worker cannot start or is killed: AWS's events give its session the reason and the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Deployed, until

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def recorded(deployed: Deployed, index_id: str) -> list[dict[str, Any]]:
    """Return the history of an indexing session."""
    paginator = deployed.cloud.client("stepfunctions").get_paginator("get_execution_history")
    pages = paginator.paginate(executionArn=deployed.executions("indexing-session")[index_id])
    return [event for page in pages for event in page["events"]]


def failures(deployed: Deployed, index_id: str) -> list[str]:
    """Return the errors of the indexing session's steps; for a missed heartbeat, a timeout."""
    kinds = ("taskFailedEventDetails", "taskTimedOutEventDetails")
    return [event[kind]["error"] for event in recorded(deployed, index_id) for kind in kinds if kind in event]


def ended_without_index(deployed: Deployed, policy: str) -> tuple[dict[str, Any], str, str]:
    """Run a policy whose index fails; return the session, its reasons, and the failed index's id."""
    before = set(deployed.executions("indexing-session"))
    session = deployed.run(policy)
    assert session["status"] == "warning"
    (index_id,) = set(deployed.executions("indexing-session")) - before
    return session, " ".join(session["reasons"]), index_id


@pytest.fixture
def nowhere(deployed: Deployed) -> Iterator[str]:
    """Give the subnet of the file system `bare` a route table without routes; return the subnet."""
    efs, ec2 = deployed.cloud.client("efs"), deployed.cloud.client("ec2")
    (target,) = efs.describe_mount_targets(FileSystemId=deployed.cloud.file_systems["bare"].id)[
        "MountTargets"
    ]
    table = ec2.create_route_table(VpcId=target["VpcId"])["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=target["SubnetId"])["AssociationId"]
    yield target["SubnetId"]
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)


def test_a_subnet_without_routes_is_named_before_a_worker_is_launched(
    deployed: Deployed, nowhere: str
) -> None:
    session, reasons, index_id = ended_without_index(deployed, "bare")
    assert [point["kind"] for point in session["points"]], "the backup is there"
    assert f"{nowhere} cannot reach ECR (ecr.api)" in reasons
    for next_step in ("NAT gateway", "VPC endpoints", "public_address"):
        assert next_step in reasons
    assert failures(deployed, index_id) == ["WorkerCutOff"], "nothing was launched"


def test_an_image_that_cannot_be_pulled_is_named_by_the_event_and_not_retried(deployed: Deployed) -> None:
    """As with correct routes and a firewall that blocks them."""
    deployed.cloud.faults.add(
        Fault(
            service="ecs",
            operation="ContainerStart",
            action="fail",
            error_code="CannotPullContainerError",
            message="pull image manifest has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout",
        )
    )
    _, reasons, index_id = ended_without_index(deployed, "team")
    assert "could not get its image from ECR" in reasons
    assert "dial tcp 10.0.0.1:443: i/o timeout" in reasons
    assert "VPC endpoints for ECR" in reasons
    assert failures(deployed, index_id) == ["WorkerCannotRun"]


def test_a_task_that_fargate_accepts_and_cannot_place_is_launched_once_more(deployed: Deployed) -> None:
    deployed.cloud.faults.add(
        Fault(
            service="ecs",
            operation="ContainerStart",
            action="fail",
            error_code="Capacity is unavailable at this time",
            message="Please try again later or in a different availability zone",
            calls=(1, 1),
        )
    )
    session = deployed.run("team")
    assert (session["status"], session["reasons"]) == ("success", [])
    assert failures(deployed, session["index_id"]) == ["WorkerNotLaunched"]


def test_a_worker_that_runs_out_of_memory_is_named(deployed: Deployed) -> None:
    hold_the_worker(deployed)
    deployed.cloud.faults.add(
        Fault(service="ecs", operation="ContainerSecond", action="fail", error_code="OutOfMemoryError")
    )
    _, reasons, index_id = ended_without_index(deployed, "team")
    assert "ran out of memory" in reasons
    assert "raise worker.memory" in reasons
    assert failures(deployed, index_id) == ["WorkerCannotRun"]


def test_a_worker_that_is_killed_repeatedly_is_reported_with_the_signal(deployed: Deployed) -> None:
    hold_the_worker(deployed)
    deployed.cloud.faults.add(Fault(service="ecs", operation="ContainerSecond", action="kill"))
    _, reasons, index_id = ended_without_index(deployed, "team")
    assert "SIGKILL (exit code 137" in reasons
    assert failures(deployed, index_id) == ["WorkerStopped"] * 4, "another worker may do better: retried"


def test_an_instance_that_reaches_no_service_is_reported_with_ec2s_reason(deployed: Deployed) -> None:
    """Its routes are removed after they were checked: neither dnf nor the worker's result gets through."""
    ec2 = deployed.cloud.client("ec2")
    (nat,) = (one for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] == "available")
    tables = ec2.describe_route_tables(
        Filters=[{"Name": "route.nat-gateway-id", "Values": [nat["NatGatewayId"]]}]
    )
    (table,) = tables["RouteTables"]
    way = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    # The launch waits until the route is gone.
    deployed.cloud.faults.add(
        Fault(service="ec2", operation="RunInstances", action="delay", seconds=3, calls=(1, 1))
    )
    before = set(deployed.executions("indexing-session"))
    session_id = deployed.start("instance")
    until(lambda: launched(deployed, before), bool)
    ec2.delete_route(**way)
    try:
        session = deployed.ended(session_id)
    finally:
        ec2.create_route(**way, NatGatewayId=nat["NatGatewayId"])
    (index_id,) = set(deployed.executions("indexing-session")) - before
    reasons = " ".join(session["reasons"])
    assert session["status"] == "warning"
    assert "Client.InstanceInitiatedShutdown" in reasons
    assert "console output" in reasons
    assert failures(deployed, index_id) == ["WorkerCannotRun"]


def launched(deployed: Deployed, before: set[str]) -> bool:
    """Return whether a new indexing session has prepared its worker."""
    new = set(deployed.executions("indexing-session")) - before
    return any("Launch worker" in json.dumps(recorded(deployed, one), default=str) for one in new)


def hold_the_worker(deployed: Deployed) -> None:
    """Delay each worker's last write, so that it is running when it is killed."""
    deployed.cloud.faults.add(
        Fault(service="s3", operation="PutObject", action="delay", match=r"proposal\.json", seconds=20)
    )
