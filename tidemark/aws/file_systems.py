"""Lists the file systems of an account and Region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidemark.aws.workers import TEMPORARY_TAG
from tidemark.policy.selection import FoundFileSystem

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient

# File systems that exist for hours only. Source of the second: AWS Backup Developer Guide, "Restore testing".
_SHORT_LIVED = frozenset({TEMPORARY_TAG, "awsbackup-restore-test"})
_USABLE = frozenset({"available", "updating"})  # source: DescribeFileSystems, LifeCycleState


def existing_file_systems(efs: EFSClient, place: str) -> Iterator[FoundFileSystem]:
    """Yield the file systems of a Region with their tags; `place` precedes their ids in stored policies.

    Without those of drills and restore tests, and those that are being created or deleted.
    """
    for page in efs.get_paginator("describe_file_systems").paginate():
        for each in page["FileSystems"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            if each["LifeCycleState"] in _USABLE and not _SHORT_LIVED & tags.keys():
                yield FoundFileSystem(f"{place}{each['FileSystemId']}", tags)
