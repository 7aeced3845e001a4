"""File systems that a drill or a restore test has created, and their removal.

EFS deletes no file system that has mount targets, and deletes mount targets asynchronously.
Source: EFS API Reference, DeleteFileSystem and DeleteMountTarget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient

_GONE = {"FileSystemNotFound", "MountTargetNotFound"}


def remove_mount_targets(efs: EFSClient, file_system_id: str) -> bool:
    """Delete the mount targets of a file system; return whether none is left.

    Idempotent: called until it returns True, also for a file system that no longer exists. Raises ClientError
    with IncorrectFileSystemLifeCycleState while the file system is being created.
    """
    try:
        pages = efs.get_paginator("describe_mount_targets").paginate(FileSystemId=file_system_id)
        targets = [target for page in pages for target in page["MountTargets"]]
    except ClientError as error:
        if code_of(error) in _GONE:
            return True
        raise
    for target in targets:
        if target["LifeCycleState"] in ("deleting", "deleted"):
            continue
        try:
            efs.delete_mount_target(MountTargetId=target["MountTargetId"])
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
    return not targets


def remove_file_system(efs: EFSClient, file_system_id: str) -> bool:
    """Delete a file system with its mount targets; return whether its deletion has begun.

    Idempotent: called until it returns True.
    """
    if not remove_mount_targets(efs, file_system_id):
        return False
    try:
        efs.delete_file_system(FileSystemId=file_system_id)
    except ClientError as error:
        if code_of(error) == "FileSystemInUse":  # a mount target whose deletion is not visible everywhere
            return False
        if code_of(error) not in _GONE:
            raise
    return True
