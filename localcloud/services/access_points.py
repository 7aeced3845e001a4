"""EFS access points, as the API documents them: unique client tokens, validated directories, pages.

Source: Amazon EFS API Reference, CreateAccessPoint, DescribeAccessPoints, DeleteAccessPoint; the shapes are
those of botocore's model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.efs.models import AccessPoint, EFSBackend
    from moto.efs.responses import EFSResponse

_PATH = re.compile(r"/|(/(?!\.)[^$#<>;`|&?{}^*/\n]+){1,4}")
_LONGEST_PATH = 100
_PERMISSIONS = re.compile("[0-7]{3,4}")
_LARGEST_ID = 2**32 - 1
_SECONDARY_GROUPS = 16
_PAGE = 100
_JSON = {"Content-Type": "application/json"}


def install() -> None:
    """Let access points of moto behave as documented."""
    from moto.efs.models import AccessPoint, EFSBackend
    from moto.efs.responses import EFSResponse

    describe = AccessPoint.info_json
    create = EFSBackend.create_access_point
    delete = EFSBackend.delete_access_point

    def info_json(self: AccessPoint) -> dict[str, Any]:
        described = {**describe(self), "RootDirectory": {"Path": "/", **self.root_directory}}
        # A later TagResource renames the access point; moto keeps the first name.
        described["Name"] = next((tag["Value"] for tag in described["Tags"] if tag["Key"] == "Name"), None)
        return {name: value for name, value in described.items() if value is not None}

    def create_access_point(
        self: EFSBackend,
        client_token: str,
        tags: list[dict[str, str]],
        file_system_id: str,
        posix_user: dict[str, Any] | None,
        root_directory: dict[str, Any] | None,
    ) -> AccessPoint:
        from moto.efs.exceptions import FileSystemNotFound

        file_system_id = _id(file_system_id)
        if file_system_id not in self.file_systems_by_id:
            raise FileSystemNotFound(file_system_id)
        _check(posix_user or {}, root_directory or {})
        for existing in self.access_points.values():
            if existing.client_token == client_token:
                raise _already_exists(existing.access_point_id)
        return create(self, client_token, tags, file_system_id, posix_user or None, root_directory or {})

    def delete_access_point(self: EFSBackend, access_point_id: str) -> None:
        from moto.efs.exceptions import AccessPointNotFound

        if _id(access_point_id) not in self.access_points:
            raise AccessPointNotFound(access_point_id)
        delete(self, _id(access_point_id))

    def respond_described(self: EFSResponse) -> Any:
        return json.dumps(_page(self.efs_backend, self._get_param)), _JSON

    def respond_deleted(self: EFSResponse) -> Any:
        self.efs_backend.delete_access_point(self._get_param("AccessPointId"))
        return "", {**_JSON, "status": 204}

    AccessPoint.info_json = info_json
    EFSBackend.create_access_point = create_access_point
    EFSBackend.delete_access_point = delete_access_point
    EFSResponse.describe_access_points = respond_described
    EFSResponse.delete_access_point = respond_deleted


def _page(backend: EFSBackend, parameter: Any) -> dict[str, Any]:
    from moto.efs.exceptions import BadRequest, FileSystemNotFound

    access_point_id, file_system_id = parameter("AccessPointId"), parameter("FileSystemId")
    most, token = int(parameter("MaxResults") or _PAGE), parameter("NextToken")
    if access_point_id and file_system_id:
        raise BadRequest("AccessPointId and FileSystemId are mutually exclusive.")
    if file_system_id and _id(file_system_id) not in backend.file_systems_by_id:
        raise FileSystemNotFound(file_system_id)
    found = backend.describe_access_points(
        _id(access_point_id) if access_point_id else None, _id(file_system_id) if file_system_id else None
    )
    # Ids in order, so that a page begins at the same place if access points were deleted meanwhile.
    rest = sorted(
        (each for each in found if not token or each.access_point_id > token),
        key=lambda each: each.access_point_id,
    )
    page: dict[str, Any] = {"AccessPoints": [each.info_json() for each in rest[:most]]}
    if len(rest) > most:
        page["NextToken"] = rest[most - 1].access_point_id
    return page


def _check(user: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    from moto.efs.exceptions import BadRequest

    path = root.get("Path", "/")
    if not _PATH.fullmatch(path) or len(path) > _LONGEST_PATH:
        raise BadRequest(f"RootDirectory.Path '{path}' is not a path of at most four directories.")
    creation = root.get("CreationInfo")
    if creation is not None and not _PERMISSIONS.fullmatch(str(creation.get("Permissions"))):
        raise BadRequest("CreationInfo.Permissions is not an octal mode.")
    groups = user.get("SecondaryGids") or []
    ids = [user.get("Uid"), user.get("Gid"), *groups] if user else []
    ids += [creation.get("OwnerUid"), creation.get("OwnerGid")] if creation is not None else []
    if not all(isinstance(each, int) and 0 <= each <= _LARGEST_ID for each in ids):
        raise BadRequest("A user or group id is missing, or is not between 0 and 4294967295.")
    if len(groups) > _SECONDARY_GROUPS:
        raise BadRequest(f"SecondaryGids has more than {_SECONDARY_GROUPS} groups.")


def _already_exists(access_point_id: str) -> Exception:
    from moto.efs.exceptions import EFSError

    error: Any = EFSError(
        "AccessPointAlreadyExists", "An access point with this client token already exists."
    )
    error.code = 409
    error.description = json.dumps({**json.loads(error.description), "AccessPointId": access_point_id})
    return error  # type: ignore[no-any-return]  # moto has no types


def _id(id_or_arn: str) -> str:
    return id_or_arn.rpartition("/")[2]
