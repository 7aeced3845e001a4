"""How workers reach the repository and their session, from any account and Region.

A worker in the account of the deployment answers its session with its own role. A worker in another account
assumes a role for it, which may answer only the state machines of this account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tidemark.aws.assumed_roles import clients_of_role
from tidemark.aws.clients import Clients

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Answering(Protocol):
    """The settings of a worker of any purpose, as far as they are needed here."""

    @property
    def region(self) -> str:
        """The Region of the file system."""

    @property
    def run_id(self) -> str:
        """The id of the worker's run, which names the session of the role."""

    @property
    def home_region(self) -> str:
        """The Region of the deployment; empty for the Region of the file system."""

    @property
    def callback_role(self) -> str:
        """The ARN of the role to assume; empty for none."""

    @property
    def callback_external_id(self) -> str:
        """The external id that the role demands."""


def home_region(settings: Answering) -> str:
    """Return the Region of the repository and of the session."""
    return settings.home_region or settings.region


def session_client(clients: Clients, settings: Answering) -> SFNClient:
    """Return the client that may answer the worker's session. Makes no call."""
    if settings.callback_role:
        clients = clients_of_role(
            clients,
            settings.callback_role,
            region=settings.region,  # whose endpoint a VPC may have
            name=settings.run_id,
            external_id=settings.callback_external_id,
        )
    return clients.of("stepfunctions", home_region(settings))
