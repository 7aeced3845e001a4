"""AWS clients for the local cloud's own calls, made in the name of a role."""

from __future__ import annotations

import threading
from typing import Any

import botocore.session
from botocore.config import Config

from localcloud.cloud import Cloud


class Clients:
    """Clients that call the local cloud itself; one is kept per service, Region and role."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._session = botocore.session.Session()
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._lock = threading.Lock()  # making a client is not thread-safe, using one is

    def get(self, service: str, region: str, role_arn: str | None = None) -> Any:  # any service's
        """Return a client without retries whose calls are logged as the role's (the account's root if None)."""
        key = (service, region, role_arn)
        with self._lock:
            if key not in self._clients:
                environment = self.cloud.role_credentials(role_arn, region)
                self._clients[key] = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self.cloud.endpoint_url,
                    aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                    aws_session_token=environment["AWS_SESSION_TOKEN"],
                    config=Config(
                        retries={"total_max_attempts": 1}, read_timeout=1000, max_pool_connections=50
                    ),
                )
            return self._clients[key]
