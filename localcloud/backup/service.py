"""Installs AWS Backup's jobs and recovery points in the local cloud."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import botocore.session
from botocore.model import OperationModel

from localcloud.backup import air_gapped_vaults, automatic_vault
from localcloud.backup.engine import Durations, JobEngine
from localcloud.backup.expiry import Expiry
from localcloud.backup.global_settings import GlobalSettings
from localcloud.backup.job_execution import BackupWork, CopyWork
from localcloud.backup.job_operations import JobOperations
from localcloud.backup.jobs import BackupJob, CopyJob, RestoreJob
from localcloud.backup.jobs_store import load_jobs, save_job
from localcloud.backup.legal_holds import LegalHolds
from localcloud.backup.point_operations import PointOperations
from localcloud.backup.points_store import PointsStore
from localcloud.backup.region_settings import RegionSettings
from localcloud.backup.restore_events import RestoreEvents
from localcloud.backup.restore_execution import RestoreWork
from localcloud.backup.restore_operations import RestoreOperations
from localcloud.backup.restore_testing_plans import TestingPlans
from localcloud.backup.restore_testing_runs import TestingRuns
from localcloud.backup.shapes import check_answer, check_request
from localcloud.backup.vault_policies import VaultPolicies
from localcloud.core.cloud import ApiCall, Cloud, Operation
from localcloud.core.role_clients import Clients
from localcloud.services.event_bridge import EventBus


def install(cloud: Cloud, durations: Durations | None = None) -> None:
    """Register AWS Backup's operations on jobs and recovery points.

    `POST /_localcloud/backup-durations` changes the durations of later jobs, in unscaled AWS seconds; any
    subset of {"created": 5, "backup": 600, "copy": 600, "restore": 600}.
    """
    root = cloud.state_dir / "backup"
    points = PointsStore(root / "points")
    engine = JobEngine(cloud, durations or Durations())
    engine.workers[BackupJob] = BackupWork(cloud, points).worker()
    global_settings = GlobalSettings(cloud)
    engine.workers[CopyJob] = CopyWork(cloud, points, global_settings).worker()
    if cloud.keeps_state:
        engine.saved = functools.partial(save_job, root / "jobs")
    for job in load_jobs(root / "jobs"):
        engine.remember(job)
    engine.workers[RestoreJob] = RestoreWork(cloud, engine, points).worker()
    restores = RestoreOperations(cloud, engine, points)
    settings = RegionSettings()
    holds = LegalHolds(cloud, points)
    jobs, held = JobOperations(cloud, engine, points, settings), PointOperations(engine, points, holds)
    operations: dict[str, Callable[[ApiCall], Mapping[str, Any] | None]] = {
        "StartBackupJob": jobs.start_backup_job,
        "DescribeBackupJob": jobs.describe_backup_job,
        "ListBackupJobs": jobs.list_backup_jobs,
        "StopBackupJob": jobs.stop_backup_job,
        "StartCopyJob": jobs.start_copy_job,
        "DescribeCopyJob": jobs.describe_copy_job,
        "ListCopyJobs": jobs.list_copy_jobs,
        "StartRestoreJob": restores.start_restore_job,
        "DescribeRestoreJob": restores.describe_restore_job,
        "GetRestoreJobMetadata": restores.restore_job_metadata,
        "ListRestoreJobs": restores.list_restore_jobs,
        "ListRestoreJobsByProtectedResource": restores.list_by_protected_resource,
        "DescribeRecoveryPoint": held.describe_recovery_point,
        "ListRecoveryPointsByBackupVault": held.list_by_vault,
        "ListRecoveryPointsByResource": held.list_by_resource,
        "DeleteRecoveryPoint": held.delete_recovery_point,
        "UpdateRecoveryPointLifecycle": held.update_lifecycle,
        "GetRecoveryPointRestoreMetadata": held.restore_metadata,
        "ListProtectedResources": held.protected_resources,
        "TagResource": held.tag_resource,
        "UntagResource": held.untag_resource,
        "ListTags": held.list_tags,
        "DescribeBackupVault": held.describe_vault,
        "ListBackupVaults": held.list_vaults,
        "DeleteBackupVault": held.delete_vault,
        "CreateLegalHold": holds.create,
        "CancelLegalHold": holds.cancel,
        "ListLegalHolds": holds.list,
        "ListRecoveryPointsByLegalHold": holds.list_points,
        "DescribeRegionSettings": settings.describe,
        "UpdateRegionSettings": settings.update,
        "DescribeGlobalSettings": global_settings.describe,
        "UpdateGlobalSettings": global_settings.update,
    }
    events = RestoreEvents(cloud, EventBus(cloud, Clients(cloud)))
    engine.observed = lambda job: events.saved(job) if isinstance(job, RestoreJob) else None
    plans = TestingPlans(cloud)
    runs = TestingRuns(cloud, engine, points, restores, plans)
    operations |= {
        "CreateRestoreTestingPlan": plans.create_plan,
        "UpdateRestoreTestingPlan": plans.update_plan,
        "GetRestoreTestingPlan": plans.get_plan,
        "ListRestoreTestingPlans": plans.list_plans,
        "DeleteRestoreTestingPlan": plans.delete_plan,
        "CreateRestoreTestingSelection": plans.create_selection,
        "UpdateRestoreTestingSelection": plans.update_selection,
        "GetRestoreTestingSelection": plans.get_selection,
        "ListRestoreTestingSelections": plans.list_selections,
        "DeleteRestoreTestingSelection": plans.delete_selection,
        "GetRestoreTestingInferredMetadata": runs.inferred_metadata,
        "PutRestoreValidationResult": runs.put_validation_result,
    }
    policies, expiry = VaultPolicies(cloud, points), Expiry(engine, points, holds)
    operations |= {
        "PutBackupVaultAccessPolicy": policies.put,
        "GetBackupVaultAccessPolicy": policies.get,
        "DeleteBackupVaultAccessPolicy": policies.delete,
    }
    automatic_vault.install(cloud)
    air_gapped_vaults.install(cloud)
    operations["CreateLogicallyAirGappedBackupVault"] = air_gapped_vaults.create
    model = botocore.session.get_session().get_service_model("backup")
    for name, operation in operations.items():
        checked = _checked(model.operation_model(name), operation, policies, expiry)
        cloud.answer("backup", **{name: checked})
    cloud.control("POST", "restore-items", restores.limit.set)
    cloud.control("POST", "recovery-point-directory", functools.partial(_directory, points))
    cloud.control("POST", "expire-recovery-points", expiry.delete_by)
    cloud.control("POST", "backup-durations", functools.partial(_set_durations, engine.durations))
    cloud.at_shutdown(engine.close)


def _checked(
    model: OperationModel,
    operation: Callable[[ApiCall], Mapping[str, Any] | None],
    policies: VaultPolicies,
    expiry: Expiry,
) -> Operation:
    def answer(call: ApiCall) -> Mapping[str, Any]:
        check_request(model, call.params)
        expiry.delete_expired()
        policies.check(model.name, call)
        return check_answer(model, operation(call) or {})

    return answer


def _directory(points: PointsStore, value: dict[str, Any]) -> str:
    point = points.find(value["arn"])
    if point is None:
        raise ValueError(f"there is no recovery point {value['arn']}")
    return str(points.tree(point))


def _set_durations(durations: Durations, value: dict[str, Any]) -> None:
    known = {field.name for field in fields(Durations)}
    if not set(value) <= known or not all(isinstance(seconds, int | float) for seconds in value.values()):
        raise ValueError(f"durations must be numbers with keys out of {', '.join(sorted(known))}")
    for name, seconds in value.items():
        setattr(durations, name, float(seconds))
