"""AWS clients for the local cloud's own calls, made as a role or as the root user of an account."""

from __future__ import annotations

import functools
import threading
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from localcloud.core.cloud import Cloud
from localcloud.core.moto_slimming import service_description

_LOCK = threading.Lock()  # creating a client is not thread-safe; using one is


class Clients:
    """Clients that call the local cloud itself; one is kept per service, Region and principal."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def of_account(self, account_id: str, service: str, region: str) -> Any:  # any service's
        """Return a client without retries; its calls are recorded as those of the account's root user."""
        return self.get(service, region, self.cloud.root_of(account_id))

    def get(self, service: str, region: str, principal: str) -> Any:  # any service's
        """Return a client without retries; its calls are recorded as those of a role or a root user."""
        key = (service, region, principal)
        with _LOCK:
            if key not in self.cloud.kept_clients:
                environment = self.cloud.role_credentials(principal, region)
                self.cloud.kept_clients[key] = _new_client(
                    service,
                    region,
                    self.cloud.endpoint_url,
                    environment["AWS_ACCESS_KEY_ID"],
                    environment["AWS_SECRET_ACCESS_KEY"],
                    environment["AWS_SESSION_TOKEN"],
                )
            return self.cloud.kept_clients[key]

    def assumed(
        self, service: str, region: str, principal: str, role_arn: str, *, session: str, external_id: str
    ) -> Any:  # any service's
        """Return a client of a session of `role_arn`, which `principal` assumes; raises STS's errors."""
        keys = self.get("sts", region, principal).assume_role(
            RoleArn=role_arn, RoleSessionName=session, ExternalId=external_id
        )["Credentials"]
        with _LOCK:
            return _new_client(
                service,
                region,
                self.cloud.endpoint_url,
                keys["AccessKeyId"],
                keys["SecretAccessKey"],
                keys["SessionToken"],
            )


def queue_url(sqs: Any, account: str, name: str, *, of_caller: str) -> str:  # an SQS client
    """Return the URL of a queue, for a service that sends to it on behalf of an account.

    A queue of another account need not let its sender call GetQueueUrl, which services do not call on AWS.
    """
    if account != of_caller:
        return f"{sqs.meta.endpoint_url}/{account}/{name}"
    url: str = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    return url


def _new_client(
    service: str, region: str, endpoint_url: str, key_id: str, secret_key: str, token: str
) -> Any:  # any service's
    return _session().create_client(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=1000, max_pool_connections=50),
    )


class _SharedModels(Loader):
    """Reuses the service models that moto has in memory for routing."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        # botocore's S3 client rewrites the paths in its model, which moto's routing needs unchanged
        if type_name == "service-2" and service_name != "s3":
            return service_description(service_name)
        return super().load_service_model(service_name, type_name, api_version)


@functools.cache
def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _SharedModels())
    return session
