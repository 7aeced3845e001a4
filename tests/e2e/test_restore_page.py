"""Every command of docs/restore.md runs, and does what the page promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import TIDEMARK, Deployed, until
from tests.e2e.test_restore import left_directories, root_of

pytestmark = pytest.mark.cloud

PAGE = (Path(__file__).parents[2] / "docs" / "restore.md").read_text()
COMMAND = re.compile(r"^ {4,}((?:tidemark|aws) .+)$", re.MULTILINE)


def sections() -> dict[str, list[str]]:
    """Return the commands of each section of the page."""
    texts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    found = {title: COMMAND.findall(text) for title, text in zip(texts[::2], texts[1::2], strict=True)}
    return {title: commands for title, commands in found.items() if commands}


@pytest.fixture(scope="module")
def run(deployed: Deployed) -> Callable[[str], list[str]]:
    """Return a function that runs the commands of a section in a shell and returns their outputs."""
    deployed.run("desk")
    good = datetime.now(UTC).isoformat(timespec="seconds")
    file_system = deployed.cloud.file_systems["desk"].id
    efs = deployed.cloud.client("efs")
    (target,) = efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
    groups = efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])
    environment = {
        **deployed.cloud.environment,
        "HOME": str(deployed.home),
        "PATH": f"{TIDEMARK.parent}{os.pathsep}{os.environ['PATH']}",
    }

    def shell(command: str) -> str:
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result.stdout

    def run_section(title: str) -> list[str]:
        indexes = deployed.tidemark("index", "list", "--file-system", file_system, "--json").json["indexes"]
        two = [index["index_id"] for index in indexes][-2:]
        listed = shell("tidemark restores | sed -n 2p").split()
        values = {
            "subnet-0123456789abcdef0": target["SubnetId"],
            "sg-0123456789abcdef0": groups["SecurityGroups"][0],
            "fs-0123456789abcdef0": file_system,
            "--at 2026-11-22": f"--at {good}",
            "--at 7d": f"--at {good}",
            "INDEX INDEX": " ".join(two),
            "drill nightly": "drill drilled",
            "session ID": f"session {listed[-1] if listed else ''}",
        }
        outputs = []
        for command in sections()[title]:
            filled = command
            for name, value in values.items():
                filled = filled.replace(name, value)
            if "restore " in filled and "--yes" not in filled and "--dry-run" not in filled:
                filled += " --yes"  # there is no terminal to ask
            outputs.append(shell(filled))
            if "list-recovery-points" in command:
                lines = [line for line in outputs[-1].splitlines() if file_system in line]
                values["POINT"] = lines[0].split()[0]
            if "start-restore-job" in command:
                values[" JOB "] = f" {json.loads(outputs[-1])['RestoreJobId']} "
        return outputs

    return run_section


@pytest.fixture
def root(deployed: Deployed, run: object) -> Path:
    return deployed.cloud.writable_directory_of(deployed.cloud.file_systems["desk"].id)


def test_one_file(run: Callable[[str], list[str]], root: Path) -> None:
    (root / "home" / "ann" / "thesis.tex").unlink()
    run("One file was deleted or overwritten")
    names = sorted(path.name for path in (root / "home" / "ann").iterdir())
    assert names[0] == "thesis.tex"
    assert re.fullmatch(r"thesis\.tex\.restored-\d{8}T\d{6}Z", names[1])
    assert len(names) == 2
    for path in (root / "home" / "ann").iterdir():
        assert path.read_text() == "home/ann/thesis.tex"
        if path.name != "thesis.tex":
            path.unlink()


def test_a_directory(run: Callable[[str], list[str]], root: Path) -> None:
    shutil.rmtree(root / "home" / "ann")
    run("A directory was deleted")
    for where in (root, root / "restored"):
        assert (where / "home" / "ann" / "thesis.tex").read_text() == "home/ann/thesis.tex"
    shutil.rmtree(root / "restored")


def test_many_files(run: Callable[[str], list[str]], root: Path) -> None:
    run("Many files, by a condition")
    assert (root / "restored" / "finance" / "2026.xlsx").read_text() == "finance/2026.xlsx"
    shutil.rmtree(root / "restored")


def test_ransomware(deployed: Deployed, run: Callable[[str], list[str]], root: Path) -> None:
    files = [root / "home" / "ann" / "thesis.tex", root / "finance" / "2026.xlsx"]
    for file in files:
        file.write_text("encrypted")
    (root / "README_TO_DECRYPT.txt").write_text("pay")
    deployed.run("desk")  # the newest backup is encrypted, too
    run("Ransomware, or another mass change")
    assert [file.read_text() for file in files] == ["home/ann/thesis.tex", "finance/2026.xlsx"]
    assert (root / "README_TO_DECRYPT.txt").exists(), "the page says that it stays"
    (root / "README_TO_DECRYPT.txt").unlink()
    assert left_directories(root) == []


def test_drills(run: Callable[[str], list[str]], root: Path) -> None:
    proof, plan = run("Prove that backups restore")
    assert "restored, all as in the index" in proof
    assert "cost" in plan


def file_systems(deployed: Deployed) -> set[str]:
    pages = deployed.cloud.client("efs").get_paginator("describe_file_systems").paginate()
    return {one["FileSystemId"] for page in pages for one in page["FileSystems"]}


def test_a_new_file_system(deployed: Deployed, run: Callable[[str], list[str]], root: Path) -> None:
    before = file_systems(deployed)
    run("The file system was deleted")
    (new,) = file_systems(deployed) - before
    assert (deployed.cloud.directory_of(new) / "home" / "ann" / "thesis.tex").exists()
    assert left_directories(deployed.cloud.directory_of(new)) == []


def test_a_lost_region(run: Callable[[str], list[str]]) -> None:
    *_, described = run("The Region is lost")
    assert described.split()[0] in {"PENDING", "RUNNING", "COMPLETED"}


def test_watching(deployed: Deployed, run: Callable[[str], list[str]], root: Path) -> None:
    until(lambda: deployed.tidemark("restores").out, lambda out: "restore-fs-" in out)
    assert any("place" in output for output in run("What happens"))
    assert root == root_of(deployed, "desk")


def test_the_page_has_no_other_commands() -> None:
    assert set(sections()) == {
        "One file was deleted or overwritten",
        "A directory was deleted",
        "Many files, by a condition",
        "Ransomware, or another mass change",
        "The file system was deleted",
        "The Region is lost",
        "What happens",
        "Prove that backups restore",
    }
