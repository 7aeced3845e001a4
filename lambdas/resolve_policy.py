"""policy-run: return one named backup session for each file system of the policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.aws.file_systems import existing_file_systems
from tidemark.aws.notification import Notification, publish
from tidemark.aws.scopes import resolve_scope, scope_lines
from tidemark.errors import ConfigurationError
from tidemark.policy.policy import MOST_FILE_SYSTEMS, Policy
from tidemark.policy.selection import FoundFileSystem
from tidemark.policy.sites import ANY_ID, file_system_id_of
from tidemark.sessions.naming import session_id
from tidemark.sessions.scopes import read_scope, record_scope

# Scheduler delivers at least once: a duplicate within this time gets the same session names, so that no
# session starts twice. Later, the same input is a rerun from the console and gets new names.
_DUPLICATE_WITHIN = timedelta(minutes=15)


class Event(TypedDict):
    """The input of policy-run, with the time that its execution started."""

    policy: str
    scheduled_time: str | None  # ISO 8601, from Scheduler
    started_at: str  # ISO 8601
    only_if_due: NotRequired[bool]  # from a schedule that is also due when the policy has no run
    manual: NotRequired[
        bool
    ]  # from the CLI, whose scheduled time is that of the call and only names sessions


class SessionInput(TypedDict):
    """The name and input of one nested execution."""

    session_id: str
    policy: str
    file_system: str


class Result(TypedDict):
    """The sessions to run."""

    sessions: list[SessionInput]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the sessions to run, none if none are due or the policy is paused; raise PolicyNotFound.

    A pause does not affect runs that a user starts.
    """
    policy = deployment.policy(event["policy"])
    scheduled_time = event["scheduled_time"]
    if scheduled_time and not event.get("manual"):
        pause = deployment.pause_of(policy.name)
        if pause is not None and pause.holds_at(datetime.fromisoformat(scheduled_time)):
            logger.warning("policy %s is paused by %s since %s", policy.name, pause.by, pause.since)
            return {"sessions": []}
    if event.get("only_if_due") and not policy.flags_at(scheduled_time):
        return {"sessions": []}
    moment = naming_moment(scheduled_time, event["started_at"])
    included = policy.file_systems
    if policy.selection is not None:
        included = included_now(deployment, policy, datetime.fromisoformat(event["started_at"]))
    return {
        "sessions": [
            {
                "session_id": session_id(policy.name, file_system_id_of(file_system), moment),
                "policy": policy.name,
                "file_system": file_system,
            }
            for file_system in included
        ]
    }


def included_now(deployment: Deployment, policy: Policy, now: datetime) -> tuple[str, ...]:
    """Return the file systems of a policy that selects some, and report what changed since its last run."""
    records, run = deployment.records, f"select-{policy.name}"

    def list_at(place: str) -> Iterator[FoundFileSystem]:
        account, region = deployment.file_system(f"{place}{ANY_ID}").site
        return existing_file_systems(
            deployment.sites.at(account, region, run).clients.of("efs", region), place
        )

    before = read_scope(records, policy.name)
    resolved = resolve_scope(
        policy, deployment.policies(), list_at, before.file_systems if before is not None else ()
    )
    if len(resolved.scope.file_systems) > MOST_FILE_SYSTEMS:
        raise ConfigurationError(
            f"policy {policy.name} selects {len(resolved.scope.file_systems):,} file systems; the limit is "
            f"{MOST_FILE_SYSTEMS:,}; divide its selection among several policies"
        )
    changed = record_scope(records, policy.name, resolved.scope.file_systems, now)
    lines = scope_lines(changed, resolved.unlisted)
    if lines and changed.resolved_at == now:
        logger.warning("what policy %s includes has changed: %s", policy.name, lines)
        notification = Notification(
            status="warning",
            subject=f"{policy.name}, its file systems have changed",
            lines=lines,
        )
        try:
            publish(
                deployment.clients.of("sns", deployment.settings.region),
                deployment.settings.topic,
                notification,
            )
        except AWS_FAILURES as error:  # the sessions are more important
            logger.warning("no notification was sent: %s", translate(error) or error)
    return resolved.scope.file_systems


def naming_moment(scheduled_time: str | None, started_at: str) -> datetime:
    """Return the time that names the sessions: the scheduled one if the execution started within 15 minutes
    of it."""
    started = datetime.fromisoformat(started_at)
    if not scheduled_time:
        return started
    scheduled = datetime.fromisoformat(scheduled_time)
    return scheduled if abs(started - scheduled) <= _DUPLICATE_WITHIN else started
