"""CloudWatch, CloudWatch Logs, AWS Backup's vaults."""

from __future__ import annotations

import json
from contextlib import suppress

from localcloud.cloudformation.resources import Request, Resource, ResourceType


def _log_group(request: Request) -> Resource:
    logs, name = request.client("logs"), request.name("LogGroupName", 512)
    with suppress(logs.exceptions.ResourceAlreadyExistsException):  # a function may have created it first
        logs.create_log_group(logGroupName=name, tags=request.tags() or {})
    if days := request.properties.get("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return Resource(ref=name, attributes={"Arn": request.arn("logs", f"log-group:{name}:*")})


def _alarm(request: Request) -> Resource:
    name = request.name("AlarmName", 255)
    request.call("cloudwatch", "PutMetricAlarm", AlarmName=name, Tags=request.tag_list())
    return Resource(ref=name, attributes={"Arn": request.arn("cloudwatch", f"alarm:{name}")})


def _dashboard(request: Request) -> Resource:
    name = request.name("DashboardName", 255)
    request.call("cloudwatch", "PutDashboard", DashboardName=name)
    return Resource(ref=name)


def _vault(request: Request) -> Resource:
    backup, properties = request.client("backup"), request.properties
    name = request.name("BackupVaultName", 50)
    tags = properties.get("BackupVaultTags")
    try:
        request.call("backup", "CreateBackupVault", BackupVaultName=name, BackupVaultTags=tags)
    except backup.exceptions.AlreadyExistsException:
        if not (request.before or request.adopts):
            raise
    if policy := properties.get("AccessPolicy"):
        backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=json.dumps(policy))
    if lock := properties.get("LockConfiguration"):
        backup.put_backup_vault_lock_configuration(
            BackupVaultName=name, **{k: int(v) for k, v in lock.items()}
        )
    arn = request.arn("backup", f"backup-vault:{name}")
    return Resource(ref=name, attributes={"BackupVaultArn": arn, "BackupVaultName": name})


def _air_gapped_vault(request: Request) -> Resource:
    backup, properties = request.client("backup"), request.properties
    name = request.name("BackupVaultName", 50)
    limits = {key: int(properties[key]) for key in ("MinRetentionDays", "MaxRetentionDays")}
    try:
        request.call("backup", "CreateLogicallyAirGappedBackupVault", BackupVaultName=name, **limits)
    except backup.exceptions.AlreadyExistsException:
        if not (request.before or request.adopts):
            raise
    if policy := properties.get("AccessPolicy"):
        backup.put_backup_vault_access_policy(BackupVaultName=name, Policy=json.dumps(policy))
    arn = request.arn("backup", f"backup-vault:{name}")
    state = {"VaultState": "AVAILABLE", "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}
    return Resource(ref=name, attributes={"BackupVaultArn": arn, "BackupVaultName": name, **state})


def _delete_vault(request: Request) -> None:
    request.client("backup").delete_backup_vault(BackupVaultName=_ref(request))


def _delete_alarm(request: Request) -> None:
    request.client("cloudwatch").delete_alarms(AlarmNames=[_ref(request)])


def _ref(request: Request) -> str:
    assert request.before is not None  # noqa: S101  # a deletion has one
    return request.before.ref


OPERATION = {
    "AWS::Logs::LogGroup": ResourceType(
        create=_log_group,
        delete=lambda r: r.client("logs").delete_log_group(logGroupName=_ref(r)),
        names=("LogGroupName",),
    ),
    "AWS::CloudWatch::Alarm": ResourceType(create=_alarm, delete=_delete_alarm, names=("AlarmName",)),
    "AWS::CloudWatch::Dashboard": ResourceType(
        create=_dashboard,
        delete=lambda r: r.client("cloudwatch").delete_dashboards(DashboardNames=[_ref(r)]),
        names=("DashboardName",),
    ),
    "AWS::Backup::BackupVault": ResourceType(create=_vault, delete=_delete_vault, names=("BackupVaultName",)),
    "AWS::Backup::LogicallyAirGappedBackupVault": ResourceType(
        create=_air_gapped_vault,
        delete=_delete_vault,
        names=("BackupVaultName", "MinRetentionDays", "MaxRetentionDays", "EncryptionKeyArn"),
    ),
}
