"""policy-run: run failed sessions again, on retries and after a redrive; otherwise fail."""

from __future__ import annotations

import re
from typing import NotRequired, TypedDict

from lambdas._handler import Deployment, lambda_handler, logger
from lambdas.resolve_policy import SessionInput
from tidemark.aws import executions
from tidemark.aws.clock import utc_now
from tidemark.aws.errors import AWS_FAILURES, translate
from tidemark.aws.notices import is_held_back, run_lines
from tidemark.aws.notification import Notification, publish
from tidemark.errors import PolicyNotFound, SessionFailed, SessionNotFound
from tidemark.policy.policy import NotifySettings, Policy
from tidemark.policy.retrying import RetryPlan, plan_retry
from tidemark.sessions.records import read_session

# The suffix of any earlier rerun.
_AGAIN = re.compile(r"-r[0-9]+$")
_MOST_NAMED = 20  # 1,000 names would exceed the 32,768 characters of an execution's cause
# An execution can have 25,000 history events, including those of all its redrives. Beyond them it fails and
# aborts its running sessions. 5,000 are reserved for starts that are throttled and retried. Source: Step
# Functions Developer Guide, "Step Functions service quotas".
MOST_EVENTS = 20_000
EVENTS_OF_A_SESSION = 10
EVENTS_OF_A_RUN = 20  # in addition to its sessions'


class SessionResult(TypedDict):
    """How one nested execution ended."""

    session_id: str
    file_system: str
    failed: bool


class Event(TypedDict):
    """All results, and the redrive count of the execution. Older executions lack the optional fields."""

    policy: str
    results: list[SessionResult]
    started: NotRequired[int]  # the number of sessions that this execution has run
    attempt: int  # the last redrive count for which sessions were run again
    redrive_count: int
    reruns: NotRequired[int]  # of any session: retries and redrives
    retries_left: NotRequired[int]
    execution_arn: NotRequired[str]


class Result(TypedDict):
    """The sessions to run again after a wait, and the numbers of the next event."""

    sessions: list[SessionInput]
    attempt: int
    reruns: int
    retries_left: int
    wait_seconds: int


@lambda_handler
def handler(event: Event, deployment: Deployment) -> Result:
    """Return the failed sessions under new names after a redrive, or if a retry is due.

    Otherwise, or if this execution's history has no room for them, raise SessionFailed naming them, and
    notify of those whose notification was held back.
    """
    failed = [result for result in event["results"] if result["failed"]]
    attempt, retries_left = event["redrive_count"], event.get("retries_left", 0)
    reruns = event.get("reruns", attempt - 1) + 1
    fits = _events(event.get("started", 0) + len(failed), runs=reruns + 1) <= MOST_EVENTS
    redriven = attempt > event["attempt"]
    if redriven and fits:
        return _again(event, failed, reruns, retries_left=0, wait_seconds=0)
    policy = _deployed(deployment, event["policy"])
    plan = RetryPlan(wait_seconds=None)
    if policy is not None and not redriven and retries_left:
        plan = plan_retry(policy, deployment.pause_of(policy.name), retries_left, utc_now())
        if not fits:
            plan = RetryPlan(wait_seconds=None, why_not="the history of the execution has no room")
    if plan.wait_seconds is not None:
        return _again(event, failed, reruns, retries_left=retries_left - 1, wait_seconds=plan.wait_seconds)
    retried = 0 if attempt else max(0, reruns - 1)
    _notify(event, deployment, policy, failed, plan, retried)
    way_out = "redrive this execution or start a new one" if fits else "start a new execution"
    sessions = "1 session" if len(event["results"]) == 1 else f"{len(event['results'])} sessions"
    last = f" in the last of {retried + 1} attempts" if retried else ""
    no_more = f" (no further retry: {plan.why_not})" if plan.why_not else ""
    raise SessionFailed(
        f"{len(failed)} of {sessions} failed{last}{no_more}: {_names(failed, event['policy'])}; "
        f"show the reasons with: tidemark session ID, fix the cause, and {way_out}"
    )


def _again(
    event: Event, failed: list[SessionResult], reruns: int, *, retries_left: int, wait_seconds: int
) -> Result:
    return {
        "attempt": event["redrive_count"],
        "reruns": reruns,
        "retries_left": retries_left,
        "wait_seconds": wait_seconds,
        "sessions": [
            {
                "session_id": again(result["session_id"], reruns),
                "policy": event["policy"],
                "file_system": result["file_system"],
            }
            for result in failed
        ],
    }


def _deployed(deployment: Deployment, name: str) -> Policy | None:
    try:
        return deployment.policy(name)
    except PolicyNotFound:
        return None


def _notify(
    event: Event,
    deployment: Deployment,
    policy: Policy | None,
    failed: list[SessionResult],
    plan: RetryPlan,
    retried: int,
) -> None:
    """Notify of failures whose notification was held back, and of sessions that were never opened."""
    settings = (policy.notify if policy else None) or NotifySettings()
    if "failure" not in settings.on:
        return
    held_back = is_held_back(settings, event.get("retries_left", 0))
    failures: list[tuple[str, tuple[str, ...]]] = []
    for result in failed:
        reasons = _reasons(deployment, result["session_id"])
        if reasons is None:
            failures.append((result["file_system"], ("its session ended before it was opened",)))
        elif held_back:
            failures.append((result["file_system"], reasons))
    if not failures:
        return
    sns = deployment.clients.of("sns", deployment.settings.region)
    arn = event.get("execution_arn")
    link = executions.console_url(sns, arn) if arn else None
    notification = Notification(
        status="failed",
        subject=f"{event['policy']}, {len(failures)} file system{'s' * (len(failures) > 1)}",
        lines=run_lines(event["policy"], failures, retried, plan.why_not, link),
        policy=event["policy"],
    )
    try:
        publish(sns, deployment.settings.topic, notification)
    except AWS_FAILURES as error:  # the run fails in any case, and its alarm reports it
        logger.warning("no notification was sent: %s", translate(error) or error)


def _reasons(deployment: Deployment, session_id: str) -> tuple[str, ...] | None:
    """Return the recorded reasons of a session; None if it was not recorded."""
    try:
        return read_session(deployment.records, session_id).reasons or ("no reason was recorded",)
    except SessionNotFound:
        return None


def _names(failed: list[SessionResult], policy: str) -> str:
    names = [result["session_id"] for result in failed]
    named, more = ", ".join(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    return f"{named} and {more} more, listed by: tidemark sessions --policy {policy}" if more > 0 else named


def _events(sessions: int, *, runs: int) -> int:
    """Return the maximum history events of `sessions`, without throttling, in `runs`."""
    return sessions * EVENTS_OF_A_SESSION + runs * EVENTS_OF_A_RUN


def again(session_id: str, number: int) -> str:
    """Return the name of a session's rerun: `...-r1`, `...-r2`."""
    return f"{_AGAIN.sub('', session_id)}-r{number}"
