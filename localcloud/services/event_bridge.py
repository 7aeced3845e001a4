"""EventBridge: delivers events of services to the targets of matching rules.

moto stores buses, rules and targets, and matches patterns. This module delivers to Lambda functions whose own
policy lets the rule invoke them, to SQS queues, and to state machines with the target's role. Events that a
target refuses are lost, as on AWS after the last retry.
Source: Amazon EventBridge User Guide, "Events from AWS services", "Using resource-based policies", "Using
identity-based policies". Assumed: the form of an execution's name.
"""

from __future__ import annotations

import fnmatch
import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.cloud import Cloud
from localcloud.core.role_clients import Clients
from localcloud.iam.roles import assumable

PRINCIPAL = "events.amazonaws.com"


class EventBus:
    """The default event bus of every Region."""

    def __init__(self, cloud: Cloud, clients: Clients) -> None:
        self._cloud, self._clients = cloud, clients

    def emit(
        self,
        source: str,
        detail_type: str,
        *,
        region: str,
        resources: Sequence[str],
        details: Sequence[Mapping[str, Any]],
    ) -> None:
        """Deliver one event for each of `details`, in order, in a separate thread."""
        events = [
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": detail_type,
                "source": source,
                "account": self._cloud.account_id,
                "time": _iso(self._cloud.clock.now(), "seconds"),
                "region": region,
                "resources": list(resources),
                "detail": json.loads(json.dumps(detail, default=_iso)),
            }
            for detail in details
        ]
        threading.Thread(target=self._deliver, args=(region, events), daemon=True).start()

    def _deliver(self, region: str, events: Sequence[dict[str, Any]]) -> None:
        from moto.events.models import events_backends

        for event in events:
            rules = list(
                events_backends[self._cloud.account_id][region].event_buses["default"].rules.values()
            )
            for rule in rules:
                pattern = rule.event_pattern
                # a rule without a pattern is a schedule
                if rule.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):
                    for target in list(rule.targets):
                        with suppress(ClientError, BotoCoreError):
                            self._call(rule.arn, target, event)

    def _call(self, rule_arn: str, target: Mapping[str, Any], event: dict[str, Any]) -> None:
        arn: str = target["Arn"]
        service, region = arn.split(":")[2], arn.split(":")[3]
        body = target.get("Input") or json.dumps(event)
        if service == "lambda" and self._may_invoke(arn, rule_arn):
            functions = self._clients.get("lambda", region)
            functions.invoke(FunctionName=arn, InvocationType="Event", Payload=body)
        elif service == "states" and assumable(target.get("RoleArn", ""), PRINCIPAL):
            states = self._clients.get("stepfunctions", region, target["RoleArn"])
            name = f"{event['id']}_{uuid.uuid4()}"
            states.start_execution(stateMachineArn=arn, input=body, name=name)
        elif service == "sqs":
            sqs = self._clients.get("sqs", region)
            sqs.send_message(
                QueueUrl=sqs.get_queue_url(QueueName=arn.split(":")[5])["QueueUrl"], MessageBody=body
            )

    def _may_invoke(self, function_arn: str, rule_arn: str) -> bool:
        """Return whether the function's policy lets EventBridge invoke it for this rule."""
        functions = self._clients.get("lambda", function_arn.split(":")[3])
        try:
            policy = json.loads(functions.get_policy(FunctionName=function_arn)["Policy"])
        except functions.exceptions.ResourceNotFoundException:
            return False
        return any(_allows(statement, rule_arn) for statement in policy["Statement"])


def _allows(statement: Mapping[str, Any], rule_arn: str) -> bool:
    principal = statement["Principal"]
    service = principal.get("Service") if isinstance(principal, dict) else principal
    conditions = {
        key.lower(): value for keys in statement.get("Condition", {}).values() for key, value in keys.items()
    }
    source = conditions.get("aws:sourcearn", "*")
    return (
        statement["Effect"] == "Allow"
        and service == PRINCIPAL
        and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
        and fnmatch.fnmatchcase(rule_arn, source)
    )


def _iso(moment: datetime, timespec: str = "milliseconds") -> str:
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
