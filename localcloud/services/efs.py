"""EFS: directories of this machine as the content of file systems."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.core.cloud import Cloud
from localcloud.core.partitions import regional_arn
from localcloud.services import access_points, throughput
from localcloud.services.file_system_directories import (
    forget_directory,
    readable_directory,
    remove_private_directories,
    writable_directory,
)
from localcloud.services.networks import private_subnet


def install(cloud: Cloud) -> None:
    """Give mount targets the default security group, and add the controls of file systems."""
    remove_private_directories(cloud)
    _default_security_groups()
    access_points.install()
    throughput.install(cloud)
    _deleted_directories(cloud)

    def file_system_of(params: Mapping[str, Any], account: str, region: str) -> str | None:
        from moto.efs.models import efs_backends

        targets = efs_backends[account][region].mount_targets_by_id
        target = targets.get(str(params.get("MountTargetId")))
        if target is None:
            return None
        resource = f"file-system/{target.file_system_id}"
        return regional_arn("elasticfilesystem", region, account, resource)

    for operation in (
        "DeleteMountTarget",
        "DescribeMountTargets",
        "DescribeMountTargetSecurityGroups",
        "ModifyMountTargetSecurityGroups",
    ):
        cloud.resource_finders["efs", operation] = file_system_of

    def create(value: dict[str, Any]) -> object:
        directory = Path(value["directory"])
        if not directory.is_dir():
            raise ValueError(f"{directory} is not a directory; name an existing one")
        account = cloud.accounts.named(value.get("account", cloud.account_id)).id
        return {"id": create_file_system(cloud, value["name"], directory, value["region"], account)}

    def directories(_: dict[str, Any]) -> object:
        from moto.efs.models import efs_backends

        accounts = [account.id for account in cloud.accounts.all()]
        backends = [backend for account in accounts for backend in list(efs_backends[account].values())]
        ids = [one for backend in backends for one in list(backend.file_systems_by_id)]
        return {one: str(readable_directory(cloud, one)) for one in ids}

    cloud.control("POST", "file-systems", create)
    cloud.control("GET", "file-systems", directories)
    cloud.control(
        "POST", "writable-directory", lambda value: str(writable_directory(cloud, value["file_system"]))
    )


def create_file_system(cloud: Cloud, name: str, directory: Path, region: str, account: str) -> str:
    """Create an EFS file system for `directory`, with a mount target in a private subnet; return its id.

    The subnet reaches AWS's services through a NAT gateway. The id is derived from name, Region and account,
    so that recovery points kept from an earlier run still belong to the file system.
    """
    from moto.efs.models import efs_backends

    backend = efs_backends[account][region]
    file_system = backend.create_file_system(
        creation_token=f"localcloud-{name}",
        performance_mode="generalPurpose",
        encrypted=True,
        kms_key_id=None,
        throughput_mode="elastic",
        provisioned_throughput_in_mibps=None,
        availability_zone_name=None,
        backup=False,
        tags=[],
    )
    place = region if account == cloud.account_id else f"{account}/{region}"
    file_system_id = "fs-" + hashlib.sha256(f"{place}/{name}".encode()).hexdigest()[:17]
    del backend.file_systems_by_id[file_system.file_system_id]
    file_system.file_system_arn = file_system.file_system_arn.replace(
        file_system.file_system_id, file_system_id
    )
    file_system.file_system_id = file_system_id
    arn = regional_arn("elasticfilesystem", region, account, f"file-system/{file_system_id}")
    file_system.file_system_arn = arn
    backend.file_systems_by_id[file_system_id] = file_system
    backend.tagging_service.tag_resource(file_system_id, [{"Key": "Name", "Value": name}])
    cloud.file_systems[file_system_id] = directory.resolve()
    backend.create_mount_target(file_system_id, private_subnet(account, region))
    return file_system_id


def _deleted_directories(cloud: Cloud) -> None:
    """Remove the content of a file system that is deleted."""
    from moto.efs.models import EFSBackend

    delete_file_system = EFSBackend.delete_file_system

    def delete(self: EFSBackend, file_system_id: str) -> None:
        delete_file_system(self, file_system_id)
        forget_directory(cloud, file_system_id)

    EFSBackend.delete_file_system = delete


def _admit_its_members(ec2_backend: Any, group: Any) -> None:
    """Let a default security group admit its own members, as on AWS; moto lacks this rule."""
    if not group.ingress_rules:
        ec2_backend.authorize_security_group_ingress(
            group.id,
            ip_protocol="-1",
            from_port=None,
            to_port=None,
            ip_ranges=[],
            source_groups=[{"GroupId": group.id}],
        )


def _default_security_groups() -> None:
    """Give a mount target without security groups the default one of its VPC.

    The API documents this; moto leaves them None, and DescribeMountTargetSecurityGroups returns null.
    """
    from moto.efs.models import EFSBackend

    create_mount_target = EFSBackend.create_mount_target

    def create(
        self: EFSBackend,
        file_system_id: str,
        subnet_id: str,
        ip_address: str | None = None,
        security_groups: list[str] | None = None,
    ) -> object:
        if not security_groups:
            subnet = self.ec2_backend.get_subnet(subnet_id)
            group = self.ec2_backend.get_default_security_group(subnet.vpc_id)
            _admit_its_members(self.ec2_backend, group)
            security_groups = [group.id]
        return create_mount_target(self, file_system_id, subnet_id, ip_address, security_groups)

    EFSBackend.create_mount_target = create
