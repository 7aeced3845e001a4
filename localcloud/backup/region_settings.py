"""Service opt-ins of AWS Backup, by account and Region.

Sources: DescribeRegionSettings and UpdateRegionSettings in the API reference; AWS Backup Developer Guide,
"How AWS Backup works with other AWS services": an on-demand backup of a service that is not enabled is an
error. Assumed, as the guide does not name it: InvalidRequestException, which StartBackupJob documents.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from localcloud.backup.errors import InvalidParameterValue, InvalidRequest, MissingParameterValue
from localcloud.core.cloud import ApiCall

# Source: AWS Backup Developer Guide, "Feature availability by resource". Aurora and FSx are off by default.
OPTED_IN = {
    "Aurora": False, "CloudFormation": True, "DocumentDB": True, "DynamoDB": True, "EBS": True, "EC2": True,
    "EFS": True, "FSx": False, "Neptune": True, "RDS": True, "Redshift": True, "S3": True,
    "Storage Gateway": True, "Timestream": True, "VirtualMachine": True,
}  # fmt: skip
MANAGED = {"DynamoDB": True, "EFS": True}


class RegionSettings:
    """DescribeRegionSettings and UpdateRegionSettings."""

    def __init__(self) -> None:
        self._opted_in: defaultdict[tuple[str, str], dict[str, bool]] = defaultdict(lambda: dict(OPTED_IN))

    def describe(self, call: ApiCall) -> dict[str, Any]:
        """Return the opt-ins of the account in the Region."""
        return {
            "ResourceTypeOptInPreference": dict(self._opted_in[call.account_id, call.region]),
            "ResourceTypeManagementPreference": dict(MANAGED),
        }

    def update(self, call: ApiCall) -> None:
        """Change the given opt-ins; raise MissingParameterValue or InvalidParameterValue."""
        wanted = call.params.get("ResourceTypeOptInPreference") or {}
        managed = call.params.get("ResourceTypeManagementPreference") or {}
        if not wanted and not managed:
            raise MissingParameterValue("ResourceTypeOptInPreference: a required parameter is missing")
        unknown = sorted((set(wanted) - set(OPTED_IN)) | (set(managed) - set(MANAGED)))
        if unknown:
            raise InvalidParameterValue(f"Unsupported resource type: {', '.join(unknown)}")
        self._opted_in[call.account_id, call.region].update(wanted)

    def check(self, account: str, region: str, resource_type: str) -> None:
        """Raise InvalidRequest unless AWS Backup is opted in for the resource type."""
        if not self._opted_in[account, region][resource_type]:
            raise InvalidRequest(f"AWS Backup is not opted in for {resource_type} in {region}")
