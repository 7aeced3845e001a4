"""Connect to the deployment that the environment names, with the user's credentials."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from tidemark.answers.session_progress import View
from tidemark.aws.clients import Clients
from tidemark.aws.deployment import Resources, discover, policy_names, read_policies, read_policy, read_sites
from tidemark.aws.file_systems import existing_file_systems
from tidemark.aws.recorded_repository import RecordedRepository
from tidemark.aws.s3_store import open_store
from tidemark.aws.scopes import Resolved, resolve_scope
from tidemark.aws.tag_keys import TagKeys
from tidemark.errors import PolicyNotFound, SiteNotAccessible
from tidemark.index.storage.object_store import ObjectMissing
from tidemark.index.storage.object_store import Store as Repository
from tidemark.policy.policy import Policy, id_of
from tidemark.policy.selection import FoundFileSystem
from tidemark.policy.sites import ANY_ID, Site, file_system_id_of
from tidemark.sessions.indexing import Index, IndexStatus
from tidemark.sessions.records import read_index, read_lease, read_session
from tidemark.sessions.scopes import read_scope
from tidemark.sessions.session import FileSystem, Session
from tidemark.sessions.transactions import Store
from tidemark.settings import CliSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """A deployment and the clients to reach it."""

    deployment: str
    clients: Clients
    resources: Resources

    @cached_property
    def records(self) -> Store:
        """The deployment's tables."""
        return self.resources.records(self.clients)

    @cached_property
    def repository(self) -> Repository:
        """The deployment's repository."""
        store = open_store(self.resources.repository, self.clients.of("s3", self.resources.region))
        return RecordedRepository(store, self.records)

    @property
    def tag_keys(self) -> TagKeys:
        """The data keys of the deployment's tags."""
        return TagKeys(
            s3=self.clients.of("s3", self.resources.region),
            kms=self.clients.of("kms", self.resources.region),
            repository=self.resources.repository,
            kms_key=self.resources.tag_key,
            deployment=self.deployment,
        )

    def policy(self, name: str) -> Policy:
        """Return a deployed policy with the file systems that it includes now; raise PolicyNotFound."""
        return self._included_now(self.stored_policy(name))

    def stored_policy(self, name: str) -> Policy:
        """Return a policy as it was deployed, without what it selects; raise PolicyNotFound."""
        return read_policy(self.clients.of("ssm", self.resources.region), self.deployment, name)

    def policy_names(self) -> list[str]:
        """Return the names of the deployed policies, sorted."""
        return policy_names(self.clients.of("ssm", self.resources.region), self.deployment)

    def file_system_ids(self) -> frozenset[str]:
        """Return the ids of the file systems that the deployed policies name."""
        return frozenset(
            file_system_id_of(each) for policy in self.policies() for each in policy.file_systems
        )

    def place(self, file_system: FileSystem) -> str:
        """Return the account, by its name in tidemark.yaml or by its id, and the Region of a file system."""
        names = {site.account: site.name for site in self.sites if site.is_foreign}
        return f"{names.get(file_system.account, file_system.account)}/{file_system.region}"

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The sites other than the home site."""
        return read_sites(self.clients.of("ssm", self.resources.region), self.resources.sites)

    def file_system(self, text: str) -> FileSystem:
        """Return a file system by its name in tidemark.yaml or in a stored policy, or by its id alone.

        An id is that of a file system of a policy or, without one, of a file system in the home site. Raises
        MalformedFileSystemId.
        """
        id_of(text)
        if "/" not in text and self.resources.sites:
            named = (name for policy in self.policies() for name in policy.file_systems)
            text = next((name for name in named if file_system_id_of(name) == text), text)
        account, slash, rest = text.partition("/")
        ids = {site.name: site.account for site in self.sites if site.is_foreign} if slash else {}
        stored = f"{ids[account]}/{rest}" if account in ids else text
        return FileSystem.parse(stored, home=self.resources.home)

    def policies(self) -> list[Policy]:
        """Return the deployed policies with the file systems that they include now, sorted by name."""
        return [self._included_now(policy) for policy in self.stored_policies()]

    def stored_policies(self) -> list[Policy]:
        """Return the policies as they were deployed, sorted by name."""
        return read_policies(self.clients.of("ssm", self.resources.region), self.deployment)

    def scope_of(self, policy: Policy) -> Resolved:
        """Return what a policy that selects file systems includes now.

        The user's credentials are those of the deployment's account. In other accounts, the policy includes
        the file systems of its last run.
        """
        before = read_scope(self.records, policy.name)
        remembered = before.file_systems if before is not None else ()
        return resolve_scope(policy, self.stored_policies(), self._list_at, remembered)

    def _included_now(self, policy: Policy) -> Policy:
        if policy.selection is None:
            return policy
        return dataclasses.replace(policy, file_systems=self.scope_of(policy).scope.file_systems)

    def _list_at(self, place: str) -> list[FoundFileSystem]:
        account, region = FileSystem.parse(f"{place}{ANY_ID}", home=self.resources.home).site
        if account != self.resources.account:
            raise SiteNotAccessible(account, region, "your credentials are those of another account")
        if place not in self._listed:
            efs = self.clients.of("efs", region)
            self._listed[place] = list(existing_file_systems(efs, place))
        return self._listed[place]

    @cached_property
    def _listed(self) -> dict[str, list[FoundFileSystem]]:
        return {}

    def policy_if_any(self, name: str) -> Policy | None:
        """Return a policy, or None if it is no longer deployed."""
        try:
            return self.policy(name)
        except PolicyNotFound:
            return None

    def view(self, session_id: str, policy: Policy | None) -> View:
        """Return the current state of a session; raise SessionNotFound."""
        session = read_session(self.records, session_id)
        index = self.index_of(session)
        owner = progress = None
        if index is not None and index.status is IndexStatus.RUNNING:
            lease = read_lease(self.records, session.file_system)
            owner = lease.owner if lease is not None and lease.index_id == index.index_id else None
            progress = self.progress(index)
        run = policy.for_run(session.flags) if policy is not None else None
        return View(session=session, policy=run, index=index, owner=owner, progress=progress)

    def index_of(self, session: Session) -> Index | None:
        """Return the record of the session's index, if it has one."""
        if session.index_id is None:
            return None
        return read_index(self.records, session.file_system, session.index_id)

    def progress(self, index: Index) -> Mapping[str, Any] | None:
        """Return the progress that the worker last wrote, or None before its first heartbeat."""
        try:
            text = self.repository.get(f"indexes/{index.file_system}/{index.index_id}/progress.json")
            return cast(Mapping[str, Any], json.loads(text))
        except (ObjectMissing, ValueError):
            return None


def connect() -> Connection:
    """Find the deployment; raise NotDeployed or NoCredentials."""
    deployment = CliSettings.from_environment().deployment
    clients = Clients()
    return Connection(deployment=deployment, clients=clients, resources=discover(clients, deployment))
