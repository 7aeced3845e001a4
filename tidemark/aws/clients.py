"""AWS clients, created once for each service and Region.

These are botocore's clients, which boto3 wraps. Importing boto3 would add a tenth of a second to each
Lambda cold start, for resources and transfers that are not used here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session, get_session

from tidemark import __version__
from tidemark.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_efs import EFSClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# Standard mode retries throttling and lost connections with jitter; no code here adds its own retries.
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,  # concurrent range reads of an index; each new connection costs a handshake
    user_agent_extra=f"tidemark/{__version__}",
)


class Clients:
    """One client for each service and Region, with the SDK's default credentials and endpoints."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or _new_session()
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._creating = threading.Lock()  # using clients is thread-safe, creating them is not

    def with_credentials(self, credentials: Any, *, after_call: Callable[..., None]) -> Clients:
        """Return clients with botocore's `credentials` and the service models that are loaded here.

        `after_call` is called with the response of every call, as botocore's event of this name.
        """
        session: Any = _new_session()
        session.register_component("data_loader", self._session.get_component("data_loader"))
        # botocore's providers set the attribute, too; `set_credentials` accepts no refreshable ones.
        session._credentials = credentials  # noqa: SLF001
        session.register("after-call", after_call)
        return Clients(session)

    @property
    def region(self) -> str | None:
        """The Region in the environment, if set."""
        region: str | None = self._session.get_config_variable("region")
        return region or None

    @overload
    def of(self, service: Literal["backup"], region: str | None = None) -> BackupClient: ...
    @overload
    def of(self, service: Literal["cloudformation"], region: str | None = None) -> CloudFormationClient: ...
    @overload
    def of(self, service: Literal["dynamodb"], region: str | None = None) -> DynamoDBClient: ...
    @overload
    def of(self, service: Literal["ec2"], region: str | None = None) -> EC2Client: ...
    @overload
    def of(self, service: Literal["ecs"], region: str | None = None) -> ECSClient: ...
    @overload
    def of(self, service: Literal["efs"], region: str | None = None) -> EFSClient: ...
    @overload
    def of(self, service: Literal["iam"], region: str | None = None) -> IAMClient: ...
    @overload
    def of(self, service: Literal["kms"], region: str | None = None) -> KMSClient: ...
    @overload
    def of(self, service: Literal["s3"], region: str | None = None) -> S3Client: ...
    @overload
    def of(self, service: Literal["scheduler"], region: str | None = None) -> EventBridgeSchedulerClient: ...
    @overload
    def of(self, service: Literal["service-quotas"], region: str | None = None) -> Any: ...  # no stubs
    @overload
    def of(self, service: Literal["sns"], region: str | None = None) -> SNSClient: ...
    @overload
    def of(self, service: Literal["ssm"], region: str | None = None) -> SSMClient: ...
    @overload
    def of(self, service: Literal["stepfunctions"], region: str | None = None) -> SFNClient: ...
    @overload
    def of(self, service: Literal["sts"], region: str | None = None) -> STSClient: ...

    def of(self, service: Any, region: str | None = None) -> Any:
        """Return the client of a service in a Region; None is the environment's Region."""
        key = (service, region)
        with self._creating:
            if key not in self._clients:
                with _usable_endpoint():
                    client = self._session.create_client(service, region_name=region, config=_CONFIG)
                    # Raises ValueError for a port out of range, on which otherwise every call would fail.
                    _ = urlsplit(client.meta.endpoint_url).port
                self._clients[key] = client
            return self._clients[key]


@contextmanager
def _usable_endpoint() -> Iterator[None]:
    """Raise ConfigurationError for an endpoint that is not a URL; the SDK raises a bare ValueError."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, BotoCoreError):
            raise
        raise ConfigurationError(
            f"{error}: the AWS SDK cannot use the endpoint or another setting; set AWS_ENDPOINT_URL, and "
            f"endpoint_url in the AWS configuration, to a URL such as http://127.0.0.1:4566, or remove it"
        ) from error


def _new_session() -> Session:
    """Return a session that reads AWS_REGION, like every SDK but botocore, and then AWS_DEFAULT_REGION."""
    session = get_session()
    session.session_var_map["region"] = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
    return session
