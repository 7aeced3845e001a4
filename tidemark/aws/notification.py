"""Sends the notification of an ended session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 100  # source: Publish, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """How a session ended, for the subscribers of the deployment's topic."""

    status: str
    subject: str  # which session; the status precedes it
    lines: tuple[str, ...]


def publish(client: SNSClient, topic: str, notification: Notification) -> None:
    """Publish the notification; subscribers can filter by the attribute `status`."""
    client.publish(
        TopicArn=topic,
        Subject=f"Tidemark {notification.status}: {notification.subject}"[:_LONGEST_SUBJECT],
        Message=json.dumps({"default": "\n".join(notification.lines)}),
        MessageStructure="json",
        MessageAttributes={"status": {"DataType": "String", "StringValue": notification.status}},
    )
