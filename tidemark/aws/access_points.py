"""Lists EFS access points, and the Kubernetes volume claims that their tags name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.errors import code_of
from tidemark.errors import FileSystemNotFound

if TYPE_CHECKING:
    from mypy_boto3_efs import EFSClient
    from mypy_boto3_efs.type_defs import AccessPointDescriptionTypeDef

# The tags by which CSI drivers mark a volume with its claim. The EFS CSI driver sets only tags of its own
# configuration (source: its pkg/driver/access_point_provisioner.go), so administrators add these.
CLAIM_NAMESPACE = "kubernetes.io/created-for/pvc/namespace"
CLAIM_NAME = "kubernetes.io/created-for/pvc/name"
_GONE = {"deleting", "deleted"}  # source: AccessPointDescription, LifeCycleState


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPoint:
    """An access point: a name for a directory of a file system."""

    access_point_id: str
    file_system_id: str
    name: str | None  # its Name tag: free text, not unique
    root_directory: str  # from the root of the file system, without a slash at the end; "/" is the root
    pvc_namespace: str | None
    pvc_name: str | None


def access_points_of(client: EFSClient, file_system_id: str) -> list[AccessPoint]:
    """Return the access points of a file system by root directory; raise FileSystemNotFound."""
    try:
        pages = client.get_paginator("describe_access_points").paginate(FileSystemId=file_system_id)
        return _sorted([each for page in pages for each in page["AccessPoints"]])
    except ClientError as error:
        if code_of(error) == "FileSystemNotFound":
            raise FileSystemNotFound(file_system_id, client.meta.region_name) from error
        raise


def all_access_points(client: EFSClient) -> list[AccessPoint]:
    """Return all access points of the account in the client's Region, by file system and root directory."""
    pages = client.get_paginator("describe_access_points").paginate()
    return _sorted([each for page in pages for each in page["AccessPoints"]])


def access_point_if_any(client: EFSClient, access_point_id: str) -> AccessPoint | None:
    """Return the access point with this id, or None if there is none."""
    try:
        answer = client.describe_access_points(AccessPointId=access_point_id)
    except ClientError as error:
        if code_of(error) == "AccessPointNotFound":
            return None
        raise
    return next(iter(_sorted(answer["AccessPoints"])), None)


def _sorted(described: list[AccessPointDescriptionTypeDef]) -> list[AccessPoint]:
    found = [_access_point(each) for each in described if each.get("LifeCycleState") not in _GONE]
    return sorted(found, key=lambda one: (one.file_system_id, one.root_directory, one.access_point_id))


def _access_point(described: AccessPointDescriptionTypeDef) -> AccessPoint:
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    path = described.get("RootDirectory", {}).get("Path", "/")
    return AccessPoint(
        access_point_id=described["AccessPointId"],
        file_system_id=described["FileSystemId"].rpartition("/")[2],  # the model allows an ARN
        name=tags.get("Name") or described.get("Name") or None,
        root_directory="/" + path.strip("/"),
        pvc_namespace=tags.get(CLAIM_NAMESPACE) or None,
        pvc_name=tags.get(CLAIM_NAME) or None,
    )
