"""Retention in a recorded session: one index is removed, because its recovery point is gone."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

from localcloud import LocalCloud

SECONDS = 120


def prune(cloud: LocalCloud, file_system: str) -> None:
    """Delete the points of a file system, and run retention two days after its index has ended."""
    backup, dynamodb, states = (cloud.client(name) for name in ("backup", "dynamodb", "stepfunctions"))
    name = f"{cloud.account_id}/{cloud.region}/{file_system}"
    arn = f"arn:aws:elasticfilesystem:{cloud.region}:{cloud.account_id}:file-system/{file_system}"
    for point in backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]:
        backup.delete_recovery_point(
            BackupVaultName=point["BackupVaultName"], RecoveryPointArn=point["RecoveryPointArn"]
        )
    found = dynamodb.query(
        TableName="tidemark-indexes",
        KeyConditionExpression="file_system = :name AND begins_with(#record, :index)",
        ExpressionAttributeNames={"#record": "record"},
        ExpressionAttributeValues={":name": {"S": name}, ":index": {"S": "index#"}},
    )
    then = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    for item in found["Items"]:
        dynamodb.update_item(
            TableName="tidemark-indexes",
            Key={key: item[key] for key in ("file_system", "record")},
            UpdateExpression="SET ended_at = :then",
            ExpressionAttributeValues={":then": {"S": then}},
        )
    machine = f"arn:aws:states:{cloud.region}:{cloud.account_id}:stateMachine:tidemark-prune-run"
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    until = time.monotonic() + SECONDS
    while (ended := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < until, "retention still runs"
        time.sleep(0.2)
    assert ended["status"] == "SUCCEEDED", ended
    result = json.loads(ended["output"])
    assert result["removed"] >= 1, result
    assert result["unclear"] == 0, result
