"""Publishes messages to the deployment's topic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 100  # source: Publish, Subject
_MOST_BYTES = 240_000  # of the 256 KiB of a message. Source: Publish, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message for the subscribers of the deployment's topic."""

    status: str
    subject: str  # of what; the status precedes it
    lines: tuple[str, ...]
    policy: str = ""  # empty: of the whole deployment


def publish(client: SNSClient, topic: str, notification: Notification) -> None:
    """Publish the notification; subscribers can filter by the attributes `status` and `policy`."""
    attributes = {"status": notification.status, "policy": notification.policy}
    client.publish(
        TopicArn=topic,
        Subject=f"Tidemark {notification.status}: {notification.subject}"[:_LONGEST_SUBJECT],
        Message=json.dumps({"default": _bounded("\n".join(notification.lines))}),
        MessageStructure="json",
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )


def _bounded(text: str) -> str:
    """Return a text that fits into a message; JSON's escapes take up to twelve bytes for a character."""
    if len(json.dumps(text)) <= _MOST_BYTES:
        return text
    return text[: _MOST_BYTES // 12] + "\n..."
