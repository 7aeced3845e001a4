"""Operations on recovery points, their tags and their vaults."""

from __future__ import annotations

from typing import Any

from moto.backup.models import backup_backends

from localcloud.backup.air_gapped_vaults import check_deletion
from localcloud.backup.arns import (
    VaultArn,
    check_recovery_point_arn,
    parse_file_system_arn,
    parse_vault_arn,
)
from localcloud.backup.engine import JobEngine
from localcloud.backup.errors import (
    AccessDenied,
    InvalidParameterValue,
    InvalidRequest,
    InvalidResourceState,
    ResourceNotFound,
)
from localcloud.backup.jobs import BackupJob
from localcloud.backup.legal_holds import LegalHolds
from localcloud.backup.lifecycle import calculated_lifecycle, check_cold_change, check_lifecycle
from localcloud.backup.listing import page
from localcloud.backup.points_store import PointsStore
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.tags import check_resource_tags
from localcloud.backup.vaults import (
    INSUFFICIENT,
    check_lock,
    check_unlocked,
    describe_vault,
    vault_by_its_policy,
    vault_named,
    vault_type,
)
from localcloud.core.cloud import ApiCall

Answer = dict[str, Any]


class PointOperations:
    """Operations on recovery points and vaults."""

    def __init__(self, engine: JobEngine, points: PointsStore, holds: LegalHolds) -> None:
        self.engine, self.points, self.holds = engine, points, holds

    def describe_recovery_point(self, call: ApiCall) -> Answer:
        """Return a recovery point."""
        return self._point(call).description()

    def list_by_vault(self, call: ApiCall) -> Answer:
        """Return the points in a vault, newest first."""
        points = self.points.in_vault(self._vault(call))
        return page([point.in_vault_list() for point in points], call.params, "RecoveryPoints")

    def list_by_resource(self, call: ApiCall) -> Answer:
        """Return the points of a file system in vaults of this Region, newest first."""
        parse_file_system_arn(call.params["ResourceArn"])
        points = [p for p in self._points_here(call) if p.resource_arn == call.params["ResourceArn"]]
        return page([point.in_resource_list() for point in points], call.params, "RecoveryPoints")

    def delete_recovery_point(self, call: ApiCall) -> None:
        """Delete a point and its bytes."""
        point = self._point(call)
        # The engine's jobs are checked too: a job that is about to end settles its point first.
        making = {job.point_arn for job in self.engine.all(BackupJob) if job.unfinished}
        if not point.finished or point.arn in making:
            raise InvalidResourceState(f"The recovery point is {point.status} and cannot be deleted now")
        check_deletion(point, self.engine.cloud.clock.now())
        check_lock(point.vault)
        self.holds.check_deletion(point)
        self.points.remove(point)

    def update_lifecycle(self, call: ApiCall) -> Answer:
        """Change the lifecycle of a point."""
        point, lifecycle = self._point(call), call.params.get("Lifecycle") or {}
        check_lifecycle(lifecycle)
        check_unlocked(point.vault)
        check_cold_change(point.created_at, point.lifecycle, lifecycle, self.engine.cloud.clock.now())
        self.points.change(point.arn, lifecycle=lifecycle)
        return {
            "BackupVaultArn": str(point.vault),
            "RecoveryPointArn": point.arn,
            "Lifecycle": lifecycle,
            "CalculatedLifecycle": calculated_lifecycle(point.created_at, lifecycle),
        }

    def restore_metadata(self, call: ApiCall) -> Answer:
        """Return the part of StartRestoreJob's metadata that is known from the backup."""
        point = self._point(call)
        file_system = parse_file_system_arn(point.resource_arn)
        return {
            "BackupVaultArn": str(point.vault),
            "RecoveryPointArn": point.arn,
            "RestoreMetadata": point.restore_metadata or {"file-system-id": file_system.id},
            "ResourceType": "EFS",
        }

    def protected_resources(self, call: ApiCall) -> Answer:
        """Return the file systems that have points in this Region, each with its newest point."""
        newest: dict[str, RecoveryPoint] = {}
        for point in self._points_here(call):
            if point.finished:
                newest.setdefault(point.resource_arn, point)
        resources = [
            {
                "ResourceArn": arn,
                "ResourceType": "EFS",
                "LastBackupTime": point.created_at,
                "LastBackupVaultArn": str(point.vault),
                "LastRecoveryPointArn": point.arn,
            }
            for arn, point in newest.items()
        ]
        return page(resources, call.params, "Results")

    def describe_vault(self, call: ApiCall) -> Answer:
        """Return a vault."""
        vault = self._vault(call)
        return describe_vault(vault, len(self.points.in_vault(vault)))

    def list_vaults(self, call: ApiCall) -> Answer:
        """Return the vaults of the account and Region."""
        names = sorted(backup_backends[call.account_id][call.region].vaults)
        vaults = [VaultArn(call.region, call.account_id, name) for name in names]
        wanted = call.params.get("ByVaultType")
        answers = [
            describe_vault(vault, len(self.points.in_vault(vault)))
            for vault in vaults
            if wanted in (None, vault_type(vault))
        ]
        unfiltered = {k: v for k, v in call.params.items() if k not in ("ByVaultType", "ByShared")}
        return page(answers, unfiltered, "BackupVaultList")

    def delete_vault(self, call: ApiCall) -> None:
        """Delete an empty vault."""
        vault = self._vault(call)
        if self.points.in_vault(vault):
            raise InvalidRequest("Backup vault cannot be deleted because it contains recovery points")
        backup_backends[call.account_id][call.region].delete_backup_vault(vault.name)

    def tag_resource(self, call: ApiCall) -> None:
        """Add tags to a recovery point, vault or plan."""
        arn, tags = call.params["ResourceArn"], call.params["Tags"]
        check_resource_tags({**self._tags(call, arn), **tags})
        if ":recovery-point:" in arn:
            self.points.change(arn, tags={**self._tags(call, arn), **tags})
        else:
            backup_backends[call.account_id][call.region].tag_resource(arn, tags)

    def untag_resource(self, call: ApiCall) -> None:
        """Remove tags."""
        arn, keys = call.params["ResourceArn"], call.params["TagKeyList"]
        tags = self._tags(call, arn)
        if ":recovery-point:" in arn:
            self.points.change(arn, tags={key: value for key, value in tags.items() if key not in keys})
        else:
            backup_backends[call.account_id][call.region].untag_resource(arn, keys)

    def list_tags(self, call: ApiCall) -> Answer:
        """Return the tags of a recovery point, vault or plan."""
        tags = self._tags(call, call.params["ResourceArn"])
        pairs = page([{"pair": pair} for pair in sorted(tags.items())], call.params, "Tags")
        return {**pairs, "Tags": dict(item["pair"] for item in pairs["Tags"])}

    def _tags(self, call: ApiCall, arn: str) -> dict[str, str]:
        backend = backup_backends[call.account_id][call.region]
        if ":recovery-point:" in arn:
            check_recovery_point_arn(arn)
            point = self.points.find(arn)
            if point is None or (point.vault.account, point.vault.region) != (call.account_id, call.region):
                raise ResourceNotFound(f"Recovery point {arn} cannot be found in {call.region}")
            return dict(point.tags)
        if ":backup-vault:" in arn:
            vault_named(call.account_id, call.region, parse_vault_arn(arn).name)
        elif ":backup-plan:" not in arn and ":restore-testing-plan:" not in arn:
            raise InvalidParameterValue(f"Invalid ARN: {arn!r}")
        return dict(backend.list_tags(arn))

    def _vault(self, call: ApiCall) -> VaultArn:
        if (call.params.get("BackupVaultAccountId") or call.account_id) != call.account_id:
            raise AccessDenied(INSUFFICIENT)
        return vault_by_its_policy(call.account_id, call.region, call.params["BackupVaultName"])

    def _point(self, call: ApiCall) -> RecoveryPoint:
        vault = self._vault(call)
        check_recovery_point_arn(call.params["RecoveryPointArn"])
        point = self.points.find(call.params["RecoveryPointArn"])
        if point is None or point.vault != vault:
            raise ResourceNotFound(
                f"Recovery point {call.params['RecoveryPointArn']} is not in vault {vault.name}"
            )
        return point

    def _points_here(self, call: ApiCall) -> list[RecoveryPoint]:
        here = (call.account_id, call.region)
        return self.points.where(lambda point: (point.vault.account, point.vault.region) == here)
