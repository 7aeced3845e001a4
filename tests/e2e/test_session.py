"""The main job, through the CLI, verified with independent clients."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars
import pytest

from localcloud import Fault
from tests.crawl.trees import found_by_find
from tests.e2e.conftest import Deployed, until

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture(scope="module")
def session(deployed: Deployed) -> dict[str, Any]:
    """One session of the tree with every pitfall."""
    return deployed.run("home")


def test_a_session_ends_with_a_point_a_copy_and_an_index(session: dict[str, Any]) -> None:
    assert (session["status"], session["reasons"]) == ("success", [])
    kinds = {(point["kind"], point["region"], point["vault"]) for point in session["points"]}
    assert kinds == {("backup", "eu-central-1", "tidemark"), ("copy", "eu-west-1", "tidemark-copies")}
    assert session["index_id"].startswith(session["file_system"])


def test_every_point_is_associated_with_the_index(deployed: Deployed, session: dict[str, Any]) -> None:
    associations = deployed.associations()
    for point in session["points"]:
        assert associations[point["recovery_point_arn"]] == session["index_id"]


def test_the_index_equals_find_on_every_field(deployed: Deployed, session: dict[str, Any]) -> None:
    rows = read_index(deployed, session)
    found = found_by_find(deployed.directories["home"])
    assert len(rows) == len(found)
    for row, expected in zip(rows, found, strict=True):
        path = raw(row["parent"]) + raw(row["name"])
        assert path == expected.path
        kind, mode, size = row["type"], row["mode"], row["size"]
        assert (kind, mode, size) == (expected.type, expected.mode, expected.size), path
        owner = (row["uid"], row["gid"], row["nlink"])
        assert owner == (expected.uid, expected.gid, expected.nlink), path
        assert raw(row["target"] or "") == expected.target, path
        assert row["mtime"] == expected.mtime_us, path
        assert (row["mtime"] if row["ctime"] is None else row["ctime"]) == expected.ctime_us, path
        assert row["inode"] == (expected.inode if expected.nlink > 1 else None), path


def read_index(deployed: Deployed, session: dict[str, Any]) -> list[dict[str, Any]]:
    """Read an index by docs/index-format.md alone: boto3 for S3, polars for Parquet."""
    s3 = deployed.cloud.client("s3")
    bucket = f"tidemark-repository-{deployed.cloud.account_id}-{deployed.cloud.region}"
    prefix = (
        f"indexes/{deployed.cloud.account_id}/eu-central-1/{session['file_system']}/{session['index_id']}/"
    )
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=prefix + "manifest.json")["Body"].read())
    rows: list[dict[str, Any]] = []
    for part in manifest["parts"]:
        body = s3.get_object(Bucket=bucket, Key=prefix + part["file"])["Body"].read()
        frame = polars.read_parquet(io.BytesIO(body)).with_columns(
            polars.col("mtime", "ctime").dt.epoch("us")
        )
        rows += frame.to_dicts()

    return sorted(rows, key=lambda row: raw(row["parent"]) + raw(row["name"]))


def raw(text: str) -> bytes:
    """Return the bytes of a name, decoded as docs/index-format.md specifies."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text.encode())


def test_the_recovery_point_has_encrypted_tags_within_awss_limits(
    deployed: Deployed, session: dict[str, Any]
) -> None:
    backup = next(point for point in session["points"] if point["kind"] == "backup")
    arguments = ["backup", "list-tags", "--resource-arn", backup["recovery_point_arn"]]
    tags = json.loads(aws(deployed, *arguments))["Tags"]
    ours = {key: value for key, value in tags.items() if key.startswith("tidemark")}
    assert 2 < len(ours) <= 10
    text = json.dumps(ours)
    for secret in (session["session_id"], session["index_id"], "home", session["file_system"]):
        assert secret not in text
    for key, value in ours.items():
        assert re.fullmatch(r"[A-Za-z0-9 +\-=._:/@]{1,128}", key)
        assert re.fullmatch(r"[A-Za-z0-9 +\-=._:/@]{0,256}", value)


def test_the_aws_cli_sees_both_points(deployed: Deployed, session: dict[str, Any]) -> None:
    for point in session["points"]:
        arguments = ["backup", "describe-recovery-point", "--region", point["region"]]
        arguments += ["--backup-vault-name", point["vault"]]
        arguments += ["--recovery-point-arn", point["recovery_point_arn"]]
        described = json.loads(aws(deployed, *arguments))
        assert described["Status"] == "COMPLETED"
        assert described["ResourceArn"].endswith(session["file_system"])


def aws(deployed: Deployed, *arguments: str) -> str:
    environment = {**deployed.cloud.environment, "HOME": str(deployed.home), "PATH": os.environ["PATH"]}
    command = [AWS, "--output", "json", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_recovery_points_are_listed_with_their_decrypted_tags(
    deployed: Deployed, session: dict[str, Any]
) -> None:
    answer = deployed.tidemark("recovery-points", session["file_system"], "--json")
    listed = {point["recovery_point_arn"]: point for point in answer.json["recovery_points"]}
    for point in session["points"]:
        text = json.dumps(listed[point["recovery_point_arn"]])
        assert session["session_id"] in text
        assert session["index_id"] in text


def test_a_file_is_found_and_its_directory_listed(deployed: Deployed, session: dict[str, Any]) -> None:
    found = deployed.tidemark("search", "hard link", "--json")
    assert found.json["path"] == "/sub/hard link"  # one hit, one line
    listed = deployed.tidemark("ls", f"{session['index_id']}:/sub", "--json")
    names = {entry["path"] for entry in listed.json["entries"]}
    assert names == {"/sub/hard link", "/sub/up"}


def test_nothing_of_the_worker_is_left(deployed: Deployed, session: dict[str, Any]) -> None:
    assert session["status"] == "success"
    ecs = deployed.cloud.client("ecs")

    def left() -> list[str]:
        definitions = ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        return definitions + [process["name"] for process in deployed.cloud.worker_processes()]

    # The session does not wait for the removal, which follows the association.
    until(left, lambda found: found == [])
    assert [item for item in deployed.records("indexes") if item["record"] == "lease"] == []


def test_a_session_takes_at_most_sixty_state_transitions(deployed: Deployed, session: dict[str, Any]) -> None:
    arns = {**deployed.executions("backup-session"), **deployed.executions("indexing-session")}
    transitions = {
        name: sum(event["type"].endswith("StateEntered") for event in history(deployed, arns[name]))
        for name in (session["session_id"], session["index_id"])
    }
    assert sum(transitions.values()) <= 60, transitions


def history(deployed: Deployed, execution: str) -> list[dict[str, Any]]:
    paginator = deployed.cloud.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in paginator.paginate(executionArn=execution) for event in page["events"]]


def test_an_altered_tag_is_reported_and_not_trusted(deployed: Deployed) -> None:
    session = deployed.run("bare")
    backup = next(point for point in session["points"] if point["kind"] == "backup")
    client = deployed.cloud.client("backup")
    arn = backup["recovery_point_arn"]
    tags = client.list_tags(ResourceArn=arn)["Tags"]
    key = next(name for name in tags if name.startswith("tidemark:"))
    changed = ("B" if tags[key][0] == "A" else "A") + tags[key][1:]
    client.tag_resource(ResourceArn=arn, Tags={key: changed})
    answer = deployed.tidemark("recovery-points", session["file_system"], "--json")
    listed = {point["recovery_point_arn"]: point for point in answer.json["recovery_points"]}
    assert "altered" in json.dumps(listed[arn])
    assert session["session_id"] not in json.dumps(listed[arn].get("metadata"))


def test_a_schedule_that_fires_twice_runs_once(deployed: Deployed) -> None:
    """Scheduler delivers at least once; the scheduled time names the session."""
    states = deployed.cloud.client("stepfunctions")
    request = {"policy": "team", "scheduled_time": "2026-11-22T02:00:00Z"}
    moment = states.describe_state_machine(stateMachineArn=deployed.machine("policy-run"))["creationDate"]
    request["scheduled_time"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    before = set(deployed.executions("backup-session"))
    arns = [
        states.start_execution(stateMachineArn=deployed.machine("policy-run"), input=json.dumps(request))[
            "executionArn"
        ]
        for _ in range(2)
    ]
    for arn in arns:
        status = until(
            lambda arn=arn: states.describe_execution(executionArn=arn)["status"],
            lambda status: status != "RUNNING",
        )
        assert status == "SUCCEEDED"
    assert len(set(deployed.executions("backup-session")) - before) == 1


def test_a_silent_worker_is_replaced(deployed: Deployed) -> None:
    """Killed at its first write, with its event lost: its heartbeats stop, and another worker is launched."""
    deployed.cloud.faults.add(
        Fault(service="s3", operation="PutObject", action="kill", match="part-", calls=(1, 1))
    )
    events = deployed.cloud.client("events")
    events.disable_rule(Name="tidemark-worker-tasks")
    try:
        session = deployed.run("part")
    finally:
        events.enable_rule(Name="tidemark-worker-tasks")
    assert (session["status"], session["reasons"]) == ("success", [])
    execution = deployed.executions("indexing-session")[session["index_id"]]
    assert [event["type"] for event in history(deployed, execution)].count("TaskTimedOut") == 1
    # The second worker excludes the same directories as the first.
    assert [raw(row["name"]) for row in read_index(deployed, session)] == [b"readme.txt"]
    shown = deployed.tidemark("index", "show", session["index_id"], "--json")
    assert "/scratch" in shown.json["excluded"]
    until(
        lambda: names_below(deployed, shown.json["location"]),
        lambda names: {name.partition("-")[0] for name in names} == {"attempt", "manifest.json"},
    )
    assert len(names_below(deployed, shown.json["location"])) == 2, "the manifest and one attempt"


def names_below(deployed: Deployed, location: str) -> set[str]:
    """Return the files and folders of an index in the bucket."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    answer = deployed.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {found["Key"].removeprefix(prefix).partition("/")[0] for found in answer["Contents"]}


def test_a_worker_on_ec2_makes_the_same_index_and_terminates_itself(deployed: Deployed) -> None:
    session = deployed.run("instance")
    assert (session["status"], session["reasons"]) == ("success", [])
    assert [raw(row["name"]) for row in read_index(deployed, session)] == [b"readme.txt", b"scratch"]
    ec2 = deployed.cloud.client("ec2")
    ours = [{"Name": "tag:tidemark:index", "Values": [session["index_id"]]}]

    def instances() -> list[dict[str, Any]]:
        reservations = ec2.describe_instances(Filters=ours)["Reservations"]
        return [instance for one in reservations for instance in one["Instances"]]

    (instance,) = until(
        instances, lambda found: {one["State"]["Name"] for one in found} <= {"terminated"} and found
    )
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
