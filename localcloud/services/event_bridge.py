"""EventBridge: delivers events of services to the targets of matching rules.

moto stores buses, rules and targets, and matches patterns. This module delivers to Lambda functions whose own
policy lets the rule invoke them, to SQS queues of the same account, to state machines with the target's role,
and to buses of other accounts and Regions, whose policy must let the rule's account or role send events.
Events that a target refuses are lost, as on AWS after the last retry.
Source: Amazon EventBridge User Guide, "Events from AWS services", "Using resource-based policies", "Using
identity-based policies", "Sending and receiving events between AWS accounts" (an event is forwarded once
only). Assumed: the form of an execution's name.
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
from localcloud.iam.callers import caller_keys, identity_decision
from localcloud.iam.resource_policies import account_of, decision_of
from localcloud.iam.roles import assumable
from localcloud.iam.shared_resources import policy_of

PRINCIPAL = "events.amazonaws.com"


class EventBus:
    """The default event bus of every account and Region."""

    def __init__(self, cloud: Cloud, clients: Clients) -> None:
        self._cloud, self._clients = cloud, clients

    def emit(
        self,
        source: str,
        detail_type: str,
        *,
        account: str,
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
                "account": account,
                "time": _iso(self._cloud.clock.now(), "seconds"),
                "region": region,
                "resources": list(resources),
                "detail": json.loads(json.dumps(detail, default=_iso)),
            }
            for detail in details
        ]
        threading.Thread(target=self._deliver, args=(account, region, events), daemon=True).start()

    def _deliver(
        self, account: str, region: str, events: Sequence[dict[str, Any]], name: str = "default"
    ) -> None:
        from moto.events.models import events_backends

        for event in events:
            bus = events_backends[account][region].event_buses.get(name)
            for rule in list(bus.rules.values()) if bus is not None else ():
                pattern = rule.event_pattern
                # a rule without a pattern is a schedule
                if rule.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):
                    for target in list(rule.targets):
                        with suppress(ClientError, BotoCoreError):
                            self._call(rule.arn, target, event)

    def _call(self, rule_arn: str, target: Mapping[str, Any], event: dict[str, Any]) -> None:
        arn: str = target["Arn"]
        _, _, service, region, account, name = arn.split(":", 5)
        body = target.get("Input") or json.dumps(event)
        if service == "lambda" and self._may_invoke(arn, rule_arn):
            functions = self._clients.of_account(account, "lambda", region)
            functions.invoke(FunctionName=arn, InvocationType="Event", Payload=body)
        elif service == "states" and assumable(target.get("RoleArn", ""), PRINCIPAL):
            states = self._clients.get("stepfunctions", region, target["RoleArn"])
            execution = f"{event['id']}_{uuid.uuid4()}"
            states.start_execution(stateMachineArn=arn, input=body, name=execution)
        elif service == "sqs" and account == account_of(rule_arn):
            sqs = self._clients.of_account(account, "sqs", region)
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=body)
        elif service == "events" and self._may_forward(rule_arn, target, event):
            self._deliver(account, region, [event], name.removeprefix("event-bus/"))

    def _may_forward(self, rule_arn: str, target: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
        """Return whether an event may go to the bus of another account or Region."""
        sender, receiver = account_of(rule_arn), account_of(target["Arn"])
        if sender != event["account"] or self._cloud.accounts.is_suspended(receiver):
            return False
        principal = target.get("RoleArn") or self._cloud.root_of(sender)
        where = {"action": "events:PutEvents", "resource": target["Arn"]}
        caller = self._cloud.issuer.anonymous(principal)
        keys = caller_keys(
            caller, self._cloud.accounts, region=rule_arn.split(":")[3], now=self._cloud.clock.now()
        )
        keys |= {"events:source": event["source"], "events:detail-type": event["detail-type"]}
        if identity_decision(caller, keys=keys, **where) != "Allow":
            return False
        policy = policy_of("events", target["Arn"]) or {}
        by_bus = decision_of(policy, principal=principal, context=keys, **where)
        return by_bus == "Allow" or (sender == receiver and by_bus is None)

    def _may_invoke(self, function_arn: str, rule_arn: str) -> bool:
        """Return whether the function's policy lets EventBridge invoke it for this rule."""
        account, region = account_of(function_arn), function_arn.split(":")[3]
        functions = self._clients.of_account(account, "lambda", region)
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
