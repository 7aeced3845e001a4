"""The keys of `tidemark.yaml` as pydantic models, from which its JSON Schema is generated.

Rules for single values are here; rules across values are in `configuration.py`. Editors show the
descriptions next to the keys.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from tidemark.errors import MalformedFileSystemId
from tidemark.exclusions import Exclusion
from tidemark.policy import schedule
from tidemark.policy.policy import FILE_SYSTEM_ID, LONGEST_KEEP_DAYS, check_file_system_id
from tidemark.policy.restore_testing import LONGEST_VALIDATION

FASTEST_CRAWL = 1_000_000  # operations per second; more than EFS serves to one client
_SWITCH = TypeAdapter(bool)
_DAYS = {"day": 1, "week": 7, "year": 365}


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """A string that must match a pattern in full; validation errors describe the pattern in words."""

    pattern: str
    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"{text!r} is not {self.what}")
        return text


def _file_system_id(text: str) -> str:
    try:
        return check_file_system_id(text)
    except MalformedFileSystemId as error:
        raise ValueError(str(error)) from error


def keep_days(text: Any) -> int | None:
    """Return the days of a text such as `35 days` or `7 years` (of 365 days); None for `forever`.

    Raises ValueError, also for a number without a unit.
    Source: AWS Backup Developer Guide, retention is 1 day to 100 years (36,500 days) or always.
    """
    if text == "forever":
        return None
    match = re.fullmatch(r"([0-9]{1,6}) (day|week|year)s?", text) if isinstance(text, str) else None
    if not match:
        number = text if isinstance(text, int) and not isinstance(text, bool) else 35
        hint = f"{number} day{'' if number == 1 else 's'}"
        raise ValueError(
            f"{text!r} is not a retention period; write '{hint}', '5 weeks', '7 years' or 'forever'"
        )
    days = int(match.group(1)) * _DAYS[match.group(2)]
    if not 1 <= days <= LONGEST_KEEP_DAYS:
        raise ValueError(f"AWS Backup accepts 1 to {LONGEST_KEEP_DAYS} days, not {days}; or write 'forever'")
    return days


def memory_mib(text: Any) -> int:
    """Return the MiB of a text such as `2 GB` or `512 MB`. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}) ?(GB|MB)", text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not an amount of memory; write it as '2 GB' or '512 MB'")
    return int(match.group(1)) * (1024 if match.group(2) == "GB" else 1)


def excluded(text: str) -> str:
    """Return a directory pattern in the normal form of `exclusions`. Raises ValueError."""
    return str(Exclusion.parse(text))


def _no_switch(value: Any) -> Any:
    """Return `value`. Raises ValueError for true and false, which Python treats as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number; write a number")  # noqa: TRY004 - pydantic wants this
    return value


def _no_number(value: Any) -> Any:
    """Return `value`. Raises ValueError for a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} should be true or false")  # noqa: TRY004 - likewise
    return value


def _index_part(value: Any) -> Any:
    """Return the settings in `index`, or None if it is false."""
    if isinstance(value, dict | IndexPart):
        return value
    try:
        _no_number(value)
        return IndexPart() if _SWITCH.validate_python(value) else None
    except ValueError:
        found = "the value is missing; it" if value is None else repr(value)
        raise ValueError(
            f"{found} should be true or false, or settings, for example index: {{exclude: [/scratch]}}"
        ) from None


@dataclasses.dataclass(frozen=True, slots=True)
class _OrSwitch:
    """Settings, or true for the defaults, or false for None."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_index_part, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        settings = [one for one in handler(schema)["anyOf"] if one != {"type": "null"}]
        return {"anyOf": [{"type": "boolean"}, *settings]}


# The lengths keep names that are built from these within AWS's limits: the bucket
# `<deployment>-repository-<account>-<Region>` within 63, a function within 64, and a session id
# `<policy>-<file system>-<time>`, the name of an execution, within 80. The prefix is part of roles, and of
# the environment of functions and workers.
DeploymentName = Annotated[
    str,
    _Form(
        r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
        "a deployment name: 2-20 of a-z, 0-9 and '-', beginning with a letter",
    ),
]
PolicyName = Annotated[
    str,
    _Form(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", "a policy name: 1-30 of a-z, 0-9 and '-', such as nightly"),
]
RegionName = Annotated[
    str, _Form(r"[a-z]{2,5}(-[a-z]+){1,3}-[0-9]{1,2}", "an AWS Region, such as eu-central-1")
]
VaultName = Annotated[str, _Form(r"[a-zA-Z0-9_-]{2,50}", "a vault name: 2-50 letters, digits, '-' and '_'")]
BucketName = Annotated[
    str,
    _Form(
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "a bucket name: 3-63 of a-z, 0-9 and '-' (no dots: they break TLS)",
    ),
]
Prefix = Annotated[
    str,
    _Form(
        r"(?=.{0,100}$)([a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*)?",
        "a prefix: up to 100 letters, digits, '_' and '-', parts separated by single slashes, none at either "
        "end",
    ),
]
SubnetId = Annotated[str, _Form(r"subnet-[0-9a-f]{8,40}", "a subnet id, such as subnet-0123456789abcdef0")]
SecurityGroupId = Annotated[
    str, _Form(r"sg-[0-9a-f]{8,40}", "a security group id, such as sg-0123456789abcdef0")
]
GravitonType = Annotated[
    str,
    _Form(
        r"(a1|[a-z]+[0-9]+g[a-z]*)\.[0-9a-z-]+",
        "a Graviton instance type; the worker image is built for arm64: choose one such as m7g.large",
    ),
]
EmailAddress = Annotated[str, _Form(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]
FileSystemId = Annotated[
    str,
    AfterValidator(_file_system_id),
    WithJsonSchema({"type": "string", "pattern": f"^{FILE_SYSTEM_ID.pattern}$"}),
]
Keep = Annotated[
    int | None,
    BeforeValidator(keep_days),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{1,6} (day|week|year)s?|forever)$"}),
]
ExcludePattern = Annotated[
    str, AfterValidator(excluded), WithJsonSchema({"type": "string", "pattern": "^(?!!)/*[^/]"})
]
Memory = Annotated[
    int, BeforeValidator(memory_mib), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} ?(GB|MB)$"})
]


NoSwitch = BeforeValidator(_no_switch)
NoNumber = BeforeValidator(_no_number)


class _Part(BaseModel):
    """Rejects unknown keys: a misspelt one would silently leave the default in effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RepositoryPart(_Part):
    """The bucket for indexes."""

    bucket: BucketName | None = Field(
        None, description="Name of the bucket. Default: <deployment>-repository-<account>-<Region>."
    )
    prefix: Prefix = Field("", description="Prefix of every object key.")


class SchedulePart(_Part):
    """When a policy runs: exactly one of cron and rate."""

    cron: Annotated[str, AfterValidator(schedule.cron_expression)] | None = Field(
        None,
        description="Six fields: minutes hours day-of-month month day-of-week year; one day is '?'.",
        examples=["0 2 * * ? *"],
    )
    rate: Annotated[str, AfterValidator(schedule.rate_expression)] | None = Field(
        None,
        description="Interval in minutes, hours or days, starting at deployment.",
        examples=["12 hours"],
    )
    time_zone: Annotated[str, AfterValidator(schedule.check_time_zone)] | None = Field(
        None, description="IANA time zone of the cron fields. Default: UTC.", examples=["Europe/Berlin"]
    )


class CopyPart(_Part):
    """A copy of each recovery point in another Region."""

    region: RegionName = Field(description="Region of the copy. `vaults` must contain a vault for it.")
    vault: VaultName | None = Field(
        None, description="Vault of the copy. Default: the vault of the Region under `vaults`."
    )
    keep: Keep = Field(description="How long AWS Backup keeps the copy.", examples=["90 days", "forever"])


class NetworkPart(_Part):
    """Subnets and security groups for workers, instead of those chosen from the mount targets."""

    subnets: list[SubnetId] = Field(
        [], max_length=16, description="Subnets in Availability Zones with a mount target."
    )
    security_groups: list[SecurityGroupId] = Field(
        [],
        max_length=5,
        description="Must be allowed by the mount targets on port 2049, and allow outbound traffic on 443.",
    )
    public_address: Annotated[bool, NoNumber] = Field(
        False,
        description="Whether workers get a public IPv4 address. Required if an internet gateway is the only "
        "route from the subnet to AWS's services, as in the default VPC. Security groups restrict "
        "inbound traffic.",
    )


class WorkerPart(_Part):
    """The machine that crawls a file system to create an index."""

    type: Literal["fargate", "ec2"] = Field("fargate", description="A Fargate task, or an EC2 instance.")
    cpu: Annotated[float | None, NoSwitch] = Field(
        None, description="vCPUs of a Fargate task. Default: 1.", examples=[0.5, 1, 4]
    )
    memory: Memory | None = Field(
        None, description="Memory of a Fargate task. Default: 2 GB.", examples=["2 GB"]
    )
    instance_type: GravitonType | None = Field(
        None, description="Instance type (EC2 only). Default: m7g.large."
    )
    network: NetworkPart | None = Field(
        None, description="Network of the worker. Default: chosen from the file system's mount targets."
    )


class IndexPart(_Part):
    """The directories that indexes omit, and the rate limit of the worker."""

    exclude: list[ExcludePattern] = Field(
        [],
        description="Directories to omit from the index, with everything below. Backups still include them. "
        "Patterns use .gitignore syntax: with a slash at the beginning or in the middle, a path from "
        "the root; otherwise a name at any depth; ** matches any number of directories.",
        examples=[["/scratch", "/home/*/.cache", "node_modules"]],
    )
    operations_per_second: Annotated[int | None, NoSwitch] = Field(
        None,
        ge=1,
        le=FASTEST_CRAWL,
        description="Maximum metadata operations per second that the worker requests from the file system. "
        "Default: no limit.",
    )


class RestoreTestingPart(_Part):
    """Restore testing by AWS Backup, whose restored file systems Tidemark compares with the indexes."""

    schedule: SchedulePart = Field(
        description="When AWS Backup restores the newest recovery point of each file system. A cron; AWS "
        "Backup accepts no rate.",
        examples=[{"cron": "0 4 ? * SUN *"}],
    )
    window_days: Annotated[int, NoSwitch] = Field(
        30, ge=1, le=365, description="Test only recovery points of the last days."
    )
    validation_hours: Annotated[int, NoSwitch] = Field(
        24,
        ge=1,
        le=LONGEST_VALIDATION // timedelta(hours=1),
        description="Hours after a restore within which Tidemark must have verified it. Then AWS Backup "
        "deletes the restored file system.",
    )


class PolicyPart(_Part):
    """File systems to back up, with their schedule and retention."""

    file_systems: list[FileSystemId] = Field(min_length=1, description="Ids of EFS file systems in `region`.")
    schedule: SchedulePart | None = Field(
        None, description="When the policy runs. Default: only when started manually."
    )
    keep: Keep = Field(
        description="How long AWS Backup keeps the recovery points.",
        examples=["35 days", "7 years", "forever"],
    )
    copies: list[CopyPart] = Field([], description="Copies in other Regions.")
    index: Annotated[IndexPart | None, _OrSwitch()] = Field(
        IndexPart(),
        description="Whether to index the files of each backup, or settings for the index.",
        json_schema_extra={"default": True},
    )
    worker: WorkerPart | None = Field(
        None, description="Worker of this policy. Default: the `worker` of the deployment."
    )
    restore_testing: RestoreTestingPart | None = Field(
        None, description="Restore testing of the policy's recovery points. Default: none."
    )


class NotificationsPart(_Part):
    """The recipient of failed sessions and alarms."""

    email: EmailAddress = Field(description="Receives an email to confirm the subscription first.")


class ConfigurationFile(_Part):
    """The configuration of one Tidemark deployment."""

    deployment: DeploymentName = Field(
        "tidemark", description="Prefix of the names of all deployed resources."
    )
    region: RegionName = Field(description="Region of the deployment and of its file systems.")
    repository: RepositoryPart = Field(RepositoryPart(), description="Where indexes are stored.")
    vaults: dict[RegionName, VaultName] = Field(
        min_length=1,
        description="Vault to create in each Region: in `region` for backups, in others for copies.",
    )
    policies: dict[PolicyName, PolicyPart] = Field(min_length=1, description="Policies by name.")
    worker: WorkerPart = Field(WorkerPart(), description="Default worker of policies.")
    notifications: NotificationsPart | None = Field(
        None, description="Notifications by email. Default: none."
    )
    log_days: Annotated[Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365], NoSwitch] = Field(
        30, description="Days to keep the logs of functions, state machines and workers."
    )
    keep_on_destroy: Annotated[bool, NoNumber] = Field(
        True, description="Whether `cdk destroy` retains repository, tables, vaults and their keys."
    )
