"""What every step shares: logs, traces, metrics, AWS errors in Tidemark's words, and its deployment."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from tidemark.aws.clients import Clients
from tidemark.aws.deployment import read_policy
from tidemark.aws.errors import translated
from tidemark.aws.records import Records
from tidemark.errors import TidemarkError
from tidemark.policy.policy import Policy
from tidemark.sessions.metrics import DEPLOYMENT, NAMESPACE, POLICY, SESSION_DURATION, sessions_ended
from tidemark.sessions.session import FileSystem, Session
from tidemark.settings import LambdaSettings

if TYPE_CHECKING:
    from tidemark.aws.point_tags import PointTags

logger = Logger(service="tidemark")
# The functions call nothing but AWS; patching all that the SDK could trace would import it first.
tracer = Tracer(service="tidemark", patch_modules=["botocore"])
metrics = Metrics(namespace=NAMESPACE)


class Deployment:
    """The deployment that the function belongs to. One for each sandbox; its clients live as long."""

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
        # Half of the functions never open a tag, and cryptography is a tenth of a cold start.
        from tidemark.aws.point_tags import PointTags

        return PointTags(
            clients=self.clients,
            deployment=self.settings.deployment,
            region=self.settings.region,
            repository=self.settings.repository,
            kms_key=self.settings.tag_key,
        )

    def policy(self, name: str) -> Policy:
        """Return the policy as it is deployed now; raise PolicyNotFound."""
        return read_policy(self.clients.of("ssm", self.settings.region), self.settings.deployment, name)

    def file_system(self, file_system_id: str) -> FileSystem:
        """Return a file system of the deployment's account and Region."""
        return FileSystem(self.settings.account, self.settings.region, file_system_id)


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
                # Two deployments in one account must not set off each other's alarms.
                metrics.set_default_dimensions(**{DEPLOYMENT: deployment.settings.deployment})
                result = function(event, deployment)
        except TidemarkError as error:
            logger.warning("step ends with %s: %s", type(error).__name__, error)
            raise
        finally:
            # Not `metrics.log_metrics`: it warns at every step that has counted nothing, which is most.
            if metrics.metric_set:
                metrics.flush_metrics()
        logger.info("step ends", extra={"result": result})
        return result

    traced = tracer.capture_lambda_handler(handle)
    handler: Callable[[Event, Any], Result] = logger.inject_lambda_context(traced, clear_state=True)
    return handler


def count(name: str, value: int) -> None:
    """Count something of the deployment."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_session(session: Session) -> None:
    """Count a session that has ended, for its deployment and for its policy."""
    metrics.add_dimensions(**{POLICY: session.policy})
    count(sessions_ended(session.status), 1)
    if session.ended_at is not None:
        seconds = (session.ended_at - session.opened_at).total_seconds()
        metrics.add_metric(name=SESSION_DURATION, unit=MetricUnit.Seconds, value=seconds)
    metrics.flush_metrics()  # the next one may be of another policy


def _without_token(event: Any) -> dict[str, Any]:
    """Return the event without the right to answer for a state: logs are read by many.

    An event of ECS may repeat the task's overrides, a worker's environment among them.
    """
    kept = {name: value for name, value in dict(event).items() if name != "task_token"}
    if isinstance(kept.get("detail"), dict):
        kept["detail"] = {name: value for name, value in kept["detail"].items() if name != "overrides"}
    return kept


def _deployment() -> Deployment:
    if not _here:
        _here.append(Deployment(LambdaSettings.from_environment(), Clients()))
    return _here[0]
