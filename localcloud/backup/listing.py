"""Filters and pages of the List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localcloud.backup.errors import InvalidParameterValue

PAGE = 1000
# Filter parameter -> predicate on a member of the list.
FILTERS: dict[str, Callable[[Mapping[str, Any], Any], bool]] = {
    "ByResourceArn": lambda item, value: item["ResourceArn"] == value,
    "ByState": lambda item, value: item["State"] == value,
    "ByStatus": lambda item, value: item["Status"] == value,
    "ByBackupVaultName": lambda item, value: item["BackupVaultName"] == value,
    "ByDestinationVaultArn": lambda item, value: item["DestinationBackupVaultArn"] == value,
    "BySourceRecoveryPointArn": lambda item, value: item["SourceRecoveryPointArn"] == value,
    "ByResourceType": lambda item, value: item["ResourceType"] == value,
    "ByAccountId": lambda item, value: value in ("*", item["AccountId"]),
    "ByCreatedBefore": lambda item, value: item["CreationDate"] < value,
    "ByCreatedAfter": lambda item, value: item["CreationDate"] > value,
    "ByCompleteBefore": lambda item, value: _completed(item, lambda moment: moment < value),
    "ByCompleteAfter": lambda item, value: _completed(item, lambda moment: moment > value),
    "ByRestoreTestingPlanArn": lambda item, value: (
        (item["CreatedBy"] or {}).get("RestoreTestingPlanArn") == value
    ),
    "ByRecoveryPointCreationDateBefore": lambda item, value: item["RecoveryPointCreationDate"] < value,
    "ByRecoveryPointCreationDateAfter": lambda item, value: item["RecoveryPointCreationDate"] > value,
    "ByParentJobId": lambda _item, _value: False,  # EFS has no composite backups
    "ByBackupPlanId": lambda _item, _value: False,  # backup plans run no jobs in the local cloud
    "ByParentRecoveryPointArn": lambda _item, _value: False,
}


def _completed(item: Mapping[str, Any], condition: Callable[[Any], bool]) -> bool:
    return item.get("CompletionDate") is not None and condition(item["CompletionDate"])


def page(items: Sequence[dict[str, Any]], params: Mapping[str, Any], result: str) -> dict[str, Any]:
    """Return the requested page of `items` under the key `result`, with NextToken if more follow.

    Raises InvalidParameterValue for an unsupported filter and for an invalid token.
    """
    for name, value in params.items():
        if name.startswith("By"):
            if name not in FILTERS:
                raise InvalidParameterValue(f"{name} is not supported by the local cloud")
            if (
                isinstance(value, datetime) and value.tzinfo is None
            ):  # parsed from the query without a time zone
                value = value.replace(tzinfo=UTC)
            items = [item for item in items if FILTERS[name](item, value)]
    start = _offset(params["NextToken"]) if params.get("NextToken") else 0
    size = params.get("MaxResults") or PAGE
    answer: dict[str, Any] = {result: list(items[start : start + size])}
    if start + size < len(items):
        answer["NextToken"] = base64.urlsafe_b64encode(f"from {start + size}".encode()).decode()
    return answer


def _offset(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("from "))
    except (ValueError, binascii.Error):
        raise InvalidParameterValue(f"Invalid NextToken: {token!r}") from None
