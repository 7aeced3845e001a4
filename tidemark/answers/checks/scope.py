"""What a run of `tidemark check` covers, and what its checks share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tidemark.answers.checks.role_calls import RoleCall
from tidemark.answers.connection import Connection
from tidemark.aws.clients import Clients
from tidemark.aws.s3_url import place_of
from tidemark.aws.stack_resources import stack_resources
from tidemark.policy.policy import Policy
from tidemark.sessions.session import partition_of

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_SAMPLE = 3  # file systems and policies whose resources are simulated for roles that serve all of them


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The deployment, the policies to check, and the file systems of each."""

    connection: Connection
    policies: tuple[Policy, ...]  # each with the file systems to check only
    elsewhere: tuple[str, ...] = ()  # file systems in other sites, which are not checked

    @property
    def clients(self) -> Clients:
        """The clients with the user's credentials."""
        return self.connection.clients

    @property
    def region(self) -> str:
        """The Region of the deployment."""
        return self.connection.resources.region

    @cached_property
    def iam(self) -> IAMClient:
        """The client of IAM."""
        return self.clients.of("iam", self.region)

    @cached_property
    def file_systems(self) -> tuple[str, ...]:
        """All file systems to check, each once."""
        return tuple(dict.fromkeys(each for policy in self.policies for each in policy.file_systems))

    def stack_name(self, stack: str) -> str:
        """Return the name of the stack `main` or `restore`."""
        return f"Tidemark-{self.connection.deployment}" + "-restore" * (stack == "restore")

    def resources_of(self, stack: str) -> Mapping[str, str] | None:
        """Return the physical ids of a stack, by logical id; None if there is no such stack."""
        if stack not in self._stacks:
            client = self.clients.of("cloudformation", self.region)
            self._stacks[stack] = stack_resources(client, self.stack_name(stack))
        return self._stacks[stack]

    @cached_property
    def _stacks(self) -> dict[str, Mapping[str, str] | None]:
        return {}

    def quota(self, service: str, code: str) -> float:
        """Return the account's value of a quota; each is read once."""
        if (service, code) not in self._quotas:
            client = self.clients.of("service-quotas", self.region)
            answer = client.get_service_quota(ServiceCode=service, QuotaCode=code)
            self._quotas[service, code] = answer["Quota"]["Value"]
        return self._quotas[service, code]

    @cached_property
    def _quotas(self) -> dict[tuple[str, str], float]:
        return {}

    def role_of(self, stack: str, logical: str, file_system: str) -> str | None:
        """Return the name of a file system's own role, or of the role that all share; None without one."""
        resources = self.resources_of(stack) or {}
        own = resources.get(f"{logical}{file_system.removeprefix('fs-')}")
        return own or resources.get(f"{logical}Shared")

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role."""
        return f"arn:{self.partition}:iam::{self.connection.resources.account}:role/{name}"

    def filled(self, call: RoleCall, file_system: str | None) -> Iterator[RoleCall]:
        """Yield the call for this file system, or for some; none if the deployment lacks its target."""
        wanted = call.placeholders()
        choices: list[list[dict[str, str]]] = [[self._values]]
        if wanted & {"file_system", *ROLES_OF_FILE_SYSTEMS}:
            chosen = [file_system] if file_system else list(self.file_systems[:_SAMPLE])
            choices.append([self._of_file_system(each) for each in chosen])
        if "policy" in wanted:
            choices.append([{"policy": each.name} for each in self.policies[:_SAMPLE]])
        if "copy_region" in wanted or "copy_vault" in wanted:
            others = (each for each in self.connection.resources.vaults.items() if each[0] != self.region)
            choices.append([{"copy_region": region, "copy_vault": vault} for region, vault in others])
        for combination in itertools.product(*choices):
            values: dict[str, str] = {}
            for each in combination:
                values |= each
            if wanted <= values.keys():
                yield call.filled(values)

    @property
    def partition(self) -> str:
        """The partition of the deployment."""
        return partition_of(self.region)

    @cached_property
    def _values(self) -> dict[str, str]:
        resources = self.connection.resources
        bucket, prefix = place_of(resources.repository)
        values = {
            "account": resources.account,
            "region": resources.region,
            "partition": self.partition,
            "deployment": self.connection.deployment,
            "bucket": bucket,
            "prefix": prefix,
            "vault": resources.vaults[resources.region],
        }
        for stack, found in self._stacks.items():
            values |= {f"{stack}.{logical}": physical for logical, physical in (found or {}).items()}
        return values

    def _of_file_system(self, file_system: str) -> dict[str, str]:
        values = {"file_system": file_system}
        for name in ROLES_OF_FILE_SYSTEMS:
            stack, _, logical = name.partition(".")
            role = self.role_of(stack, logical, file_system)
            if role is not None:
                values[name] = role
        return values


ROLES_OF_FILE_SYSTEMS = tuple(
    f"{stack}.{kind}"
    for stack, kinds in {
        "main": ("WorkersRolesTask", "WorkersRolesInstance"),
        "restore": ("RolesTask", "RolesInstance"),
    }.items()
    for kind in kinds
)
