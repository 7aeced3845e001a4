"""AWS Backup: opt-in, vaults with their keys and locks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidemark.answers.checks.keys import check_key
from tidemark.answers.checks.result import CheckResult, Outcomes, check
from tidemark.answers.checks.scope import Scope
from tidemark.aws.errors import is_denied
from tidemark.aws.preflight import check_opt_in_of, describe_vault, regions_of
from tidemark.aws.retention import check_vault_lock
from tidemark.errors import AccessDenied, RetentionNotAllowed, VaultNotFound
from tidemark.policy.policy import Policy
from tidemark.sessions.session import PointKind

if TYPE_CHECKING:
    from mypy_boto3_backup.type_defs import DescribeBackupVaultOutputTypeDef


def backup_checks(scope: Scope) -> Iterator[CheckResult]:
    """Yield the results for the Regions and vaults of all policies, each once."""
    for region in dict.fromkeys(region for policy in scope.policies for region in regions_of(policy)):
        with check("opt-in", region, "AWS Backup is opted in for EFS") as outcomes:
            check_opt_in_of(scope.clients, region)
        yield from outcomes.results
    vaults: dict[tuple[str, str], DescribeBackupVaultOutputTypeDef | None] = {}
    for policy in scope.policies:
        for region, vault in dict.fromkeys(_vaults(policy)):
            if (region, vault) not in vaults:
                yield from _vault(scope, vault, region, vaults)
            described = vaults[region, vault]
            if described is not None:
                yield from _lock(policy, described, vault, region)


def _vaults(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield Region and name of the policy's vaults in its own account."""
    yield policy.region, policy.vault
    for target in policy.copies:
        if target.account in (None, policy.account):
            yield target.region, target.vault


def _vault(
    scope: Scope,
    vault: str,
    region: str,
    found: dict[tuple[str, str], DescribeBackupVaultOutputTypeDef | None],
) -> Iterator[CheckResult]:
    """Yield whether the vault exists and its key is usable, and remember its description in `found`."""
    subject = f"{vault} in {region}"
    found[region, vault] = None
    with check("vault", subject, "the vault exists") as outcomes:
        try:
            found[region, vault] = describe_vault(scope.clients, vault, region)
        except AccessDenied:
            _missing_or_denied(scope, vault, region, outcomes)
    yield from outcomes.results
    described = found[region, vault]
    if described is not None and "EncryptionKeyArn" in described:
        yield from check_key(scope.clients, described["EncryptionKeyArn"], region, "vault-key", subject)


def _missing_or_denied(scope: Scope, vault: str, region: str, outcomes: Outcomes) -> None:
    """Distinguish the two causes of AccessDenied: ListBackupVaults does not depend on a vault."""
    needed = "backup:DescribeBackupVault"
    try:
        pages = scope.clients.of("backup", region).get_paginator("list_backup_vaults").paginate()
        names = {one["BackupVaultName"] for page in pages for one in page["BackupVaultList"]}
    except ClientError as error:
        if not is_denied(error):
            raise
        needed += " or backup:ListBackupVaults"
    else:
        if vault not in names:
            raise VaultNotFound(vault, region)
    outcomes.warn_of_missing(needed)


def _lock(
    policy: Policy, described: DescribeBackupVaultOutputTypeDef, vault: str, region: str
) -> Iterator[CheckResult]:
    """Yield whether the vault's lock allows every retention that runs of the policy request."""
    with check("vault-lock", f"{vault} in {region}", f"allows the retention of {policy.name}") as outcomes:
        seen: set[str] = set()
        for kind, keep_days in _retentions(policy, vault, region):
            try:
                check_vault_lock(described, kind, keep_days, region)
            except RetentionNotAllowed as error:
                fact, _, step = str(error).rpartition("; ")
                if fact not in seen:
                    outcomes.fail(f"{policy.name}: {fact}", step)
                seen.add(fact)
    yield from outcomes.results


def _retentions(policy: Policy, vault: str, region: str) -> Iterator[tuple[PointKind, int | None]]:
    for run in (policy.for_run(()), *policy.for_each_flag()):
        if (run.region, run.vault) == (region, vault):
            yield "backup", run.keep_days
        for target in run.copies:
            if (target.region, target.vault) == (region, vault):
                yield "copy", target.keep_days
