"""The restores of the recording: two sessions of a file system each, on Fargate and on EC2, and leftovers.

The sessions of a file system wait for their turn. On Fargate, one has more items than AWS Backup accepts, and
a worker is killed once. On EC2, the job of the first session fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud import Fault, LocalCloud
from tidemark.errors import RestoreFailed

TIDEMARK = Path(sys.executable).with_name("tidemark")
SECONDS = 240  # for all restores, on a busy machine
MANY = tuple(f"many/{number}" for number in range(7))  # more items than the local cloud accepts in a job
STOPPED = "restore-fs-0123456789abcdef0-20261122T020000Z-abcdef"  # a session whose execution is gone
RESTORE_LEFT_BEHIND = {"tidemark:deployment": "tidemark", "tidemark:restore": STOPPED}


class Restores:
    """Commands that restore, in progress."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        """`home` is an empty directory."""
        self._cloud = cloud
        self._variables = {**cloud.environment, "HOME": str(home), "PATH": os.environ["PATH"]}
        self._running: list[tuple[str, subprocess.Popen[str]]] = []

    def _start(self, name: str, *arguments: str) -> None:
        file_system = self._cloud.file_systems[name].id
        command = [TIDEMARK, "restore", *arguments, "--file-system", file_system, "--yes", "--wait"]
        process = subprocess.Popen(
            command, env=self._variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._running.append((name, process))

    def start(self) -> None:
        """Remove files of `home` and `team`, and start to restore them. Their indexes must be complete."""
        for name in ("home", "team"):
            shutil.rmtree(self._root(name) / "many")
        team = self._cloud.file_systems["team"].id
        faults = self._cloud.faults
        faults.add(Fault(service="backup", operation="RestoreJob", action="fail", match=team, calls=(1, 1)))
        faults.add(
            Fault(
                service="s3",
                operation="PutObject",
                action="kill",
                match="results/totals-",
                principal="restore-task",
                calls=(1, 1),
            )
        )
        self._start("home", *(f"/{path}" for path in MANY))
        self._start("home", "/below/file", "--to", "/elsewhere")
        for directory in ("/first", "/second"):
            self._start("team", "/many", "--to", directory)

    def check(self) -> None:
        """Wait for all restores; check their exit codes and the restored files."""
        ended = []
        for name, process in self._running:
            output, _ = process.communicate(timeout=SECONDS)
            ended.append((name, process.returncode))
            assert process.returncode in (0, RestoreFailed.exit_code), output
        assert sorted(ended) == [("home", 0), ("home", 0), ("team", 0), ("team", RestoreFailed.exit_code)]
        home, team = self._root("home"), self._root("team")
        assert all((home / path).exists() for path in (*MANY, "elsewhere/below/file"))
        assert (team / "first" / "many").exists() != (team / "second" / "many").exists()

    def kill(self) -> None:
        """End commands that still run."""
        for _, process in self._running:
            process.kill()
            process.wait()

    def _root(self, name: str) -> Path:
        return self._cloud.directory_of(self._cloud.file_systems[name].id)


@contextmanager
def restores(cloud: LocalCloud, home: Path) -> Iterator[Restores]:
    """Start the restores; check their results at the end."""
    home.mkdir()
    started = Restores(cloud, home)
    try:
        started.start()
        yield started
        started.check()
    finally:
        started.kill()


def leave_restore(cloud: LocalCloud) -> None:
    """Leave a session with the turn of its file system, whose execution is gone."""
    dynamodb = cloud.client("dynamodb")
    states = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    (machine,) = (one["stateMachineArn"] for one in states if one["name"] == "tidemark-restore-session")
    texts = {
        "restore_id": STOPPED,
        "plan_id": "plan",
        "file_system": f"{cloud.account_id}/{cloud.region}/fs-0123456789abcdef0",
        "execution_arn": f"{machine.replace(':stateMachine:', ':execution:')}:{STOPPED}",
        "started_at": "2026-01-01T00:00:00+00:00",
        "month": "2026-01",
        "status": "running",
        "phase": "placing",
        "running": "yes",
    }
    item: Any = {name: {"S": text} for name, text in texts.items()}
    dynamodb.put_item(TableName="tidemark-restores", Item=item)
    turn = {"file_system": texts["file_system"], "record": "restore", "restore_id": STOPPED}
    held: Any = {name: {"S": text} for name, text in turn.items()}
    dynamodb.put_item(TableName="tidemark-indexes", Item=held)


def check_restore_swept(cloud: LocalCloud) -> None:
    """Check that the sweeper has closed the session and released its turn."""
    dynamodb = cloud.client("dynamodb")
    found = dynamodb.get_item(
        TableName="tidemark-restores", Key={"restore_id": {"S": STOPPED}}, ConsistentRead=True
    )["Item"]
    assert found["status"]["S"] == "aborted"
    records = dynamodb.scan(TableName="tidemark-indexes", ConsistentRead=True)["Items"]
    assert [one["restore_id"]["S"] for one in records if one["record"]["S"] == "restore"] == []
