"""Names for directories in commands: access points, and the volume claims of Kubernetes.

    accesspoint:NAME[:/PATH]          the access point with this Name tag
    accesspoint:fsap-ID[:/PATH]       the access point with this id, also as fs-ID::fsap-ID
    pvc:[NAMESPACE/]NAME[:/PATH]      the access point whose tags name this claim

A path from the root begins with a slash, so it is none of these, even if a directory is called `pvc:x`. The
name ends at the first `:/`. In a name, `\\x3a` is a colon and `\\x2f` a slash, as in printed paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tidemark.answers.requests import InvalidRequest
from tidemark.answers.text import quoted, typed, visible
from tidemark.errors import AccessPointNotFound, NoCredentials, NotDeployed
from tidemark.escape import escape

if TYPE_CHECKING:  # a local repository needs none of the AWS SDK
    from tidemark.answers.connection import Connection
    from tidemark.aws.access_points import AccessPoint

PATH_FORMS = "PATH may be accesspoint:NAME[:/PATH] or pvc:[NAMESPACE/]NAME[:/PATH]; see: access-points."
ACCESS_POINT_FIELDS = "access_point_id, file_system, name, root_directory, pvc_namespace, pvc_name"
_LISTED = 10  # names in a message

_ID = re.compile(r"(?:(?P<file_system>fs-[0-9a-f]{8,40})::)?(?P<id>fsap-[0-9a-f]{8,40})")
_LABEL = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"  # RFC 1123, as Kubernetes checks names
_CLAIM = re.compile(rf"(?:(?P<namespace>{_LABEL})/)?(?P<name>{_LABEL})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A path of a file system, and the access point by which the user named it."""

    path: str  # escaped; from the root if an access point was named, otherwise as typed
    named: str | None = None  # the name, without the path below
    access_point: AccessPoint | None = None

    @property
    def from_root(self) -> str:
        """The path with one slash at the beginning and none at the end."""
        return "/" + self.path.strip("/")

    @property
    def json(self) -> dict[str, Any] | None:
        """ACCESS_POINT_FIELDS, or None for a path from the root."""
        return None if self.access_point is None else access_point_json(self.access_point)

    @property
    def line(self) -> str | None:
        """The directory that a name stands for; None for a path from the root."""
        if self.named is None or self.access_point is None:
            return None
        root = escape(self.access_point.root_directory.encode())
        return f"{self.named} = {self.access_point.file_system_id}:{root}"


def is_name(text: str) -> bool:
    """Return whether the text names an access point or a claim, and is not a path from the root."""
    return text.startswith(("accesspoint:", "pvc:"))


class DirectoryNames:
    """Resolves names with the deployment's credentials; connects only if there is a name to resolve."""

    def __init__(self, repository_url: str | None = None) -> None:
        self._url = repository_url
        self._found: dict[str | None, list[AccessPoint]] = {}

    def resolve(self, text: str, file_system_id: str | None = None) -> Directory:
        """Return the directory of a path or name, in this file system or in those of all policies.

        Raises AccessPointNotFound, and InvalidRequest for a malformed name, for a name of several access
        points, and if a repository URL was given; also the errors of `connect`.
        """
        if not is_name(text):
            return Directory(path=escape(typed(text)))
        if self._url is not None:
            raise InvalidRequest(
                f"{quoted(text)} can be resolved only through a deployment; with --repository, name "
                f"a path from the root, such as /home"
            )
        kind, _, rest = text.partition(":")
        name, _, below = rest.partition(":/")
        named = f"{kind}:{name}"
        matching = self._claims(name, text, file_system_id) if kind == "pvc" else None
        if matching is None:
            matching = self._access_points(name, text, file_system_id)
        if len(matching) > 1:
            raise InvalidRequest(
                f"{quoted(named)} names {len(matching)} access points; choose one of:\n{_listed(matching)}"
            )
        root = escape(matching[0].root_directory.encode())
        below = escape(typed(below))
        path = f"{root.rstrip('/')}/{below}" if below else root
        return Directory(path=path, named=named, access_point=matching[0])

    def all_in(self, file_system_id: str | None) -> list[AccessPoint]:
        """Return the access points of a file system, or of all file systems of the deployment's policies."""
        from tidemark.aws.access_points import access_points_of, all_access_points

        if file_system_id not in self._found:
            client = self._connection.clients.of("efs", self._connection.resources.region)
            if file_system_id is None:
                known = self._connection.file_system_ids()
                found = [each for each in all_access_points(client) if each.file_system_id in known]
            else:
                found = access_points_of(client, file_system_id)
            self._found[file_system_id] = found
        return self._found[file_system_id]

    @cached_property
    def _connection(self) -> Connection:
        from tidemark.answers.connection import connect

        try:
            return connect()
        except (NoCredentials, NotDeployed) as error:
            error.add_note("without a deployment, name a path from the root, such as /home")
            raise

    def _access_points(self, name: str, text: str, file_system_id: str | None) -> list[AccessPoint]:
        by_id = _ID.fullmatch(name)
        if by_id is not None:
            return [self._by_id(by_id["id"], by_id["file_system"], file_system_id)]
        wanted = typed(name)
        if not wanted:
            raise InvalidRequest(f"{quoted(text)} names no access point; {PATH_FORMS}")
        found = self.all_in(file_system_id)
        matching = [each for each in found if each.name is not None and each.name.encode() == wanted]
        if not matching:
            hint = "; write a path below an access point after :/" if "/" in name else ""
            raise _not_found(f"no access point is named {quoted(name)}", hint, found, file_system_id)
        return matching

    def _by_id(self, access_point_id: str, named: str | None, file_system_id: str | None) -> AccessPoint:
        from tidemark.aws.access_points import access_point_if_any

        client = self._connection.clients.of("efs", self._connection.resources.region)
        found = access_point_if_any(client, access_point_id)
        if found is None:
            raise _not_found(
                f"{access_point_id} does not exist", "", self.all_in(file_system_id), file_system_id
            )
        for expected in (named, file_system_id):
            if expected not in (None, found.file_system_id):
                raise AccessPointNotFound(
                    f"{access_point_id} is an access point of {found.file_system_id}, not of {expected}; "
                    f"list those of {expected} with: tidemark access-points --file-system {expected}"
                )
        return found

    def _claims(self, name: str, text: str, file_system_id: str | None) -> list[AccessPoint]:
        claim = _CLAIM.fullmatch(name)
        if claim is None:
            raise InvalidRequest(
                f"{quoted(text)} names no claim of Kubernetes; write pvc:[NAMESPACE/]NAME[:/PATH]"
            )
        found = self.all_in(file_system_id)
        matching = [
            each
            for each in found
            if each.pvc_name == claim["name"] and claim["namespace"] in (None, each.pvc_namespace)
        ]
        if not matching:
            hint = (
                "; the EFS CSI driver does not set these tags by default, so use the volume handle instead: "
                "accesspoint:fs-ID::fsap-ID"
            )
            what = f"no access point has the tags of the claim {visible(name)}"
            raise _not_found(what, hint, [each for each in found if each.pvc_name], file_system_id)
        return matching


def name_of(point: AccessPoint) -> str:
    """Return the name that a command resolves to this access point, if it is unique."""
    if point.name is None or _ID.fullmatch(point.name):
        return f"accesspoint:{point.access_point_id}"
    return "accesspoint:" + visible(escape(point.name.encode())).replace(":/", r"\x3a/")


def claim_of(point: AccessPoint) -> str | None:
    """Return the name of the claim, or None if the tags name none."""
    if point.pvc_name is None:
        return None
    return f"pvc:{point.pvc_namespace}/{point.pvc_name}" if point.pvc_namespace else f"pvc:{point.pvc_name}"


def access_point_json(point: AccessPoint) -> dict[str, Any]:
    """Return ACCESS_POINT_FIELDS of an access point."""
    return {
        "access_point_id": point.access_point_id,
        "file_system": point.file_system_id,
        "name": point.name,
        "root_directory": point.root_directory,
        "pvc_namespace": point.pvc_namespace,
        "pvc_name": point.pvc_name,
    }


def _listed(points: Iterable[AccessPoint]) -> str:
    """Return lines with the id, the names and the directory of each access point, a limited number."""
    lines = []
    for point in points:
        names = [name_of(point) if point.name is not None else None, claim_of(point)]
        root = escape(point.root_directory.encode())
        place = f"{point.file_system_id}:{root}"
        known = ", ".join([*(name for name in names if name is not None), place])
        lines.append(visible(f"  accesspoint:{point.access_point_id} ({known})"))
    more = len(lines) - _LISTED
    return "\n".join([*lines[:_LISTED], *([f"  and {more} more"] if more > 0 else [])])


def _not_found(
    what: str, hint: str, found: list[AccessPoint], file_system_id: str | None
) -> AccessPointNotFound:
    where = file_system_id or "the file systems of the policies"
    existing = f"; choose one of:\n{_listed(found)}\n" if found else ". "
    return AccessPointNotFound(
        f"{what} in {where}{hint}{existing}Indexes still contain the directory of a deleted access point; "
        f"look for it with: tidemark ls {file_system_id or 'FILE-SYSTEM'}:/"
    )
