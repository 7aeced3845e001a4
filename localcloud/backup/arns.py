"""Parses and creates the ARNs in AWS Backup's operations."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from localcloud.backup.errors import InvalidParameterValue
from localcloud.core.partitions import partition_of, regional_arn

AUTOMATIC_VAULT = "aws/efs/automatic-backup-vault"  # the only vault whose name contains slashes
ROLE = re.compile(
    r"^arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/(?P<path>.*/)?(?P<name>[\w+=,.@-]{1,64})$"
)


@dataclass(frozen=True, slots=True)
class VaultArn:
    """arn:PARTITION:backup:REGION:ACCOUNT:backup-vault:NAME"""

    region: str
    account: str
    name: str

    def __str__(self) -> str:
        return regional_arn("backup", self.region, self.account, f"backup-vault:{self.name}")


@dataclass(frozen=True, slots=True)
class FileSystemArn:
    """arn:PARTITION:elasticfilesystem:REGION:ACCOUNT:file-system/ID"""

    region: str
    account: str
    id: str

    def __str__(self) -> str:
        return regional_arn("elasticfilesystem", self.region, self.account, f"file-system/{self.id}")


def parse_vault_arn(text: str) -> VaultArn:
    """Return the parts; raises InvalidParameterValue."""
    name = f"[a-zA-Z0-9_-]{{2,50}}|{AUTOMATIC_VAULT}"
    return VaultArn(*_match(rf"backup:([a-z0-9-]+):([0-9]{{12}}):backup-vault:({name})", text))


def parse_file_system_arn(text: str) -> FileSystemArn:
    """Return the parts; raises InvalidParameterValue unless it is the ARN of a file system."""
    pattern = r"elasticfilesystem:([a-z0-9-]+):([0-9]{12}):file-system/(fs-[0-9a-f]{8,40})"
    return FileSystemArn(*_match(pattern, text))


def check_recovery_point_arn(text: str) -> None:
    """Raise InvalidParameterValue unless it is the ARN of a recovery point."""
    _match(r"backup:([a-z0-9-]+):([0-9]{12}):recovery-point:([0-9A-Fa-f-]{36})", text)


def new_recovery_point_arn(region: str, account: str) -> str:
    """Return the ARN of a recovery point that does not exist yet."""
    return regional_arn("backup", region, account, f"recovery-point:{uuid.uuid4()}")


def _match(pattern: str, text: str) -> tuple[str, ...]:
    """Return the groups of `pattern`; the first is the Region, which must be in the ARN's partition."""
    found = re.fullmatch(rf"arn:(aws[a-z-]*):{pattern}", text)
    if found is None or found.group(1) != partition_of(found.group(2)):
        raise InvalidParameterValue(f"Invalid ARN: {text!r}")
    return found.groups()[1:]
