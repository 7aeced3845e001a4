"""Access policies of vaults, which decide about every call that concerns a vault.

Source: AWS Backup Developer Guide, "Vault access policies": the policies do not support a wildcard in Action.
A denial is AccessDeniedException, also for the root user. Other accounts can only copy into a vault, whatever
its policy allows (copies_across_accounts.py). A policy belongs to moto's record of its vault, and
ends with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.backup.arns import VaultArn
from localcloud.backup.errors import AccessDenied, InvalidParameterValue, ResourceNotFound
from localcloud.backup.points_store import PointsStore
from localcloud.backup.vaults import DENIED, moto_vault, vault_named
from localcloud.core.cloud import ApiCall, Cloud
from localcloud.iam.callers import caller_keys, owner_keys
from localcloud.iam.permissions import as_list
from localcloud.iam.resource_policies import decision_of

_POLICY = "localcloud_access_policy"


class VaultPolicies:
    """The operations on access policies, and the check of calls."""

    def __init__(self, cloud: Cloud, points: PointsStore) -> None:
        self.cloud, self.points = cloud, points

    def put(self, call: ApiCall) -> None:
        """Replace the policy of a vault."""
        vault = vault_named(call.account_id, call.region, call.params["BackupVaultName"])
        set_policy(vault, _valid(call.params.get("Policy") or ""))

    def get(self, call: ApiCall) -> dict[str, Any]:
        """Return the policy of a vault; raises ResourceNotFound if it has none."""
        vault = vault_named(call.account_id, call.region, call.params["BackupVaultName"])
        policy = policy_of_vault(vault)
        if policy is None:
            raise ResourceNotFound(f"Backup vault {vault.name} has no access policy")
        return {
            "BackupVaultName": vault.name,
            "BackupVaultArn": str(vault),
            "Policy": json.dumps(policy),
        }

    def delete(self, call: ApiCall) -> None:
        """Remove the policy of a vault."""
        set_policy(vault_named(call.account_id, call.region, call.params["BackupVaultName"]), None)

    def check(self, operation: str, call: ApiCall) -> None:
        """Raise AccessDenied if the policy of a vault that the call concerns denies it."""
        for vault, resource in self._concerned(call):
            try:
                policy = policy_of_vault(vault)
            except ResourceNotFound:
                continue  # the operation reports it
            if (
                policy is not None
                and decision_of(
                    policy,
                    action=f"backup:{operation}",
                    resource=resource,
                    principal=call.principal,
                    session=call.caller_arn,
                    context=self._keys(call),
                )
                == "Deny"
            ):
                raise AccessDenied(DENIED)

    def _keys(self, call: ApiCall) -> dict[str, Any]:
        caller = call.caller or self.cloud.issuer.anonymous(call.principal)
        now = self.cloud.clock.now()
        return {
            **caller_keys(caller, self.cloud.accounts, region=call.region, now=now),
            **owner_keys(call.account_id, self.cloud.accounts),
        }

    def _concerned(self, call: ApiCall) -> Iterator[tuple[VaultArn, str]]:
        """Return the vaults of a call, each with the resource that IAM checks."""
        params = call.params
        point = self.points.find(params.get("RecoveryPointArn") or params.get("ResourceArn") or "")
        name = params.get("BackupVaultName") or params.get("SourceBackupVaultName")
        if point is not None:
            yield point.vault, point.arn
        elif name:
            vault = VaultArn(call.region, call.account_id, name)
            yield vault, str(vault)


def policy_of_vault(vault: VaultArn) -> Mapping[str, Any] | None:
    """Return the policy of a vault, or None; raises ResourceNotFound for a vault that does not exist."""
    policy: Mapping[str, Any] | None = getattr(moto_vault(vault), _POLICY, None)
    return policy


def set_policy(vault: VaultArn, policy: Mapping[str, Any] | None) -> None:
    """Set or remove the policy of an existing vault."""
    setattr(moto_vault(vault), _POLICY, policy)


def _valid(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(text)
        statements = as_list(policy["Statement"])
        valid = bool(statements) and all(
            each["Effect"] in ("Allow", "Deny") and ("Principal" in each or "NotPrincipal" in each)
            for each in statements
        )
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise InvalidParameterValue("Policy is not a valid JSON policy document")
    if any("*" in action for each in statements for action in as_list(each.get("Action", []))):
        raise InvalidParameterValue("Vault access policies do not support a wildcard in Action")
    document: dict[str, Any] = policy
    return document
