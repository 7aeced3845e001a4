"""The metadata of restore jobs for EFS.

Source: AWS Backup Developer Guide, "Restore an Amazon EFS file system", which documents the keys, that
`file-system-id` is ignored for a new file system, that KmsKeyId requires Encrypted, and that One Zone file
systems have no maxIO mode. Paths in ItemsToRestore start at the root of the file system, and contain no
wildcards: every character stands for itself.

Item limits differ: the guide and the API reference name five, the guide also names ten for the console, and
no limit for the CLI. The default here is the strictest; `POST /_localcloud/restore-items {"most": 10}` sets
another, null removes it. The length of the metadata, 200 KB, is always limited.

Observed (github.com/aws/aws-cli/issues/4467): a request for a new file system without CreationToken is
accepted, and its job fails. Assumed: AWS Backup refuses keys that it does not know, values that are not
Boolean, and `.`, `..` and empty components of paths. A misspelled ItemsToRestore would otherwise restore
everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.backup.errors import InvalidParameterValue

MOST_ITEMS = 5
LONGEST_METADATA = 200_000  # bytes; "200 KB"
PERFORMANCE_MODES = ("generalPurpose", "maxIO")
KEYS = {
    "file-system-id",
    "newFileSystem",
    "Encrypted",
    "KmsKeyId",
    "PerformanceMode",
    "CreationToken",
    "ItemsToRestore",
    "singleAzFilesystem",
    "availabilityZoneName",
    "aws:backup:request-id",
}


@dataclass(slots=True, kw_only=True)
class ItemLimit:
    """The number of items that a restore job may have; None for any number."""

    most: int | None = MOST_ITEMS

    def set(self, value: Mapping[str, Any]) -> None:
        """Change the limit; raises ValueError for anything but a positive number or null."""
        most = value.get("most")
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            raise ValueError('the limit must be {"most": number} with a number above 0, or {"most": null}')
        self.most = most


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFileSystem:
    """The file system that a restore job creates."""

    creation_token: str | None  # None fails the job
    performance_mode: str
    encrypted: bool
    kms_key_id: str | None
    availability_zone: str | None  # of a One Zone file system


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTarget:
    """Where and what a job restores; either `file_system_id` or `new`."""

    file_system_id: str | None
    new: NewFileSystem | None
    items: tuple[str, ...]  # relative to the root; empty: everything


def read_metadata(metadata: Mapping[str, str], limit: ItemLimit) -> RestoreTarget:
    """Return the target in StartRestoreJob's metadata; raises InvalidParameterValue."""
    length = sum(len(text.encode(errors="replace")) for pair in metadata.items() for text in pair)
    if length > LONGEST_METADATA:
        raise InvalidParameterValue(f"The metadata has {length:,} bytes; the limit is {LONGEST_METADATA:,}")
    unknown = sorted(set(metadata) - KEYS)
    if unknown:
        raise InvalidParameterValue(f"Metadata contains unsupported keys: {', '.join(unknown)}")
    items = read_items(metadata, limit)
    if _boolean(metadata, "newFileSystem"):
        return RestoreTarget(file_system_id=None, new=_new_file_system(metadata), items=items)
    if not metadata.get("file-system-id"):
        raise InvalidParameterValue("Metadata lacks file-system-id")
    return RestoreTarget(file_system_id=metadata["file-system-id"], new=None, items=items)


def read_items(metadata: Mapping[str, str], limit: ItemLimit) -> tuple[str, ...]:
    """Return the paths of ItemsToRestore, relative to the file system's root; empty means everything.

    Raises InvalidParameterValue unless it is a JSON array of paths below the root, of at most `limit`.
    """
    if "ItemsToRestore" not in metadata:
        return ()
    try:
        items = json.loads(metadata["ItemsToRestore"])
    except ValueError:
        items = None
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        raise InvalidParameterValue("ItemsToRestore must be a string that contains a JSON array of paths")
    if limit.most is not None and len(items) > limit.most:
        raise InvalidParameterValue(f"ItemsToRestore can have at most {limit.most} items, not {len(items)}")
    return tuple(map(_relative, items))


def _relative(item: str) -> str:
    path = item.removeprefix("/").removesuffix("/")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise InvalidParameterValue(f"ItemsToRestore contains {item!r}, which is not a path below the root")
    if "\0" in path or any("\ud800" <= character <= "\udfff" for character in path):
        # JSON can express half of a surrogate pair, but such a string is not Unicode text: the bytes of a
        # name that is not UTF-8 cannot be sent.
        raise InvalidParameterValue(f"ItemsToRestore contains {item!r}, which is not valid text")
    return path


def _new_file_system(metadata: Mapping[str, str]) -> NewFileSystem:
    if "Encrypted" not in metadata:
        raise InvalidParameterValue("Metadata for a new file system lacks Encrypted")
    encrypted, key = _boolean(metadata, "Encrypted"), metadata.get("KmsKeyId") or None
    if key and not encrypted:
        raise InvalidParameterValue("Encrypted must be true if KmsKeyId is specified")
    mode = metadata.get("PerformanceMode", "generalPurpose")
    if mode not in PERFORMANCE_MODES:
        raise InvalidParameterValue(f"PerformanceMode must be {' or '.join(PERFORMANCE_MODES)}, not {mode!r}")
    zone = metadata.get("availabilityZoneName") or None
    if _boolean(metadata, "singleAzFilesystem") != (zone is not None):
        raise InvalidParameterValue("singleAzFilesystem and availabilityZoneName require each other")
    if zone and mode == "maxIO":
        raise InvalidParameterValue("One Zone file systems do not support the PerformanceMode maxIO")
    return NewFileSystem(
        creation_token=metadata.get("CreationToken") or None,
        performance_mode=mode,
        encrypted=encrypted,
        kms_key_id=key,
        availability_zone=zone,
    )


def _boolean(metadata: Mapping[str, str], name: str) -> bool:
    value = metadata.get(name, "false").lower()
    if value not in ("true", "false"):
        raise InvalidParameterValue(f"{name} must be true or false, not {metadata[name]!r}")
    return value == "true"
