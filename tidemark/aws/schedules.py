"""The deployed schedules of policies in EventBridge Scheduler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

# The names that infra/schedules.py gives; a policy's name has no dot, its second schedule ends with `.2`.
_NAME = re.compile(r"-policy-([a-z0-9-]+?)(?:\.[0-9]+)?")


def schedule_states(client: EventBridgeSchedulerClient, deployment: str) -> dict[str, dict[str, str]]:
    """Return the state (ENABLED or DISABLED) of each schedule by its name, by policy."""
    found: dict[str, dict[str, str]] = {}
    pages = client.get_paginator("list_schedules").paginate(
        GroupName=deployment, NamePrefix=f"{deployment}-policy-"
    )
    for page in pages:
        for schedule in page["Schedules"]:
            match = _NAME.fullmatch(schedule["Name"].removeprefix(deployment))
            if match:
                found.setdefault(match[1], {})[schedule["Name"]] = schedule["State"]
    return found
