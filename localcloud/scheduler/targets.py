"""Calls the targets of schedules, with retries and dead-letter queues.

Source: EventBridge Scheduler user guide, "Templated targets", "Universal targets", "Dead-letter queue".
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.core.any_operation import SDK_SERVICES, NoSuchOperation, call_as_json
from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import Cloud
from localcloud.core.partitions import partition_of
from localcloud.core.role_clients import Clients, queue_url

MOST_ATTEMPTS, OLDEST_SECONDS = 185, 86400  # Scheduler's defaults
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 60, 3600
UNIVERSAL = re.compile(r"arn:(aws[\w-]*):scheduler:::aws-sdk:(\w+):(\w+)")
# Errors that are not retried. Source: user guide, "Retry policy": client errors are not retried.
HOPELESS = frozenset(
    {"ResourceNotFoundException", "StateMachineDoesNotExist", "AccessDeniedException", "InvalidArn"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The current settings of a schedule."""

    arn: str
    name: str
    group: str
    region: str
    expression: str
    zone: str
    state: str  # ENABLED or DISABLED
    start: datetime | None
    end: datetime | None
    window_minutes: float  # 0 without a flexible time window
    target: Mapping[str, Any]
    deletes_itself: bool


class Targets:
    """Calls targets with the schedule's role."""

    def __init__(self, cloud: Cloud, clients: Clients) -> None:
        self._cloud, self._clients = cloud, clients

    def fire_later(self, schedule: Schedule, due: datetime, delay: timedelta) -> None:
        """Fire after a delay of AWS time."""
        with suppress(ShuttingDown):
            self._cloud.clock.sleep(delay.total_seconds())
            self.fire(schedule, due)

    def fire(self, schedule: Schedule, due: datetime) -> None:
        """Call the target, retry if necessary, and finally write to the dead-letter queue."""
        policy = schedule.target.get("RetryPolicy", {})
        attempts = 1 + policy.get("MaximumRetryAttempts", MOST_ATTEMPTS)
        age, wait = 0.0, float(FIRST_RETRY_SECONDS)
        execution_id = str(uuid.uuid4())
        for attempt in range(1, attempts + 1):
            try:
                self._call(schedule, _filled(schedule, due, execution_id, attempt))
            except (ClientError, BotoCoreError, NoSuchOperation, ValueError) as error:
                code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "InvalidTarget"
                hopeless = code in HOPELESS or not isinstance(error, ClientError)
                age += wait
                exhausted = age > policy.get("MaximumEventAgeInSeconds", OLDEST_SECONDS)
                if hopeless or exhausted or attempt == attempts:
                    condition = "MaximumEventAgeInSeconds" if exhausted else "MaximumRetryAttempts"
                    self._bury(
                        schedule, _filled(schedule, due, execution_id, attempt), code, str(error), condition
                    )
                    return
                try:
                    self._cloud.clock.sleep(wait)
                except ShuttingDown:
                    return
                wait = min(wait * 2, LAST_RETRY_SECONDS)
            else:
                break
        if schedule.deletes_itself and schedule.expression.startswith("at("):
            account = schedule.arn.split(":")[4]
            scheduler = self._clients.of_account(account, "scheduler", schedule.region)
            scheduler.delete_schedule(Name=schedule.name, GroupName=schedule.group)

    def _call(self, schedule: Schedule, text: str) -> None:
        target = schedule.target
        arn, role = target["Arn"], target["RoleArn"]
        universal = UNIVERSAL.fullmatch(arn)
        if universal and universal[1] == partition_of(schedule.region):
            service, operation = universal[2], universal[3]
            client = self._clients.get(SDK_SERVICES.get(service, service), schedule.region, role)
            call_as_json(client, operation, json.loads(text or "{}"))
            return
        service, region = arn.split(":")[2], arn.split(":")[3]
        match service:
            case "states":
                states = self._clients.get("stepfunctions", region, role)
                states.start_execution(stateMachineArn=arn, input=text or "{}")
            case "lambda":
                functions = self._clients.get("lambda", region, role)
                functions.invoke(FunctionName=arn, InvocationType="Event", Payload=text or "{}")
            case "sqs":
                self._send(arn, text, role)
            case "sns":
                self._clients.get("sns", region, role).publish(TopicArn=arn, Message=text)
            case _:
                raise ValueError(f"the local cloud does not support the Scheduler target {arn}")

    def _send(self, queue_arn: str, text: str, role: str, **attributes: str) -> None:
        region, account, name = queue_arn.split(":")[3:6]
        sqs = self._clients.get("sqs", region, role)
        url = queue_url(sqs, account, name, of_caller=role.split(":")[4])
        sqs.send_message(
            QueueUrl=url,
            MessageBody=text,
            MessageAttributes={
                key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()
            },
        )

    def _bury(self, schedule: Schedule, text: str, code: str, message: str, condition: str) -> None:
        target = schedule.target
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue:
            with suppress(ClientError, BotoCoreError):
                self._send(
                    queue,
                    text or "{}",
                    target["RoleArn"],
                    ERROR_CODE=code,
                    ERROR_MESSAGE=message,
                    EXHAUSTED_RETRY_CONDITION=condition,
                    SCHEDULE_ARN=schedule.arn,
                    TARGET_ARN=target["Arn"],
                )


def _filled(schedule: Schedule, due: datetime, execution_id: str, attempt: int) -> str:
    """Return the target's input with Scheduler's context attributes replaced."""
    text: str = schedule.target.get("Input") or ""
    for name, value in (
        ("schedule-arn", schedule.arn),
        ("scheduled-time", due.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("execution-id", execution_id),
        ("attempt-number", str(attempt)),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
