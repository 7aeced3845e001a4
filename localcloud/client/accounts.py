"""The accounts of a running local cloud, and clients with their access keys."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import boto3

_CREATING = threading.Lock()  # creating a client is not thread-safe; using one is


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account, with the access key of its IAM user `administrator`, who may do everything."""

    id: str
    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    in_organization: bool
    suspended: bool  # when the account was read
    endpoint_url: str
    region: str  # the default Region

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, endpoint_url: str, region: str) -> Self:
        """Return an account from the control interface's format."""
        return cls(**value, endpoint_url=endpoint_url, region=region)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that direct any AWS client to this account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: Any, region: str | None = None) -> Any:  # any service's
        """Return a boto3 client whose calls are the administrator's."""
        return new_client(service, region or self.region, self.environment)


def new_client(service: Any, region: str, environment: Mapping[str, str]) -> Any:  # any service's
    """Return a boto3 client with the endpoint and the keys of an environment."""
    with _CREATING:
        return _session().client(
            service,
            region_name=region,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        )


@functools.cache
def _session() -> boto3.Session:
    """Return the session of all clients: each session reads the service models and endpoints again."""
    return boto3.Session()
