"""Legal holds: their recovery points are neither deleted nor expire until the hold is cancelled.

Sources: CreateLegalHold in the API reference ("Any actions to delete or disassociate a recovery point will
fail with an error if one or more active legal holds are on the recovery point"); AWS Backup Developer Guide,
"Legal holds". Assumed, as neither names it: the error InvalidRequestException, which DeleteRecoveryPoint
documents.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from localcloud.backup.errors import InvalidParameterValue, InvalidRequest
from localcloud.backup.listing import page
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.core.cloud import ApiCall, Cloud
from localcloud.core.partitions import regional_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """One hold. Its selection also covers points that are created later."""

    id: str
    account: str
    region: str
    title: str
    description: str
    selection: Mapping[str, Any]
    created_at: datetime
    cancelled_at: datetime | None = None

    def in_list(self) -> dict[str, Any]:
        """Return a member of ListLegalHolds."""
        return {
            "Title": self.title,
            "Status": "ACTIVE" if self.cancelled_at is None else "CANCELED",
            "Description": self.description,
            "LegalHoldId": self.id,
            "LegalHoldArn": regional_arn("backup", self.region, self.account, f"legal-hold:{self.id}"),
            "CreationDate": self.created_at,
            "CancellationDate": self.cancelled_at,
        }

    def holds(self, point: RecoveryPoint) -> bool:
        """Return whether the hold is active and selects a point."""
        if self.cancelled_at or (point.vault.account, point.vault.region) != (self.account, self.region):
            return False
        vaults, resources = (self.selection.get(name) for name in ("VaultNames", "ResourceIdentifiers"))
        if vaults and point.vault.name not in vaults:
            return False
        if resources and point.resource_arn not in resources:
            return False
        dates = self.selection.get("DateRange")
        return not dates or dates["FromDate"] <= point.created_at <= dates["ToDate"]


class LegalHolds:
    """The operations on legal holds."""

    def __init__(self, cloud: Cloud, points: PointsStore) -> None:
        self._cloud, self._points = cloud, points
        self._holds: dict[str, LegalHold] = {}

    def create(self, call: ApiCall) -> dict[str, Any]:
        """Create a hold and return it; without a selection, it holds every point of the Region."""
        hold = LegalHold(
            id=str(uuid.uuid4()),
            account=call.account_id,
            region=call.region,
            title=call.params["Title"],
            description=call.params["Description"],
            selection=call.params.get("RecoveryPointSelection") or {},
            created_at=self._cloud.clock.now(),
        )
        self._holds[hold.id] = hold
        answer = {name: value for name, value in hold.in_list().items() if name != "CancellationDate"}
        return {**answer, "RecoveryPointSelection": call.params.get("RecoveryPointSelection")}

    def cancel(self, call: ApiCall) -> None:
        """Cancel a hold."""
        hold = self._hold(call)
        self._holds[hold.id] = replace(hold, cancelled_at=self._cloud.clock.now())

    def list(self, call: ApiCall) -> dict[str, Any]:
        """Return the holds of the account and Region, also those that are cancelled."""
        here = (call.account_id, call.region)
        found = [each.in_list() for each in self._holds.values() if (each.account, each.region) == here]
        return page(found, call.params, "LegalHolds")

    def list_points(self, call: ApiCall) -> dict[str, Any]:
        """Return the points of a hold; none if it is cancelled."""
        members = [
            {
                "RecoveryPointArn": point.arn,
                "ResourceArn": point.resource_arn,
                "ResourceType": "EFS",
                "BackupVaultName": point.vault.name,
            }
            for point in self._points.where(self._hold(call).holds)
        ]
        return page(members, call.params, "RecoveryPoints")

    def is_held(self, point: RecoveryPoint) -> bool:
        """Return whether an active hold selects a point."""
        return any(hold.holds(point) for hold in self._holds.values())

    def check_deletion(self, point: RecoveryPoint) -> None:
        """Raise InvalidRequest if a hold keeps the point."""
        if self.is_held(point):
            raise InvalidRequest(f"Recovery point {point.arn} is under a legal hold and cannot be deleted")

    def _hold(self, call: ApiCall) -> LegalHold:
        hold = self._holds.get(call.params["LegalHoldId"])
        if hold is None or (hold.account, hold.region) != (call.account_id, call.region):
            raise InvalidParameterValue(f"There is no legal hold {call.params['LegalHoldId']}")
        return hold
