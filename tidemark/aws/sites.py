"""The accounts and Regions of a deployment, and clients and settings for calls there.

In the home site, functions call with their own roles. In any other site they assume its role for the
deployment's functions, which its stack creates (`infra/site_access.py`), because a function's own role has no
room for the resources of every Region. In other Regions of its own account, a function uses its own role for
vaults and recovery points.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from tidemark.aws.assumed_roles import clients_of_role
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import read_sites
from tidemark.aws.errors import code_of
from tidemark.aws.workers import AT_HOME, Callback
from tidemark.errors import SiteNotAccessible, SiteNotDeployed, TidemarkError
from tidemark.policy.sites import Kind, Site, site_parameter
from tidemark.sessions.session import FileSystem, partition_of
from tidemark.settings import LambdaSettings

# The settings that each site has its own values of; its stack writes them into its parameter.
_WORKERS = ("cluster", "worker_image", "worker_execution_role", "worker_log_group")
SITE_SETTINGS = (*_WORKERS, "backup_role", "worker_task_role", "worker_instance_profile")
RESTORE_SETTINGS = (*_WORKERS, "restore_role", "restore_task_role", "restore_instance_profile")
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {"functions": SITE_SETTINGS, "restores": RESTORE_SETTINGS}
_MOST_KEPT = 32  # clients of a role's session; a function's sandbox serves many sessions


def site_role(deployment: str, account: str, region: str, kind: Kind) -> str:
    """Return the ARN of the role that functions assume in a site."""
    return f"arn:{partition_of(region)}:iam::{account}:role/{site_role_name(deployment, region, kind)}"


def site_role_name(deployment: str, region: str, kind: Kind = "functions") -> str:
    """Return the name of that role; IAM's names are unique in an account, in all Regions."""
    return f"{deployment}-{kind}-{region}"


def callback_role_name(deployment: str, account: str) -> str:
    """Return the name of the role with which an account's workers answer their sessions."""
    return f"{deployment}-callback-{account}"


def machine_suffix(home_account: str, account: str) -> str:
    """Return the end of the names of the state machines for workers of an account.

    IAM cannot restrict the calls that answer a task token to one execution, so the workers of every other
    account have state machines of their own.
    """
    return "" if account == home_account else f"-{account}"


def machine_of(state_machine_arn: str, home_account: str, account: str) -> str:
    """Return the ARN of the state machine for workers of an account."""
    return state_machine_arn + machine_suffix(home_account, account)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A site as a function works in it."""

    account: str
    region: str
    clients: Clients  # for calls in the site's Region, about its resources
    resources: Callable[[], LambdaSettings]  # raises SiteNotDeployed, SiteNotAccessible
    callback: Callback

    @cached_property
    def settings(self) -> LambdaSettings:
        """The function's settings with the values of the site."""
        return self.resources()

    def file_system(self, file_system_id: str) -> FileSystem:
        """Return a file system of the site."""
        return FileSystem(self.account, self.region, file_system_id)


class AccountClients(Clients):
    """Clients of another account, with the credentials of its role in each Region."""

    def __init__(self, at: Callable[[str], Clients]) -> None:
        super().__init__()
        self._at = at

    def of(self, service: Any, region: str | None = None) -> Any:
        """Return the client of a service in a Region; raise SiteNotAccessible without a site there."""
        return self._at(region or "").of(service, region)


class Sites:
    """The sites of a deployment, for a program in its home site."""

    def __init__(self, clients: Clients, settings: LambdaSettings, kind: Kind = "functions") -> None:
        """`clients` are those of the home site; `kind` is what the program does in the others."""
        self._clients, self._settings, self._kind = clients, settings, kind
        self._kept: dict[tuple[str, str, str], Clients] = {}

    @property
    def home(self) -> tuple[str, str]:
        """The account and the Region of the deployment."""
        return self._settings.account, self._settings.region

    @cached_property
    def others(self) -> dict[tuple[str, str], Site]:
        """The sites other than the home site, by account and Region."""
        listed = read_sites(self._clients.of("ssm", self._settings.region), self._settings.sites)
        return {(site.account or self._settings.account, site.region): site for site in listed}

    def all(self, run: str) -> list[Place]:
        """Return every site, the home site first; `run` names the sessions of roles."""
        return [self.at(*site, run) for site in (self.home, *self.others)]

    def at(self, account: str, region: str, run: str) -> Place:
        """Return a site. Makes no call in it; `run` names the session of its role."""
        if (account, region) == self.home:
            return Place(
                account=account,
                region=region,
                clients=self._clients,
                resources=lambda: self._settings,
                callback=AT_HOME,
            )
        clients = self._clients_at(account, region, run)
        return Place(
            account=account,
            region=region,
            clients=clients,
            resources=lambda: self._settings_at(clients, account, region),
            callback=self._callback(account, region),
        )

    def clients_of(self, account: str, run: str) -> Clients:
        """Return clients for the vaults and recovery points of an account, in any Region."""
        if account == self._settings.account:
            return self._clients
        return AccountClients(lambda region: self._clients_at(account, region, run))

    def _callback(self, account: str, region: str) -> Callback:
        settings = self._settings
        if account == settings.account:
            return Callback(home_region=settings.region)
        site = self.others.get((account, region))
        name = callback_role_name(settings.deployment, account)
        return Callback(
            home_region=settings.region,
            callback_role=f"arn:{partition_of(settings.region)}:iam::{settings.account}:role/{name}",
            callback_external_id=site.external_id if site else "",
        )

    def _clients_at(self, account: str, region: str, run: str) -> Clients:
        key = (account, region, run)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._new_clients(account, region, run)
        return self._kept[key]

    def _new_clients(self, account: str, region: str, run: str) -> Clients:
        settings, site = self._settings, self.others.get((account, region))

        def refused(why: str) -> TidemarkError:
            if account == settings.account:
                return SiteNotDeployed(settings.deployment, account, region)
            return SiteNotAccessible(account, region, why)

        if site is None:
            raise SiteNotAccessible(account, region, "the deployed configuration does not name it")
        return clients_of_role(
            self._clients,
            site_role(settings.deployment, account, region, self._kind),
            region=settings.region,
            name=run,
            external_id=site.external_id,
            refused=refused,
        )

    def _settings_at(self, clients: Clients, account: str, region: str) -> LambdaSettings:
        settings = self._settings
        try:
            answer = clients.of("ssm", region).get_parameter(
                Name=site_parameter(settings.deployment, self._kind)
            )
        except ClientError as error:
            if code_of(error) == "ParameterNotFound":
                raise SiteNotDeployed(settings.deployment, account, region) from error
            raise
        stored = json.loads(answer["Parameter"]["Value"])
        needed = _OF_KIND[self._kind]
        if not stored.keys() >= set(needed):
            raise SiteNotDeployed(settings.deployment, account, region)
        known: dict[str, str] = {name: str(stored[name]) for name in needed}
        return dataclasses.replace(settings, account=account, region=region, **known)
