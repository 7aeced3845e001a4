"""prune-run: return the file systems whose indexes retention examines."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler
from tidemark.aws.deployment import policy_names
from tidemark.aws.stored_indexes import indexed_file_systems
from tidemark.errors import PolicyNotFound
from tidemark.sessions.session import FileSystem


class Event(TypedDict):
    """The file systems, <account>/<Region>/<id>; null or missing: all."""

    file_systems: NotRequired[list[str] | None]


class Result(TypedDict):
    """The file systems, as in the event."""

    file_systems: list[str]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the named file systems; otherwise those of the policies and of the repository.

    File systems that no policy names any more have indexes until their last recovery point has expired.
    """
    named = event.get("file_systems")
    if named:
        return {"file_systems": [str(FileSystem.parse(each)) for each in named]}
    settings = deployment.settings
    ssm, s3 = (deployment.clients.of("ssm", settings.region), deployment.clients.of("s3", settings.region))
    found = set(indexed_file_systems(s3, settings.repository))
    for name in policy_names(ssm, settings.deployment):
        try:
            policy = deployment.policy(name)
        except PolicyNotFound:
            continue  # a deployment has just removed it
        found |= {deployment.file_system(each) for each in policy.file_systems}
    return {"file_systems": [str(each) for each in sorted(found)]}
