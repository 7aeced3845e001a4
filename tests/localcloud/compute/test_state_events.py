"""What ECS and EC2 report of a machine's states through EventBridge, in the documented shapes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from localcloud import Fault
from tests.localcloud.compute.conftest import Site, wait_for
from tests.localcloud.compute.test_ecs import register, run, stopped
from tests.localcloud.compute.test_instances import launch, state

pytestmark = pytest.mark.cloud

Listen = Callable[[dict[str, Any]], Callable[[], list[dict[str, Any]]]]


@pytest.fixture
def listen(site: Site) -> Listen:
    """Make a rule with a queue; return how to get the events that have arrived."""

    def make(pattern: dict[str, Any]) -> Callable[[], list[dict[str, Any]]]:
        name = f"listen-{time.time_ns()}"
        sqs, events = site.client("sqs"), site.client("events")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        arrived: list[dict[str, Any]] = []

        def all_of_them() -> list[dict[str, Any]]:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                arrived.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return arrived

        return all_of_them

    return make


def test_a_tasks_states_are_reported_without_its_variables(site: Site, listen: Listen) -> None:
    cluster = site.client("ecs").describe_clusters(clusters=["main"])["clusters"][0]["clusterArn"]
    heard = listen({"source": ["aws.ecs"], "detail": {"clusterArn": [cluster], "startedBy": ["reporter"]}})
    variables = {"ORDER": "nothing", "EXIT": "3", "SECRET": "x"}
    arn = run(site, register(site), variables, startedBy="reporter")["tasks"][0]["taskArn"]
    task = stopped(site, arn)
    events = wait_for(lambda: heard() if len(heard()) >= 4 else None)
    assert {event["detail-type"] for event in events} == {"ECS Task State Change"}
    assert {tuple(event["resources"]) for event in events} == {(arn,)}
    by_status = {event["detail"]["lastStatus"]: event["detail"] for event in events}
    assert set(by_status) == {"PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"}
    last = by_status["STOPPED"]
    assert (last["stopCode"], last["stoppedReason"]) == (task["stopCode"], task["stoppedReason"])
    assert last["containers"][0]["exitCode"] == 3
    assert (last["taskArn"], last["startedBy"], last["clusterArn"]) == (arn, "reporter", cluster)
    assert datetime.fromisoformat(last["stoppedAt"]) >= datetime.fromisoformat(last["createdAt"])
    assert last["overrides"] == {"containerOverrides": [{"name": "worker"}]}
    assert "SECRET" not in json.dumps(events)


def test_a_rule_gets_events_of_its_pattern_and_a_disabled_rule_none(site: Site, listen: Listen) -> None:
    detail = {"lastStatus": ["STOPPED"], "startedBy": ["chooser"]}
    stops = listen({"source": ["aws.ecs"], "detail": detail})
    other = listen({"source": ["aws.ecs"], "detail": {**detail, "clusterArn": ["arn:another"]}})
    asleep = listen({"source": ["aws.ecs"], "detail": detail})
    rules = [rule["Name"] for rule in site.client("events").list_rules()["Rules"]]
    site.client("events").disable_rule(Name=max(rules))
    arn = run(site, register(site), {"ORDER": "nothing"}, startedBy="chooser")["tasks"][0]["taskArn"]
    (event,) = wait_for(stops)
    assert event["detail"]["taskArn"] == arn
    assert (other(), asleep()) == ([], [])


def test_memory_that_runs_full_is_reported_of_the_container(site: Site, listen: Listen) -> None:
    stops = listen({"detail": {"lastStatus": ["STOPPED"], "startedBy": ["full"]}})
    site.cloud.faults.add(
        Fault(
            service="ecs",
            operation="ContainerSecond",
            action="fail",
            error_code="OutOfMemoryError",
            match="full",
        )
    )
    run(site, register(site), {"ORDER": "wait"}, startedBy="full")
    (event,) = wait_for(stops)
    site.cloud.faults.clear()
    (container,) = event["detail"]["containers"]
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError")
    assert event["detail"]["stopCode"] == "EssentialContainerExited"


def test_an_instances_states_are_reported_and_nothing_more_of_it(site: Site, listen: Listen) -> None:
    heard = listen({"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]})
    instance = launch(site, "reported", script="#!/bin/bash\nshutdown -h now\n")
    wait_for(lambda: state(site, instance) == "terminated")
    site.client("ec2").terminate_instances(InstanceIds=[instance])  # once more: no change, no event

    def states() -> list[str]:
        of_it = [event for event in heard() if event["detail"]["instance-id"] == instance]
        assert all(set(event["detail"]) == {"instance-id", "state"} for event in of_it)
        return [event["detail"]["state"] for event in of_it]

    wait_for(lambda: "terminated" in states())
    assert sorted(states()) == ["pending", "running", "shutting-down", "terminated"]
