"""drill-run: return one named drill for each file system of the policy."""

from __future__ import annotations

from typing import TypedDict

from lambdas._handler import Deployment, lambda_handler
from lambdas.resolve_policy import Event, naming_moment
from tidemark.sessions.naming import drill_id
from tidemark.sessions.scopes import read_scope


class DrillInput(TypedDict):
    """The name of one nested execution, and what to plan for it."""

    drill_id: str
    policy: str
    file_system: str


class Result(TypedDict):
    """The drills to run."""

    drills: list[DrillInput]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the drills to run; raise PolicyNotFound."""
    policy = deployment.policy(event["policy"])
    file_systems = policy.file_systems
    if policy.selection is not None:  # those with backups, which its last run made
        last = read_scope(deployment.records, policy.name)
        file_systems = last.file_systems if last is not None else ()
    moment = naming_moment(event["scheduled_time"], event["started_at"])
    return {
        "drills": [
            {
                "drill_id": drill_id(file_system, moment),
                "policy": policy.name,
                "file_system": file_system,
            }
            for file_system in file_systems
        ]
    }
