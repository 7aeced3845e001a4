"""The keys of `tidemark.yaml` as pydantic models, from which its JSON Schema is generated.

Rules for single values are here, in `schedule_models.py` and in `value_types.py`; rules across values are in
`configuration.py`.
Editors show the descriptions next to the keys.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic_core import CoreSchema, core_schema

from tidemark.damage.settings import LONGEST_HISTORY
from tidemark.policy.notification_models import NotificationsPart, PolicyNotificationsPart, RetriesPart
from tidemark.policy.part import Part
from tidemark.policy.policy import MOST_DRILLED
from tidemark.policy.restore_testing import LONGEST_VALIDATION
from tidemark.policy.schedule_models import SchedulePart, SchedulesPart
from tidemark.policy.schedule_types import ColdAfter, ColdAfterByFlag, KeepByFlag
from tidemark.policy.selection_models import ExcludePart, SelectPart
from tidemark.policy.value_types import (
    AccountId,
    AccountName,
    BucketName,
    DeploymentName,
    ExcludePattern,
    ExternalId,
    FileSystemName,
    GravitonType,
    Hold,
    Keep,
    Memory,
    NoNumber,
    NoSwitch,
    PolicyName,
    Prefix,
    RegionName,
    SecurityGroupId,
    Size,
    SubnetId,
    VaultName,
    no_number,
)

FASTEST_CRAWL = 1_000_000  # operations per second; more than EFS serves to one client
_SWITCH = TypeAdapter(bool)


def _index_part(value: Any) -> Any:
    """Return the settings in `index`, or None if it is false."""
    if isinstance(value, dict | IndexPart):
        return value
    try:
        no_number(value)
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


class RepositoryPart(Part):
    """The bucket for indexes."""

    bucket: BucketName | None = Field(
        None, description="Name of the bucket. Default: <deployment>-repository-<account>-<Region>."
    )
    prefix: Prefix = Field("", description="Prefix of every object key.")


class CopyPart(Part):
    """A copy of each recovery point in another Region or account."""

    region: RegionName = Field(description="Region of the copy. `vaults` must contain a vault for it.")
    account: AccountName | None = Field(
        None,
        description="Account of the copy: a name under `accounts`, or home for the deployment's account. "
        "Default: the account of the file system.",
    )
    vault: VaultName | None = Field(
        None, description="Vault of the copy. Default: the vault of the Region under `vaults`."
    )
    keep: KeepByFlag = Field(
        description="How long AWS Backup keeps the copies. With a value for each kind of run, other runs are "
        "not copied.",
        examples=["90 days", "forever", {"monthly": "1 year", "yearly": "7 years"}],
    )
    cold_after: ColdAfterByFlag | None = Field(
        None,
        description="When the copies move to cold storage, in which AWS Backup must keep them for 90 more "
        "days. Default: never.",
        examples=["30 days", {"yearly": "30 days"}],
    )


class NetworkPart(Part):
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


class WorkerPart(Part):
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


class IndexPart(Part):
    """The directories that indexes omit, the rate limit of the worker, and the retention of indexes."""

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
    keep: Keep = Field(
        default_factory=int,  # not in the schema, where it would not match the pattern
        description="Minimum retention of each index. An index is always kept as long as its recovery "
        "points. Default: no longer than they are.",
        examples=["1 year"],
    )


class RestoreTestingPart(Part):
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


class DrillPart(Part):
    """Sample restores to a temporary file system, compared with the index."""

    schedule: SchedulePart | None = Field(
        None, description="When drills of the policy run. Default: only when started manually."
    )
    files: Annotated[int, NoSwitch] = Field(
        20, ge=1, le=MOST_DRILLED, description="Files of each file system to restore."
    )
    size: Size = Field(
        "10 GB",
        validate_default=True,
        description="Most bytes to restore of each file system; no file may have more than a quarter.",
        examples=["50 GB"],
    )


class DamagePart(Part):
    """When the changes of an index are suspicious, and the reaction. docs/damage.md describes the rules."""

    history: Annotated[int, NoSwitch] = Field(
        7, ge=1, lt=LONGEST_HISTORY, description="Earlier comparisons that a judgment requires."
    )
    files: Annotated[int, NoSwitch] = Field(
        50, ge=1, description="Changes of fewer files in a directory are never suspicious."
    )
    factor: Annotated[float, NoSwitch] = Field(
        3,
        ge=1,
        le=1_000,
        description="A change is suspicious from this multiple of the largest earlier one in the directory.",
    )
    share: Annotated[int, NoSwitch] = Field(
        20,
        ge=1,
        le=100,
        description="Least percentage of a directory's files that are overwritten or replaced.",
    )
    deleted_share: Annotated[int, NoSwitch] = Field(
        30, ge=1, le=100, description="Least percentage of a directory's files or bytes that are deleted."
    )
    old_days: Annotated[int, NoSwitch] = Field(
        30, ge=1, le=3_650, description="Files without modification for this long are old."
    )
    on_damage: Literal["notify", "hold"] = Field(
        "notify",
        description="notify: record and notify. hold: also postpone the deletion of the last good recovery "
        "points, and start no copies, until you release the alarm.",
    )
    hold: Hold = Field(
        "90 days",
        validate_default=True,
        description="How long `hold` keeps the last good recovery points, from the alarm.",
        examples=["90 days"],
    )


class PolicyPart(Part):
    """File systems to back up, with their schedule and retention."""

    file_systems: list[FileSystemName] = Field(
        [],
        description="EFS file systems: ids of those in `region`, <Region>/ID of those in another Region, "
        "<account name>/<Region>/ID of those in another account.",
        examples=[["fs-0123456789abcdef0", "production/eu-west-1/fs-0123456789abcdef1"]],
    )
    select: list[SelectPart] = Field(
        [],
        description="Further file systems, selected when the policy runs: each that meets the conditions of "
        "any item, unless another policy names it, or selects it and has a lower `priority`.",
        examples=[[{"tags": {"backup": "daily"}}]],
    )
    exclude: ExcludePart | None = Field(
        None, description="File systems that no run of the policy includes. Default: none."
    )
    priority: Annotated[int | None, NoSwitch] = Field(
        None,
        ge=1,
        le=10_000,
        description="Among policies that select a file system, the one with the lowest priority includes "
        "it. Default: policies without a priority follow the others, in the order of this file.",
    )
    schedule: SchedulePart | None = Field(
        None, description="When the policy runs. Default: only when started manually."
    )
    schedules: SchedulesPart | None = Field(
        None,
        description="Daily, weekly, monthly and yearly runs, each with a retention; instead of `schedule`.",
    )
    keep: Keep = Field(
        description="How long AWS Backup keeps the recovery points. With `schedules`: those of runs that are "
        "started manually.",
        examples=["35 days", "7 years", "forever"],
    )
    cold_after: ColdAfter | None = Field(
        None,
        description="When these recovery points move to cold storage, in which AWS Backup must keep them for "
        "90 more days. Default: never.",
        examples=["30 days"],
    )
    copies: list[CopyPart] = Field([], description="Copies in other Regions and accounts.")
    index: Annotated[IndexPart | None, _OrSwitch()] = Field(
        IndexPart(),
        description="Whether to index the files of each backup, or settings for the index.",
        json_schema_extra={"default": True},
    )
    worker: WorkerPart | None = Field(
        None, description="Worker of this policy. Default: the `worker` of the deployment."
    )
    drill: DrillPart = Field(
        DrillPart(), description="Drills of the policy: sample restores that prove that its backups restore."
    )
    damage: DamagePart = Field(
        DamagePart(), description="Thresholds of the damage alarm, and the reaction to it."
    )
    restore_testing: RestoreTestingPart | None = Field(
        None, description="Restore testing of the policy's recovery points. Default: none."
    )
    retries: RetriesPart | None = Field(
        None, description="Retries of the failed file systems of a scheduled run. Default: none."
    )
    notifications: PolicyNotificationsPart | None = Field(
        None, description="Which ends of sessions are notified. Default: warnings and failures."
    )


class AccountPart(Part):
    """Another account whose file systems the deployment protects."""

    id: AccountId = Field(description="Its id.", examples=["111111111111"])
    regions: list[RegionName] = Field(
        min_length=1, description="Regions of its file systems, and of copies in this account."
    )
    external_id: ExternalId = Field(
        description="A value that the deployment sends when it assumes a role in this account. Choose a "
        "random one for each account, for example with: openssl rand -hex 16"
    )


class ConfigurationFile(Part):
    """The configuration of one Tidemark deployment."""

    deployment: DeploymentName = Field(
        "tidemark", description="Prefix of the names of all deployed resources."
    )
    region: RegionName = Field(
        description="Home Region: of the deployment, and of file systems that are named by their id alone."
    )
    regions: list[RegionName] = Field(
        [], description="Further Regions with file systems in the account of the deployment."
    )
    account: AccountId | None = Field(
        None, description="Id of the account of the deployment. Required with `accounts`."
    )
    accounts: dict[AccountName, AccountPart] = Field(
        {}, description="Other accounts with file systems or copies, by name."
    )
    repository: RepositoryPart = Field(RepositoryPart(), description="Where indexes are stored.")
    vaults: dict[RegionName, VaultName] = Field(
        min_length=1,
        description="Vault to create in each Region: in `region` for backups, in others for copies. In a "
        "Region that is not named here, other accounts and `regions` get a vault with the name of that in "
        "`region`.",
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
