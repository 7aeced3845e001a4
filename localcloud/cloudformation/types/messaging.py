"""SNS, SQS, EventBridge rules and Scheduler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from localcloud.cloudformation.resources import Request, Resource, ResourceType

QUEUE_OWN = ("QueueName", "Tags")  # properties of a queue that are not attributes


def _topic(request: Request) -> Resource:
    sns, properties = request.client("sns"), request.properties
    wanted = ("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication", "TracingConfig")
    name = request.properties.get("TopicName") or (
        request.before.attributes["TopicName"] if request.before else request.name("TopicName", 256)
    )
    arn = sns.create_topic(
        Name=name, Attributes=_texts({key: properties[key] for key in wanted if key in properties})
    )["TopicArn"]
    if tags := request.tag_list():
        sns.tag_resource(ResourceArn=arn, Tags=tags)
    for one in properties.get("Subscription", ()):
        sns.subscribe(TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    return Resource(ref=arn, attributes={"TopicArn": arn, "TopicName": name})


def _topic_policy(request: Request) -> Resource:
    policy = json.dumps(request.properties["PolicyDocument"])
    for arn in request.properties["Topics"]:
        request.client("sns").set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy
        )
    return Resource(ref=request.name("Id"), attributes={"Id": request.logical_id})


def _subscription(request: Request) -> Resource:
    wanted = ("RawMessageDelivery", "FilterPolicy", "RedrivePolicy")
    attributes = _texts({key: request.properties[key] for key in wanted if key in request.properties})
    made = request.call("sns", "Subscribe", Attributes=attributes, ReturnSubscriptionArn=True)
    return Resource(ref=made["SubscriptionArn"], attributes={"Arn": made["SubscriptionArn"]})


def _queue(request: Request) -> Resource:
    sqs = request.client("sqs")
    attributes = _texts({key: value for key, value in request.properties.items() if key not in QUEUE_OWN})
    if request.before:
        url = request.before.ref
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return request.before
    name = request.name("QueueName", 80)
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=request.tags() or {})["QueueUrl"]
    arn = request.arn("sqs", name)
    return Resource(ref=url, attributes={"Arn": arn, "QueueName": name, "QueueUrl": url})


def _queue_policy(request: Request) -> Resource:
    policy = json.dumps(request.properties["PolicyDocument"])
    for url in request.properties["Queues"]:
        request.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Resource(ref=request.name("Id"), attributes={"Id": request.logical_id})


def _rule(request: Request) -> Resource:
    events = request.client("events")
    name = request.properties.get("Name") or request.name("Name")
    arn = request.call("events", "PutRule", Name=name, Tags=request.tag_list())["RuleArn"]
    if targets := request.properties.get("Targets"):
        bus = request.properties.get("EventBusName", "default")
        events.put_targets(Rule=name, EventBusName=bus, Targets=targets)
    return Resource(ref=name, attributes={"Arn": arn})


def _delete_rule(request: Request) -> None:
    events, name = request.client("events"), _ref(request)
    ids = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
    if ids:
        events.remove_targets(Rule=name, Ids=ids)
    events.delete_rule(Name=name)


def _bus_policy(request: Request) -> Resource:
    """Add one statement to the policy of a bus. Source: CloudFormation, AWS::Events::EventBusPolicy."""
    properties, name = request.properties, request.properties["StatementId"]
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": name, **properties["Statement"]}]}
    bus = properties.get("EventBusName", "default")
    request.client("events").put_permission(EventBusName=bus, Policy=json.dumps(policy))
    return Resource(ref=name)


def _delete_bus_policy(request: Request) -> None:
    bus = request.properties.get("EventBusName", "default")
    events = request.client("events")
    with suppress(events.exceptions.ResourceNotFoundException):
        events.remove_permission(EventBusName=bus, StatementId=_ref(request))


def _schedule(request: Request) -> Resource:
    scheduler = request.client("scheduler")
    name = request.name("Name")
    group = request.properties.get("GroupName", "default")
    try:
        made = request.call("scheduler", "CreateSchedule", Name=name)
    except scheduler.exceptions.ConflictException:
        if not (request.before or request.adopts):
            raise
        made = request.call("scheduler", "UpdateSchedule", Name=name)
    arn = made.get("ScheduleArn") or request.arn("scheduler", f"schedule/{group}/{name}")
    return Resource(ref=name, attributes={"Arn": arn})


def _delete_schedule(request: Request) -> None:
    group = request.properties.get("GroupName", "default")
    request.client("scheduler").delete_schedule(Name=_ref(request), GroupName=group)


def _schedule_group(request: Request) -> Resource:
    scheduler, name = request.client("scheduler"), request.name("Name")
    with suppress(scheduler.exceptions.ConflictException):
        scheduler.create_schedule_group(Name=name, Tags=request.tag_list() or [])
    return Resource(ref=name, attributes={"Arn": request.arn("scheduler", f"schedule-group/{name}")})


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Convert attributes for SNS and SQS: all values become text."""

    def text(value: object) -> str:
        if isinstance(value, dict | list):
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {key: text(value) for key, value in values.items()}


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


MESSAGING = {
    "AWS::SNS::Topic": ResourceType(
        create=_topic,
        delete=lambda r: r.client("sns").delete_topic(TopicArn=_ref(r)),
        names=("TopicName",),
    ),
    "AWS::SNS::TopicPolicy": ResourceType(create=_topic_policy),
    "AWS::SNS::Subscription": ResourceType(
        create=_subscription,
        delete=lambda r: r.client("sns").unsubscribe(SubscriptionArn=_ref(r)),
        names=("TopicArn", "Protocol", "Endpoint"),
    ),
    "AWS::SQS::Queue": ResourceType(
        create=_queue,
        delete=lambda r: r.client("sqs").delete_queue(QueueUrl=_ref(r)),
        names=("QueueName", "FifoQueue"),
    ),
    "AWS::SQS::QueuePolicy": ResourceType(create=_queue_policy),
    "AWS::Events::Rule": ResourceType(create=_rule, delete=_delete_rule, names=("Name",)),
    "AWS::Events::EventBusPolicy": ResourceType(
        create=_bus_policy, delete=_delete_bus_policy, names=("StatementId", "EventBusName")
    ),
    "AWS::Scheduler::Schedule": ResourceType(
        create=_schedule, delete=_delete_schedule, names=("Name", "GroupName")
    ),
    "AWS::Scheduler::ScheduleGroup": ResourceType(
        create=_schedule_group,
        delete=lambda r: r.client("scheduler").delete_schedule_group(Name=_ref(r)),
        names=("Name",),
    ),
}
