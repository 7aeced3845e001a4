"""The resources and policies of a deployment, which `infra/` stores in SSM parameters."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of
from tidemark.aws.records import Records
from tidemark.errors import ConfigurationError, NoCredentials, NotDeployed, PolicyNotFound
from tidemark.policy.documents import joined, list_parameter, lists_of
from tidemark.policy.policy import Policy, policy_parameter, resources_parameter
from tidemark.policy.sites import Site, from_json
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_READS = 3  # attempts to read a policy while it is being deployed
_MOST_AT_ONCE = 10  # source: GetParameters, Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The names and ARNs that a client of a deployment needs."""

    account: str
    region: str
    sessions_table: str
    indexes_table: str
    repository: str  # s3://bucket/prefix
    tag_key: str  # ARN of the KMS key that wraps the tags' data keys
    policy_run: str  # ARN of the state machine
    backup_session: str  # ARN of the state machine
    indexing_session: str  # ARN of the state machine
    vaults: dict[str, str]  # Region -> vault name
    restores_table: str
    restore_session: str  # ARN of the state machine
    prune_run: str = ""  # ARN of the state machine; empty in the parameter of an earlier version
    sites: str = ""  # SSM parameter that lists the other sites; empty if there are none

    @property
    def home(self) -> tuple[str, str]:
        """The account and the Region of the deployment."""
        return self.account, self.region

    def to_json(self) -> str:
        """Return the value of the SSM parameter."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the resources that `to_json` wrote; ignores fields that a later version added."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    def file_system(self, file_system_id: str) -> FileSystem:
        """Return a file system by its name in a stored policy."""
        return FileSystem.parse(file_system_id, home=self.home)

    def records(self, clients: Clients) -> Records:
        """Return the store of the deployment's tables."""
        names = {
            "sessions": self.sessions_table,
            "indexes": self.indexes_table,
            "restores": self.restores_table,
        }
        return Records(clients.of("dynamodb", self.region), lambda table: names[table.suffix])


def discover(clients: Clients, deployment: str) -> Resources:
    """Return the resources of a deployment in the environment's Region.

    Raises NotDeployed, NoCredentials if the environment has no Region, and ConfigurationError if its Region
    does not exist and cannot be reached.
    """
    if clients.region is None:
        raise NoCredentials(
            "no AWS Region is set; set AWS_REGION to the Region of the deployment, such as eu-central-1"
        )
    try:
        text = _parameter(clients.of("ssm"), resources_parameter(deployment))
    except (ClientError, BotoCoreError) as error:
        # Checked only after a failure: a Region newer than the SDK may work, and Lambdas need no check.
        from tidemark.aws.regions import sdk_regions

        problem = sdk_regions().problem(clients.region)
        if problem is None:
            raise
        raise ConfigurationError(f"{problem}; set AWS_REGION to the Region of the deployment") from error
    if text is None:
        raise NotDeployed(deployment, clients.region)
    return Resources.from_json(text)


def read_policy(client: SSMClient, deployment: str, name: str) -> Policy:
    """Return a deployed policy; raise PolicyNotFound with the names of the existing ones.

    If a deployment deletes a list between two reads, the list belongs to the previous version of the policy,
    so the policy is read again. Raises ConfigurationError if lists are still missing.
    """
    missing: list[str] = []
    for _ in range(_READS):
        text = _parameter(client, policy_parameter(deployment, name)) if name else None
        if text is None:
            raise PolicyNotFound(name, policy_names(client, deployment))
        wanted = [list_parameter(deployment, name, one) for one in lists_of(text)]
        found = _parameters(client, wanted)
        missing = [one for one in wanted if one not in found]
        if not missing:
            return joined(text, (found[one] for one in wanted))
    raise ConfigurationError(
        f"policy {name} is incomplete: there is no parameter {', '.join(missing)}; deploy again"
    )


def read_policies(client: SSMClient, deployment: str) -> list[Policy]:
    """Return all deployed policies, sorted by name."""
    found = []
    for name in policy_names(client, deployment):
        with contextlib.suppress(PolicyNotFound):  # a deployment has just removed it
            found.append(read_policy(client, deployment, name))
    return found


def read_sites(client: SSMClient, parameter: str) -> tuple[Site, ...]:
    """Return the sites other than the home site; `parameter` empty: there are none."""
    return from_json(client.get_parameter(Name=parameter)["Parameter"]["Value"]) if parameter else ()


def policy_names(client: SSMClient, deployment: str) -> list[str]:
    """Return the names of the deployed policies, sorted."""
    prefix = policy_parameter(deployment, "")
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=prefix.rstrip("/"))
    return sorted(
        parameter["Name"].removeprefix(prefix) for page in pages for parameter in page["Parameters"]
    )


def _parameter(client: SSMClient, name: str) -> str | None:
    try:
        return client.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        # A name with characters that SSM does not allow is a ValidationException: no parameter has that name.
        if code_of(error) in {"ParameterNotFound", "ValidationException"}:
            return None
        raise


def _parameters(client: SSMClient, names: list[str]) -> dict[str, str]:
    """Return the values of the existing parameters, by name."""
    found: dict[str, str] = {}
    for start in range(0, len(names), _MOST_AT_ONCE):
        answer = client.get_parameters(Names=names[start : start + _MOST_AT_ONCE])
        found |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return found
