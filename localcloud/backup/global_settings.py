"""The settings of AWS Backup for an organization.

Source: UpdateGlobalSettings and DescribeGlobalSettings in the API reference. Assumed: the names of the errors
among those that the reference lists.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localcloud.backup.errors import InvalidParameterValue, InvalidRequest, MissingParameterValue
from localcloud.core.cloud import ApiCall, Cloud

CROSS_ACCOUNT = "isCrossAccountBackupEnabled"
NAMES = (CROSS_ACCOUNT, "isMpaEnabled", "isDelegatedAdministratorEnabled")


class GlobalSettings:
    """DescribeGlobalSettings and UpdateGlobalSettings."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._values = dict.fromkeys(NAMES, "false")
        self._updated_at = datetime.fromtimestamp(0, UTC)

    @property
    def cross_account_backup(self) -> bool:
        """Whether copies may go to other accounts of the organization."""
        return self._values[CROSS_ACCOUNT] == "true"

    def describe(self, call: ApiCall) -> dict[str, Any]:
        """Return the settings; raises InvalidRequest outside an organization."""
        if self._cloud.accounts.organization_of(call.account_id) is None:
            raise InvalidRequest("The account is not a member of an organization")
        return {"GlobalSettings": dict(self._values), "LastUpdateTime": self._updated_at}

    def update(self, call: ApiCall) -> None:
        """Change settings; raises InvalidRequest except for the management account."""
        if call.account_id != self._cloud.accounts.management_id:
            raise InvalidRequest("The account is not the management account of an organization")
        wanted = call.params.get("GlobalSettings") or {}
        if not wanted:
            raise MissingParameterValue("GlobalSettings: a required parameter is missing")
        unknown = sorted(set(wanted) - set(NAMES))
        if unknown or not set(wanted.values()) <= {"true", "false"}:
            raise InvalidParameterValue(f"Invalid global settings: {wanted}")
        self._values |= wanted
        self._updated_at = self._cloud.clock.now()
