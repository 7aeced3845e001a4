"""A drill restores a sample, compares it with the index and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault
from tests.e2e.conftest import Answer, Deployed, until
from tests.e2e.trees import tree
from tidemark.errors import PolicyNotFound, RecoveryPointNotFound, RestoreFailed

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def desk(deployed: Deployed) -> Deployed:
    """A deployment in which the file system `desk` has a backup and an index."""
    deployed.run("desk")
    return deployed


@pytest.fixture
def point(desk: Deployed) -> Iterator[Path]:
    """The files of the newest recovery point of `desk`, which a test may damage."""
    plan = drilled(desk, "--dry-run").json["drills"][0]["plan"]
    directory = desk.cloud.recovery_point_directory(plan["points"][0]["recovery_point_arn"])
    intact = directory.with_name("intact")
    subprocess.run(["cp", "-al", directory, intact], check=True)
    yield directory
    shutil.rmtree(directory)
    intact.rename(directory)


@pytest.fixture(autouse=True)
def _nothing_left(desk: Deployed) -> Iterator[None]:
    """A drill changes no file system, mount target or file, and leaves no worker."""
    before = file_systems(desk), tree(desk.cloud.directory_of(original_of(desk)))
    yield
    assert (file_systems(desk), tree(desk.cloud.directory_of(original_of(desk)))) == before
    assert desk.cloud.worker_processes() == []


def original_of(deployed: Deployed) -> str:
    return deployed.cloud.file_systems["desk"].id


def drilled(deployed: Deployed, *arguments: str, name: str | None = None) -> Answer:
    return deployed.tidemark("drill", name or original_of(deployed), "--json", *arguments)


def file_systems(deployed: Deployed) -> dict[str, int]:
    efs = deployed.cloud.client("efs")
    return {
        one["FileSystemId"]: one["NumberOfMountTargets"] for one in efs.describe_file_systems()["FileSystems"]
    }


def shown(deployed: Deployed, restore_id: str) -> dict[str, Any]:
    answer = deployed.tidemark("restore-session", restore_id, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_an_intact_backup_passes(desk: Deployed) -> None:
    answer = drilled(desk, "--files", "30", "--yes", "--wait")
    assert answer.code == 0, answer.err
    (drill,) = answer.json["drills"]
    plan, session = drill["plan"], drill["session"]
    assert len(plan["drill"]) == 30
    assert {each["stratum"] for each in plan["drill"]} >= {"large", "small", "old", "new", "name", "link"}
    assert plan["estimate"]["usd"]
    assert (session["kind"], session["status"], session["reasons"]) == ("drill", "success", [])
    assert session["totals"]["placed"] == 30
    assert session["totals"]["differences"] == 0
    listed = desk.tidemark("restores", "--json").json["restores"][0]
    assert (listed["restore_id"], listed["kind"]) == (drill["restore_id"], "drill")


def damage(file: Path, number: int) -> str | None:
    """Damage a file in one of three ways, or not at all; return what differs then."""
    kind = ("missing", "size", "owner", None)[number % 4]
    if kind is not None:
        content, status = file.read_bytes(), file.stat()
        file.unlink()  # the intact tree has hard links to the same files
        if kind != "missing":
            file.write_bytes(content + b"x" * (kind == "size"))
            os.chown(file, status.st_uid + (kind == "owner"), status.st_gid)
            file.chmod(status.st_mode)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    return kind


def test_a_drill_finds_all_damage_in_its_sample_and_nothing_else(desk: Deployed, point: Path) -> None:
    damaged = {
        f"/wide/{file.name}": damage(file, number)
        for number, file in enumerate(sorted((point / "wide").iterdir()))
    }
    answer = drilled(desk, "--files", "50", "--yes", "--wait")
    assert answer.code == RestoreFailed.exit_code
    (drill,) = answer.json["drills"]
    assert drill["session"]["status"] == "failed"
    sample = {each["path"] for each in drill["plan"]["drill"]}
    expected = {(path, field) for path, field in damaged.items() if path in sample and field}
    assert {field for _, field in expected} == {"missing", "size", "owner"}
    session = shown(desk, drill["restore_id"])
    missing = {(each["path"], "missing") for each in session["problems"]}
    assert all(each["outcome"] == "not-restored" for each in session["problems"])
    assert {(each["path"], each["field"]) for each in session["differences"]} | missing == expected
    assert "tidemark restore-session" in answer.err


def test_a_drill_that_fails_is_removed_and_cannot_be_redriven(desk: Deployed) -> None:
    desk.cloud.faults.add(
        Fault(
            service="efs",
            operation="CreateMountTarget",
            action="fail",
            error_code="NoFreeAddressesInSubnet",
            status=409,
        )
    )
    answer = drilled(desk, "--files", "2", "--yes", "--wait")
    assert answer.code == RestoreFailed.exit_code
    (drill,) = answer.json["drills"]
    assert drill["session"]["status"] == "failed"
    assert "delete-file-system" not in " ".join(drill["session"]["reasons"])
    desk.cloud.faults.clear()
    states = desk.cloud.client("stepfunctions")
    states.redrive_execution(executionArn=drill["execution_arn"])
    ended = until(
        lambda: states.describe_execution(executionArn=drill["execution_arn"]),
        lambda execution: execution["status"] != "RUNNING",
    )
    assert ended["status"] == "FAILED"
    assert "tidemark drill" in ended["cause"]


def test_a_schedule_drills_each_file_system_of_its_policy(desk: Deployed) -> None:
    before = desk.executions("drill-run")
    desk.cloud.fire_schedule("tidemark-drill-drilled", group="tidemark")
    until(lambda: desk.executions("drill-run"), lambda found: len(found) > len(before))
    (name,) = desk.executions("drill-run").keys() - before.keys()
    states, arn = desk.cloud.client("stepfunctions"), desk.executions("drill-run")[name]
    ended = until(lambda: states.describe_execution(executionArn=arn), lambda one: one["status"] != "RUNNING")
    assert ended["status"] == "SUCCEEDED", ended
    (drill,) = json.loads(ended["output"])
    assert drill["file_system"] == original_of(desk)
    session = shown(desk, drill["drill_id"])
    assert (session["kind"], session["status"]) == ("drill", "success")
    assert session["totals"]["placed"] == 3


def test_a_schedule_whose_drill_fails_fails(desk: Deployed, point: Path) -> None:
    subprocess.run(["find", point, "-type", "f", "-delete"], check=True)
    states = desk.cloud.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=desk.machine("drill-run"), input=json.dumps({"policy": "drilled"})
    )
    ended = until(
        lambda: states.describe_execution(executionArn=started["executionArn"]),
        lambda one: one["status"] != "RUNNING",
    )
    assert (ended["status"], ended["error"]) == ("FAILED", "DrillsFailed")
    assert f"1 of 1 drills failed: {original_of(desk)}; " in ended["cause"]
    assert ended["cause"].endswith("tidemark drill drilled")


def test_a_policy_is_drilled_as_tidemark_yaml_says(desk: Deployed) -> None:
    answer = drilled(desk, "--dry-run", name="drilled")
    assert answer.code == 0, answer.err
    (drill,) = answer.json["drills"]
    assert len(drill["plan"]["drill"]) == 3
    assert drill["plan"]["file_system_id"] == original_of(desk)
    assert "session" not in drill


def test_a_plan_shows_what_is_restored_and_what_it_costs(desk: Deployed) -> None:
    answer = desk.tidemark("drill", original_of(desk), "--files", "3", "--dry-run")
    assert answer.code == 0, answer.err
    assert "temporary" in answer.out
    assert "cost" in answer.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["drill", "nowhere", "--yes"], PolicyNotFound.exit_code),
        (["drill", "fs-0000000000000000f", "--yes"], RecoveryPointNotFound.exit_code),
        (["drill", "{desk}", "--size", "-3", "--yes"], 2),
        (["drill", "{desk}", "--files", "0", "--yes"], 2),
        (["drill", "{desk}"], 2),
    ],
)
def test_wrong_input_is_answered_with_the_fix(desk: Deployed, arguments: list[str], code: int) -> None:
    answer = desk.tidemark(*(argument.format(desk=original_of(desk)) for argument in arguments))
    assert (answer.code, answer.out) == (code, "")
    assert "Traceback" not in answer.err
