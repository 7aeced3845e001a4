"""Runs on a schedule: measures how well file systems are covered; once a day, also sends the report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypedDict

from lambdas._handler import Deployment, count, lambda_handler, logger, measure
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.coverage import Coverage, coverages
from tidemark.aws.daily_report import report_lines, subject
from tidemark.aws.notification import Notification, publish
from tidemark.policy.policy import Policy
from tidemark.sessions.metrics import OLDEST_BACKUP_AGE, UNPROTECTED
from tidemark.sessions.queries import sessions_since
from tidemark.sessions.restores import restores_since
from tidemark.sessions.scopes import read_scope

_A_DAY = timedelta(days=1)


class Event(TypedDict, total=False):
    """Scheduler's input."""

    report: bool


class Result(TypedDict):
    """The file systems without a recent backup."""

    file_systems: int
    unprotected: list[str]


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Measure; send the report if the event asks for it. The dashboard reads the log lines."""
    now = utc_now()
    policies = [_with_last_scope(deployment, policy) for policy in deployment.policies()]
    covered = coverages(deployment.records, policies, deployment.file_system, now)
    unprotected = [each.file_system_id for each in covered if each.why]
    for each in covered:
        logger.info("protection", extra=_fields(each, now))
    count(UNPROTECTED, len(unprotected))
    ages = [(now - each.newest).total_seconds() for each in covered if each.newest is not None]
    if ages:
        measure(OLDEST_BACKUP_AGE, max(ages))
    if event.get("report"):
        _report(deployment, covered, [policy.name for policy in policies], now)
    return {"file_systems": len(covered), "unprotected": unprotected}


def _with_last_scope(deployment: Deployment, policy: Policy) -> Policy:
    """Return a policy that selects file systems with those of its last run."""
    scope = None if policy.selection is None else read_scope(deployment.records, policy.name)
    return policy if scope is None else replace(policy, file_systems=scope.file_systems)


def _fields(each: Coverage, now: datetime) -> dict[str, object]:
    age = None if each.newest is None else round((now - each.newest) / timedelta(hours=1), 1)
    return {
        "file_system": each.file_system_id,
        "policies": ", ".join(each.policies),
        "newest_backup": None if each.newest is None else each.newest.isoformat(timespec="seconds"),
        "age_hours": age,
        "unprotected": each.why,
    }


def _report(deployment: Deployment, covered: list[Coverage], names: list[str], now: datetime) -> None:
    settings, records = deployment.settings, deployment.records
    sessions = list(sessions_since(records, now - _A_DAY, now))
    restores = list(restores_since(records, now - _A_DAY, now))
    sns = deployment.clients.of("sns", settings.region)
    link = executions.dashboard_url(sns, settings.region, settings.deployment)
    lines = report_lines(covered, sessions, restores, deployment.pauses(names, now), now, link)
    notification = Notification(status="report", subject=subject(covered, sessions), lines=lines)
    publish(sns, settings.topic, notification)
