"""EFS: DeleteFileSystemPolicy, which moto lacks. Source: EFS API Reference, DeleteFileSystemPolicy."""

from __future__ import annotations

from localcloud.core.cloud import ApiCall, AwsError, Cloud


def install(cloud: Cloud) -> None:
    """Add the operation."""
    cloud.answer("efs", DeleteFileSystemPolicy=_delete)


def _delete(call: ApiCall) -> None:
    from moto.efs.models import efs_backends

    file_systems = efs_backends[call.account_id][call.region].file_systems_by_id
    file_system_id = str(call.params["FileSystemId"])
    if file_system_id not in file_systems:
        raise AwsError("FileSystemNotFound", f"File system {file_system_id} does not exist.")
    file_systems[file_system_id].file_system_policy = None
