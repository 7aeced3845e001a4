"""Whether recovery points of a file system exist, in every account and Region.

ListRecoveryPointsByResource lists the points of a file system in all vaults of an account and Region, also in
those that no policy names any more. A listing of vaults could not distinguish a vault that was deleted from
one that may not be listed (vaults.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.aws.clients import Clients
from tidemark.aws.errors import code_of, is_denied
from tidemark.errors import SiteNotAccessible, SiteNotDeployed
from tidemark.sessions.index_retention import PointState
from tidemark.sessions.session import FileSystem, Point

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient

# Returns the clients for the recovery points of an account.
ClientsOf = Callable[[str], Clients]


class HeldPoints:
    """The recovery points of one file system that AWS Backup holds."""

    def __init__(self, clients_of: ClientsOf, file_system: FileSystem) -> None:
        self._clients_of, self._file_system = clients_of, file_system
        self._listed: dict[tuple[str, str], frozenset[str] | None] = {}

    def look_up(self, arns: Collection[str]) -> dict[str, PointState]:
        """Return the state of each point; UNKNOWN if its account and Region cannot be listed."""
        return {arn: self._state(arn) for arn in arns}

    def exists(self, point: Point) -> bool:
        """Return whether a point is in its vault; False also if the vault does not exist or denies access."""
        try:
            self._client(point.account, point.region).describe_recovery_point(
                BackupVaultName=point.vault, RecoveryPointArn=point.recovery_point_arn
            )
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException" or is_denied(error):
                return False
            raise
        return True

    def _state(self, arn: str) -> PointState:
        # arn:aws:backup:<Region>:<account>:recovery-point:<id>
        region, account = arn.split(":")[3:5]
        if (account, region) not in self._listed:
            self._listed[account, region] = self._list(account, region)
        listed = self._listed[account, region]
        if listed is None:
            return PointState.UNKNOWN
        return PointState.LIVING if arn in listed else PointState.GONE

    def _list(self, account: str, region: str) -> frozenset[str] | None:
        """Return the points in an account and Region; None if they cannot be listed."""
        try:
            pages = self._client(account, region).get_paginator("list_recovery_points_by_resource")
            return frozenset(
                point["RecoveryPointArn"]
                for page in pages.paginate(ResourceArn=self._file_system.arn)
                for point in page["RecoveryPoints"]
            )
        except (SiteNotAccessible, SiteNotDeployed):
            return None
        except ClientError as error:
            if not is_denied(error):
                raise
            return None

    def _client(self, account: str, region: str) -> BackupClient:
        return self._clients_of(account).of("backup", region)
