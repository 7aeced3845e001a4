"""The conditions for a copy to a vault of another account.

A copy job that does not meet them fails; StartCopyJob has accepted it.
Sources: AWS Backup Developer Guide, "Creating backup copies across AWS accounts", "Vault access policies";
AWS re:Post, "Why does my cross-account copy fail in AWS Backup?" and "How can I resolve the Access Denied
trying to call AWS Backup service error" for the messages of accounts and vault policies.

Assumed: the messages about settings and keys. The guide demands customer managed keys because other accounts
cannot use AWS managed ones; a later edition of it permits aws/backup for the destination of resources that
AWS Backup manages fully, such as EFS. The local cloud demands a customer managed key of both vaults, except
for logically air-gapped vaults with a key that AWS owns, which are made for such copies.
"""

from __future__ import annotations

from moto.backup.models import backup_backends

from localcloud.backup.errors import AccessDenied, InvalidRequest
from localcloud.backup.global_settings import GlobalSettings
from localcloud.backup.jobs import CopyJob
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.backup.vault_policies import policy_of_vault
from localcloud.backup.vaults import encryption_key
from localcloud.core.cloud import Cloud
from localcloud.iam.callers import caller_keys, owner_keys
from localcloud.iam.permissions import missing_permission
from localcloud.iam.required_permissions import Check
from localcloud.iam.resource_policies import decision_of
from localcloud.iam.shared_resources import is_managed_by_aws, policy_of

COPY_INTO = "backup:CopyIntoBackupVault"
NO_ACCESS = "Access Denied trying to call AWS Backup service"
NOT_ONE_ORGANIZATION = (
    "Copy job failed. Both source and destination account must be a member of the same organization"
)
NOT_ENABLED = "Copy job failed. Cross-account backup is not enabled in the management account."
DEFAULT_VAULT = "Default"


def check_copy(cloud: Cloud, settings: GlobalSettings, job: CopyJob, source: RecoveryPoint | None) -> None:
    """Raise AwsError unless the copy may go to the vault of another account."""
    here, there = job.account, job.vault.account
    if here == there:
        return
    accounts = cloud.accounts
    organization = accounts.organization_of(here)
    if organization is None or organization != accounts.organization_of(there):
        raise InvalidRequest(NOT_ONE_ORGANIZATION)
    if not settings.cross_account_backup:
        raise InvalidRequest(NOT_ENABLED)
    known = job.vault.name in backup_backends[there][job.vault.region].vaults
    if not known or accounts.is_suspended(there) or not _may_copy(cloud, job):
        raise AccessDenied(NO_ACCESS)
    if job.vault.name == DEFAULT_VAULT or job.source_vault.name == DEFAULT_VAULT:
        raise InvalidRequest("Copy job failed. The default vault does not support copies across accounts.")
    key = encryption_key(job.vault)
    if key is not None and is_managed_by_aws(there, job.vault.region, key):
        raise InvalidRequest(
            f"Copy job failed. The destination vault is encrypted with the AWS managed key {key}."
        )
    if source is not None and source.encryption_key_arn is not None:
        _check_shared_key(cloud, job, source.encryption_key_arn)


def _may_copy(cloud: Cloud, job: CopyJob) -> bool:
    """Return whether the destination's policy and the job's role allow the copy."""
    check = Check(action=COPY_INTO, resource=str(job.vault))
    caller = cloud.issuer.anonymous(job.role_arn)
    keys = caller_keys(caller, cloud.accounts, region=job.region, now=cloud.clock.now())
    decision = decision_of(
        policy_of_vault(job.vault) or {},
        action=check.action,
        resource=check.resource,
        principal=job.role_arn,
        context={**keys, **owner_keys(job.vault.account, cloud.accounts)},
    )
    return decision == "Allow" and missing_permission(job.role_arn, [check]) is None


def _check_shared_key(cloud: Cloud, job: CopyJob, key: str) -> None:
    """Raise InvalidRequest unless the key of the source is shared with the account of the destination."""
    region, account = key.split(":")[3:5]
    if is_managed_by_aws(account, region, key):
        raise InvalidRequest(f"Copy job failed. The source is encrypted with the AWS managed key {key}.")
    reader = cloud.root_of(job.vault.account)
    keys = caller_keys(
        cloud.issuer.anonymous(reader), cloud.accounts, region=job.region, now=cloud.clock.now()
    )
    policy = policy_of("kms", key) or {}
    if decision_of(policy, action="kms:Decrypt", resource=key, principal=reader, context=keys) != "Allow":
        raise AccessDenied(
            f"Copy job failed. The policy of {key} does not allow kms:Decrypt to account {job.vault.account}."
        )
