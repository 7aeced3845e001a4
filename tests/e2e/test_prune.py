"""Indexes are removed with their points, by `tidemark prune` and by the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Deployed, until
from tidemark.errors import PruneFailed

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]


def end_earlier(deployed: Deployed, index_id: str) -> str:
    """Record that an index ended two days ago, so that its age does not protect it.

    Return its file system.
    """
    (item,) = (one for one in deployed.records("indexes") if one["record"] == f"index#{index_id}")
    then = datetime.now(UTC) - timedelta(days=2)
    deployed.cloud.client("dynamodb").update_item(
        TableName="tidemark-indexes",
        Key={"file_system": {"S": item["file_system"]}, "record": {"S": item["record"]}},
        UpdateExpression="SET ended_at = :then",
        ExpressionAttributeValues={":then": {"S": then.isoformat()}},
    )
    return str(item["file_system"])


def objects(deployed: Deployed, index_id: str) -> list[str]:
    s3 = deployed.cloud.client("s3")
    (bucket,) = (one["Name"] for one in s3.list_buckets()["Buckets"] if "repository" in one["Name"])
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [one["Key"] for one in found if f"/{index_id}/" in one["Key"]]


@pytest.fixture(scope="module")
def session(deployed: Deployed) -> dict[str, Any]:
    return deployed.run("part")


def planned(answer: Any, index_id: str) -> dict[str, Any]:
    (file_system,) = answer.json["file_systems"]
    return next(one for one in [*file_system["remove"], *file_system["kept"]] if one["index_id"] == index_id)


def test_an_index_is_removed_after_its_point_even_after_an_interruption(
    deployed: Deployed, session: dict[str, Any]
) -> None:
    index_id, file_system = session["index_id"], session["file_system"].rpartition("/")[2]
    dry = ("prune", "--file-system", file_system, "--dry-run", "--json")
    assert planned(deployed.tidemark(*dry), index_id)["why"] == "points"
    assert end_earlier(deployed, index_id).endswith(file_system)
    assert planned(deployed.tidemark(*dry), index_id)["why"] == "points"
    (point,) = session["points"]
    deployed.cloud.client("backup").delete_recovery_point(
        BackupVaultName=point["vault"], RecoveryPointArn=point["recovery_point_arn"]
    )
    told = deployed.tidemark(*dry)
    assert planned(told, index_id)["why"] == "expired"
    assert objects(deployed, index_id), "a dry run removes nothing"

    refused = deployed.tidemark("prune", "--file-system", file_system)
    assert refused.code == 2
    assert "--yes" in refused.err

    before = len(objects(deployed, index_id))
    deployed.cloud.faults.add(
        Fault(
            service="s3", operation="DeleteObject", action="fail", calls=(3, 100), error_code="AccessDenied"
        )
    )
    failed = deployed.tidemark("prune", "--file-system", file_system, "--yes")
    assert failed.code == PruneFailed.exit_code, failed.err
    assert file_system in failed.err
    assert len(objects(deployed, index_id)) == before - 2
    assert not any(key.endswith("manifest.json") for key in objects(deployed, index_id))

    deployed.cloud.faults.clear()
    done = deployed.tidemark("prune", "--file-system", file_system, "--yes", "--json")
    assert done.code == 0, done.err
    assert planned(done, index_id)["why"] == "interrupted"
    assert done.json["result"]["removed"] >= 1
    assert objects(deployed, index_id) == []
    assert index_id not in deployed.associations().values()
    assert planned_ids(deployed.tidemark(*dry)).isdisjoint({index_id})
    shown = deployed.tidemark("session", session["session_id"])
    assert shown.code == 0, shown.err


def planned_ids(answer: Any) -> set[str]:
    (file_system,) = answer.json["file_systems"]
    return {one["index_id"] for one in file_system["remove"]}


def test_scheduler_starts_the_run_for_all_file_systems(deployed: Deployed) -> None:
    before = set(deployed.executions("prune-run"))
    deployed.cloud.fire_schedule("tidemark-prune", group="tidemark")
    (execution,) = until(
        lambda: [arn for name, arn in deployed.executions("prune-run").items() if name not in before],
        lambda found: bool(found),
    )
    states = deployed.cloud.client("stepfunctions")
    ended = until(
        lambda: states.describe_execution(executionArn=execution), lambda one: one["status"] != "RUNNING"
    )
    assert ended["status"] == "SUCCEEDED", ended
    assert '"file_systems":' in ended["output"]
