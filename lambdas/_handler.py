"""Shared by all steps: logs, traces, metrics, translation of AWS errors, and the deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from tidemark.aws.clients import Clients
from tidemark.aws.deployment import read_policies, read_policy
from tidemark.aws.errors import translated
from tidemark.aws.pauses import read_pauses
from tidemark.aws.records import Records
from tidemark.aws.sites import Place, Sites
from tidemark.errors import PolicyNotFound, TidemarkError
from tidemark.policy.pause import Pause
from tidemark.policy.policy import NotifySettings, Policy
from tidemark.policy.policy import WorkerSettings as PolicyWorker
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.metrics import (
    DEPLOYMENT,
    DRILLED_FILES,
    DRILLS_FAILED,
    DRILLS_SUCCEEDED,
    INDEX_LAG,
    INDEXED_ENTRIES,
    INDEXING_SPEED,
    NAMESPACE,
    POLICY,
    SESSION_DURATION,
    sessions_ended,
)
from tidemark.sessions.restore_session import RestoreSession
from tidemark.sessions.session import FileSystem, Session, SessionStatus
from tidemark.settings import LambdaSettings

if TYPE_CHECKING:
    from tidemark.aws.point_tags import PointTags

logger = Logger(service="tidemark")
# Patch only botocore: functions call only AWS, and patching every library would import each of them.
tracer = Tracer(service="tidemark", patch_modules=["botocore"])
metrics = Metrics(namespace=NAMESPACE)


class Deployment:
    """The function's deployment; one instance, with its clients, per sandbox."""

    def __init__(self, settings: LambdaSettings, clients: Clients) -> None:
        self.settings = settings
        self.clients = clients

    @cached_property
    def records(self) -> Records:
        """The deployment's two tables."""
        return Records(
            self.clients.of("dynamodb", self.settings.region),
            lambda table: table.table_name(self.settings.deployment),
        )

    @cached_property
    def tags(self) -> PointTags:
        """The tags of the deployment's recovery points."""
        # Imported lazily: half of the functions use no tags, and cryptography takes a tenth of a cold start.
        from tidemark.aws.point_tags import PointTags

        return PointTags(
            clients=self.clients,
            clients_of=self.sites.clients_of,
            deployment=self.settings.deployment,
            region=self.settings.region,
            repository=self.settings.repository,
            kms_key=self.settings.tag_key,
        )

    def policy(self, name: str) -> Policy:
        """Return the currently deployed policy; raise PolicyNotFound."""
        return read_policy(self.clients.of("ssm", self.settings.region), self.settings.deployment, name)

    def policies(self) -> list[Policy]:
        """Return all deployed policies."""
        return read_policies(self.clients.of("ssm", self.settings.region), self.settings.deployment)

    def pauses(self, policies: Sequence[str], now: datetime) -> dict[str, Pause]:
        """Return the pauses that hold now, by policy."""
        client = self.clients.of("ssm", self.settings.region)
        found = read_pauses(client, self.settings.deployment, policies)
        return {name: pause for name, pause in found.items() if pause.holds_at(now)}

    def pause_of(self, policy: str) -> Pause | None:
        """Return the recorded pause of a policy, if any."""
        client = self.clients.of("ssm", self.settings.region)
        return read_pauses(client, self.settings.deployment, [policy]).get(policy)

    def notify_settings(self, policy: str) -> NotifySettings | None:
        """Return which ends of a policy's sessions are notified; None for the defaults."""
        try:
            return self.policy(policy).notify
        except PolicyNotFound:
            return None

    def worker_of(self, policy: str) -> PolicyWorker:
        """Return the worker settings of a policy; the defaults without one, or if it no longer exists."""
        try:
            return self.policy(policy).worker if policy else PolicyWorker()
        except PolicyNotFound:
            return PolicyWorker()

    @cached_property
    def sites(self) -> Sites:
        """The deployment's accounts and Regions."""
        return Sites(self.clients, self.settings)

    @cached_property
    def restore_sites(self) -> Sites:
        """The same, for functions that restore."""
        return Sites(self.clients, self.settings, "restores")

    def at(self, file_system: FileSystem, run: str) -> Place:
        """Return the site of a file system; `run` names the session of its role."""
        return self.sites.at(file_system.account, file_system.region, run)

    def file_system(self, name: str) -> FileSystem:
        """Return a file system by its name in a policy: an id, or an id after its site."""
        return FileSystem.parse(name, home=self.sites.home)

    def name_of(self, file_system: FileSystem) -> str:
        """Return the name of a file system in policies."""
        return file_system.name_at(self.sites.home)


Event = TypeVar("Event")
Result = TypeVar("Result")
_here: list[Deployment] = []


def lambda_handler(function: Callable[[Event, Deployment], Result]) -> Callable[[Event, Any], Result]:
    """Return the Lambda handler of a step."""

    @wraps(function)
    def handle(event: Event, _context: Any) -> Result:
        logger.info("step begins", extra={"event": _without_token(event)})
        try:
            with translated():
                deployment = _deployment()
                # Two deployments in one account must not trigger each other's alarms.
                metrics.set_default_dimensions(**{DEPLOYMENT: deployment.settings.deployment})
                result = function(event, deployment)
        except TidemarkError as error:
            logger.warning("step ends with %s: %s", type(error).__name__, error)
            raise
        finally:
            # Not `metrics.log_metrics`: it warns about steps without metrics, which are the majority.
            if metrics.metric_set:
                metrics.flush_metrics()
        logger.info("step ends", extra={"result": result})
        return result

    traced = tracer.capture_lambda_handler(handle)
    handler: Callable[[Event, Any], Result] = logger.inject_lambda_context(traced, clear_state=True)
    return handler


def count(name: str, value: int) -> None:
    """Add to a metric of the deployment."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def measure(name: str, seconds: float) -> None:
    """Add a duration to a metric of the deployment."""
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=seconds)


def count_index(index: Index, entries: int) -> None:
    """Count a completed index, and its speed."""
    count(INDEXED_ENTRIES, entries)
    if index.ended_at is not None:
        seconds = max(1.0, (index.ended_at - index.started_at).total_seconds())
        metrics.add_metric(name=INDEXING_SPEED, unit=MetricUnit.CountPerSecond, value=entries / seconds)


def count_session(session: Session, index: Index | None = None) -> None:
    """Count an ended session in the metrics of its deployment and its policy, with the lag of its index."""
    metrics.add_dimensions(**{POLICY: session.policy})
    count(sessions_ended(session.status), 1)
    if session.ended_at is not None:
        seconds = (session.ended_at - session.opened_at).total_seconds()
        measure(SESSION_DURATION, seconds)
        backups = [point.completed_at for point in session.points if point.kind == "backup"]
        if index is not None and index.status is IndexStatus.COMPLETE and index.ended_at and backups:
            measure(INDEX_LAG, max(0.0, (index.ended_at - max(backups)).total_seconds()))
    metrics.flush_metrics()  # the next session may belong to another policy


def count_restore(session: RestoreSession) -> None:
    """Count an ended drill in the metrics of its deployment; restores have none."""
    if session.kind == "drill":
        succeeded = session.status is SessionStatus.SUCCESS
        count(DRILLS_SUCCEEDED if succeeded else DRILLS_FAILED, 1)
        count(DRILLED_FILES, session.totals.get("placed", 0))


def _without_token(event: Any) -> dict[str, Any]:
    """Return the event without task tokens, which must not appear in logs.

    An ECS event may include the task's overrides, which contain the worker's environment.
    """
    kept = {name: value for name, value in dict(event).items() if name != "task_token"}
    if isinstance(kept.get("detail"), dict):
        kept["detail"] = {name: value for name, value in kept["detail"].items() if name != "overrides"}
    return kept


def _deployment() -> Deployment:
    if not _here:
        _here.append(Deployment(LambdaSettings.from_environment(), Clients()))
    return _here[0]
