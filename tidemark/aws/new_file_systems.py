"""File systems that restores create: their settings, read from the original, and applied to the new one.

AWS Backup creates the file system with the settings of CreateFileSystem that its metadata has. The other
settings are applied afterwards; each that EFS refuses is reported and does not end the restore.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of, message_of, translate
from tidemark.aws.workers import DEPLOYMENT_TAG, RESTORE_TAG, TEMPORARY_TAG
from tidemark.errors import AwsThrottled, AwsUnreachable, FileSystemNotFound, NotRestorable, RestoreFailed
from tidemark.restore.plan import NewFileSystem, NewMountTarget, Setting
from tidemark.sessions.session import FileSystem

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient
    from mypy_boto3_efs.type_defs import FileSystemDescriptionTypeDef, MountTargetDescriptionTypeDef

# The parts of the original's settings that a user can refuse.
Part = Literal["tags", "lifecycle", "policy", "throughput"]
PARTS: tuple[Part, ...] = get_args(Part)
_AMAZONS = "aws:"  # prefix of tags that only AWS sets


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewFileSystemWish:
    """The options of a restore to a new file system."""

    without: Collection[Part] = ()
    subnets: Sequence[str] = ()  # of the mount targets; empty: those of the original
    security_groups: Sequence[str] = ()  # the same


def settings_for(efs: EFSClient, original: FileSystem, wish: NewFileSystemWish) -> NewFileSystem:
    """Return the settings of a new file system: those of the original, as far as it exists and is wanted.

    Raises NotRestorable if they have no mount target: a worker must mount the file system.
    """
    try:
        found = efs.describe_file_systems(FileSystemId=original.file_system_id)["FileSystems"][0]
    except ClientError as error:
        if code_of(error) != "FileSystemNotFound":
            raise
        return _defaults(original, wish)
    file_system_id = original.file_system_id
    with_throughput = "throughput" not in wish.without
    mode = found.get("ThroughputMode", "bursting") if with_throughput else "elastic"
    if found["PerformanceMode"] == "maxIO" and mode == "elastic":
        mode = "bursting"  # Source: EFS user guide, "Performance modes": Elastic excludes Max I/O.
    provisioned = found.get("ProvisionedThroughputInMibps") if mode == "provisioned" else None
    notes = [f"{part} is not copied" for part in sorted(wish.without)]
    if not found.get("Encrypted"):
        notes.append("the original is not encrypted; the new file system is")
    return NewFileSystem(
        performance_mode=found["PerformanceMode"],
        kms_key=found.get("KmsKeyId") or "",
        availability_zone=found.get("AvailabilityZoneName") or "",
        throughput_mode=mode,
        provisioned_mibps="" if provisioned is None else f"{provisioned:g}",
        tags=() if "tags" in wish.without else _tags_of(found),
        lifecycle=() if "lifecycle" in wish.without else _lifecycle_of(efs, file_system_id),
        policy="" if "policy" in wish.without else _policy_of(efs, file_system_id),
        mount_targets=mount_targets_of(efs, original, wish),
        notes=tuple(notes),
    )


def _defaults(original: FileSystem, wish: NewFileSystemWish) -> NewFileSystem:
    if not wish.subnets or not wish.security_groups:
        raise NotRestorable(
            f"{original.file_system_id} no longer exists, so the mount targets of the new file system are "
            f"not known; name them with: --subnet SUBNET --security-group GROUP"
        )
    return NewFileSystem(
        performance_mode="generalPurpose",
        kms_key="",
        availability_zone="",
        throughput_mode="elastic",
        provisioned_mibps="",
        tags=(),
        lifecycle=(),
        policy="",
        mount_targets=_mount_targets(wish.subnets, wish.security_groups),
        notes=("the original no longer exists, so the new file system has default settings",),
    )


def _tags_of(found: FileSystemDescriptionTypeDef) -> tuple[Setting, ...]:
    ours = (DEPLOYMENT_TAG, RESTORE_TAG, TEMPORARY_TAG)
    return tuple(
        Setting(name=tag["Key"], value=tag["Value"])
        for tag in found["Tags"]
        if not tag["Key"].startswith(_AMAZONS) and tag["Key"] not in ours
    )


def _lifecycle_of(efs: EFSClient, file_system_id: str) -> tuple[Setting, ...]:
    policies = efs.describe_lifecycle_configuration(FileSystemId=file_system_id)["LifecyclePolicies"]
    return tuple(
        Setting(name=name, value=str(value)) for policy in policies for name, value in policy.items()
    )


def _policy_of(efs: EFSClient, file_system_id: str) -> str:
    try:
        return efs.describe_file_system_policy(FileSystemId=file_system_id)["Policy"]
    except ClientError as error:
        if code_of(error) != "PolicyNotFound":
            raise
        return ""


def mount_targets_of(
    efs: EFSClient, original: FileSystem, wish: NewFileSystemWish
) -> tuple[NewMountTarget, ...]:
    """Return the mount targets of a new file system: those of the original, unless others are wanted.

    Raises NotRestorable if there is none.
    """
    if wish.subnets and wish.security_groups:
        return _mount_targets(wish.subnets, wish.security_groups)
    targets = sorted(_described(efs, original.file_system_id), key=lambda target: target["SubnetId"])
    groups = {
        target["SubnetId"]: efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])[
            "SecurityGroups"
        ]
        for target in targets
        if not wish.security_groups
    }
    if not targets or (wish.subnets and not groups):
        raise NotRestorable(
            f"{original.file_system_id} has no mount target to copy; name those of the new file system with: "
            f"--subnet SUBNET --security-group GROUP"
        )
    if wish.subnets:
        return _mount_targets(wish.subnets, sorted({one for each in groups.values() for one in each}))
    return tuple(
        NewMountTarget(
            subnet=target["SubnetId"],
            security_groups=tuple(wish.security_groups or groups[target["SubnetId"]]),
        )
        for target in targets
    )


def _mount_targets(subnets: Sequence[str], groups: Sequence[str]) -> tuple[NewMountTarget, ...]:
    return tuple(
        NewMountTarget(subnet=subnet, security_groups=tuple(groups)) for subnet in dict.fromkeys(subnets)
    )


def _described(efs: EFSClient, file_system_id: str) -> list[MountTargetDescriptionTypeDef]:
    pages = efs.get_paginator("describe_mount_targets").paginate(FileSystemId=file_system_id)
    return [target for page in pages for target in page["MountTargets"]]


class NewFileSystemSetup:
    """Applies the settings of a plan to the file system that AWS Backup has created.

    `report` receives a part and the reason if EFS has refused it, and an empty reason if it is set.
    """

    def __init__(
        self,
        efs: EFSClient,
        target: FileSystem,
        settings: NewFileSystem,
        *,
        report: Callable[[str, str], None],
    ) -> None:
        self._efs, self._target, self.settings = efs, target, settings
        self._id = target.file_system_id
        self._report = report

    def mark(self, deployment: str, restore_id: str, *, is_temporary: bool) -> None:
        """Give the file system the tags of its restore.

        The permissions for all other operations require these tags, and IAM may see them later. Only a
        temporary file system can be removed.
        """
        marks = {DEPLOYMENT_TAG: deployment, RESTORE_TAG: restore_id}
        if is_temporary:
            marks[TEMPORARY_TAG] = restore_id
        self._efs.tag_resource(
            ResourceId=self._id, Tags=[{"Key": key, "Value": value} for key, value in marks.items()]
        )

    def apply(self) -> bool:
        """Apply the settings except the policy; return whether the mount targets are available.

        Idempotent: called until it returns True. Raises RestoreFailed if there is no mount target.
        """
        found = self._described()
        if found["LifeCycleState"] != "available":
            return False
        settings = self.settings
        if settings.tags:
            tags: Any = [{"Key": tag.name, "Value": tag.value} for tag in settings.tags]
            self._try("tags", lambda: self._efs.tag_resource(ResourceId=self._id, Tags=tags))
        if settings.lifecycle:
            rules: Any = [{rule.name: rule.value} for rule in settings.lifecycle]
            self._try(
                "lifecycle configuration",
                lambda: self._efs.put_lifecycle_configuration(FileSystemId=self._id, LifecyclePolicies=rules),
            )
        is_ready = self.create_mount_targets()
        if _throughput_of(found) != (settings.throughput_mode, _number(settings.provisioned_mibps)):
            throughput: Any = {"ThroughputMode": settings.throughput_mode}
            if settings.provisioned_mibps:
                throughput["ProvisionedThroughputInMibps"] = float(settings.provisioned_mibps)
            self._try(
                "throughput mode", lambda: self._efs.update_file_system(FileSystemId=self._id, **throughput)
            )
        return is_ready

    def put_policy(self, original_id: str) -> None:
        """Give the file system the original's policy, with its own id instead of the original's."""
        if self.settings.policy:
            policy = self.settings.policy.replace(original_id, self._id)
            self._try(
                "file-system policy",
                lambda: self._efs.put_file_system_policy(FileSystemId=self._id, Policy=policy),
            )

    def create_mount_targets(self) -> bool:
        """Create the mount targets; return whether all are available.

        Idempotent: called until it returns True. Raises RestoreFailed if none can be created.
        """
        existing = {target["SubnetId"]: target for target in _described(self._efs, self._id)}
        refused = [
            planned.subnet
            for planned in self.settings.mount_targets
            if planned.subnet not in existing and not self._create(planned)
        ]
        if len(refused) == len(self.settings.mount_targets):
            raise RestoreFailed(
                f"no mount target of {self._id} can be created in {', '.join(refused)}; see the reasons of "
                f"the session, and redrive it when they are fixed"
            )
        wanted = {planned.subnet for planned in self.settings.mount_targets} - set(refused)
        return all(
            subnet in existing and existing[subnet]["LifeCycleState"] == "available" for subnet in wanted
        )

    def _create(self, planned: NewMountTarget) -> bool:
        return self._try(
            mount_target_part(planned.subnet),
            lambda: self._efs.create_mount_target(
                FileSystemId=self._id,
                SubnetId=planned.subnet,
                SecurityGroups=list(planned.security_groups),
            ),
        )

    def _described(self) -> FileSystemDescriptionTypeDef:
        try:
            return self._efs.describe_file_systems(FileSystemId=self._id)["FileSystems"][0]
        except ClientError as error:
            if code_of(error) == "FileSystemNotFound":
                raise FileSystemNotFound(self._id, self._target.region) from error
            raise

    def _try(self, part: str, call: Callable[[], Mapping[str, Any] | None]) -> bool:
        """Return whether EFS has accepted a call; raise only what is retried."""
        try:
            call()
        except ClientError as error:
            if isinstance(translate(error), AwsThrottled | AwsUnreachable):
                raise
            self._report(part, f"{code_of(error)}: {message_of(error)}")
            return False
        self._report(part, "")
        return True


def mount_target_part(subnet: str) -> str:
    """Return the part under which a refused mount target is reported."""
    return f"mount target in {subnet}"


def _throughput_of(found: FileSystemDescriptionTypeDef) -> tuple[str, float]:
    mode = found.get("ThroughputMode", "bursting")
    return mode, found.get("ProvisionedThroughputInMibps", 0.0) if mode == "provisioned" else 0.0


def _number(text: str) -> float:
    return float(text) if text else 0.0
