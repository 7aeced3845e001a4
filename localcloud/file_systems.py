"""EFS: directories of this machine as the content of file systems."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from localcloud.clients import Clients
from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Give mount targets the default security group, and file systems a directory when asked."""
    _default_security_groups()

    def create(value: dict[str, Any]) -> object:
        directory = Path(value["directory"])
        if not directory.is_dir():
            raise ValueError(f"{directory} is not a directory; name an existing one")
        return {"id": create_file_system(cloud, value["name"], directory, value["region"])}

    cloud.control("POST", "file-systems", create)


def create_file_system(cloud: Cloud, name: str, directory: Path, region: str) -> str:
    """Return the id of a new EFS file system that holds `directory`, with a mount target in the default VPC.

    The id follows from name and Region, so that recovery points kept from an earlier run still belong to it.
    """
    from moto.efs.models import efs_backends

    clients = Clients(cloud)
    efs, ec2 = clients.get("efs", region), clients.get("ec2", region)
    made = efs.create_file_system(
        CreationToken=f"localcloud-{name}", Encrypted=True, Tags=[{"Key": "Name", "Value": name}]
    )
    file_system_id = "fs-" + hashlib.sha256(f"{region}/{name}".encode()).hexdigest()[:17]
    backend = efs_backends[cloud.account_id][region]
    file_system = backend.file_systems_by_id.pop(made["FileSystemId"])
    file_system.file_system_id = file_system_id
    backend.file_systems_by_id[file_system_id] = file_system
    cloud.file_systems[file_system_id] = directory.resolve()
    subnet = min(ec2.describe_subnets()["Subnets"], key=lambda one: str(one["AvailabilityZone"]))
    _admit_members_of_the_default_group(ec2, subnet["VpcId"])
    efs.create_mount_target(FileSystemId=file_system_id, SubnetId=subnet["SubnetId"])
    return file_system_id


def _admit_members_of_the_default_group(ec2: Any, vpc_id: str) -> None:
    """Give the VPC's default security group its own rule: it admits itself. moto leaves that out."""
    only_default = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=only_default)["SecurityGroups"]
    if not group["IpPermissions"]:
        itself = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[itself])


def _default_security_groups() -> None:
    """Make a mount target without security groups take its VPC's default one.

    As the API documents it; moto leaves them None, and DescribeMountTargetSecurityGroups answers null.
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
            security_groups = [group.id]
        return create_mount_target(self, file_system_id, subnet_id, ip_address, security_groups)

    EFSBackend.create_mount_target = create
