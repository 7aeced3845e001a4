"""The restores of the recording: sessions of a file system on Fargate, of one on EC2, and leftovers.

The sessions of a file system wait for their turn. On Fargate, one has more items than AWS Backup accepts, one
creates a new file system, a worker is killed once, and there are a drill and one of a schedule. On EC2, the
job of the first session fails, and a redrive restores its items.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from localcloud import Fault, LocalCloud
from tidemark.errors import RestoreFailed
from tidemark.sessions.restore_session import RestoreJob, RestoreSession
from tidemark.sessions.session import FileSystem

_SERIALIZER = TypeSerializer()
TIDEMARK = Path(sys.executable).with_name("tidemark")
SECONDS = 240  # for all restores, on a busy machine
MANY = tuple(f"many/{number}" for number in range(7))  # more items than the local cloud accepts in a job
STOPPED = "restore-fs-0123456789abcdef0-20261122T020000Z-abcdef"  # a session whose execution is gone
DRILL = STOPPED.replace("abcdef", "abcde0")  # a drill whose execution is gone
RESTORE_LEFT_BEHIND = {"tidemark:deployment": "tidemark", "tidemark:restore": STOPPED}


class Restores:
    """Commands that restore, in progress."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        """`home` is an empty directory."""
        self._cloud = cloud
        self._variables = {**cloud.environment, "HOME": str(home), "PATH": os.environ["PATH"]}
        self._running: list[tuple[str, subprocess.Popen[str]]] = []
        self._redriven = ""  # ARN of an execution

    def _start(self, name: str, *arguments: str) -> None:
        self._run(name, "restore", *arguments, "--file-system", self._cloud.file_systems[name].id)

    def _run(self, name: str, *arguments: str) -> None:
        command = [TIDEMARK, *arguments, "--yes", "--wait"]
        process = subprocess.Popen(
            command, env=self._variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._running.append((name, process))

    def start(self, policy: str) -> None:
        """Start the restores of the file system of a policy that has ended, if there are any."""
        match policy:
            case "nightly":
                shutil.rmtree(self._root("home") / "many")
                self._cloud.faults.add(
                    Fault(
                        service="s3",
                        operation="PutObject",
                        action="kill",
                        principal="restore-task",
                        match="results/totals-",
                        calls=(1, 1),
                    )
                )
                self._start("home", *(f"/{path}" for path in MANY))
                self._start("home", "/below/file", "--to", "/elsewhere")
                self._set_up("home")
                self._start("home", "/below/file", "--new-file-system")
                self._run("home", "drill", self._cloud.file_systems["home"].id, "--files", "3")
                self._cloud.fire_schedule("tidemark-drill-nightly", group="tidemark")
            case "instance":
                shutil.rmtree(self._root("team") / "many")
                team = self._cloud.file_systems["team"].id
                self._cloud.faults.add(
                    Fault(service="backup", operation="RestoreJob", action="fail", match=team, calls=(1, 1))
                )
                for directory in ("/first", "/second"):
                    self._start("team", "/many", "--to", directory)

    def _set_up(self, name: str) -> None:
        """Give a file system settings that a new file system does not have."""
        efs, identifier = self._cloud.client("efs"), self._cloud.file_systems[name].id
        efs.put_lifecycle_configuration(
            FileSystemId=identifier, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}]
        )
        efs.update_file_system(FileSystemId=identifier, ThroughputMode="elastic")
        arn = efs.describe_file_systems(FileSystemId=identifier)["FileSystems"][0]["FileSystemArn"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess"],
                    "Resource": arn,
                }
            ],
        }
        efs.put_file_system_policy(FileSystemId=identifier, Policy=json.dumps(policy))

    def check(self) -> None:
        """Wait for all restores, and redrive the failed one; check exit codes and restored files."""
        ended = []
        # those of `team` first: the redrive runs while the sessions of `home` do
        for name, process in sorted(self._running, key=lambda one: one[0], reverse=True):
            output, _ = process.communicate(timeout=SECONDS)
            ended.append((name, process.returncode))
            assert process.returncode in (0, RestoreFailed.exit_code), output
            if process.returncode:
                self._redriven = self._redrive()
        assert sorted(ended) == [*4 * [("home", 0)], ("team", 0), ("team", RestoreFailed.exit_code)]
        (drill,) = self._executions("drill-run")
        self._await(drill)
        home, team = self._root("home"), self._root("team")
        assert all((home / path).exists() for path in (*MANY, "elsewhere/below/file"))
        self._await(self._redriven)
        assert all((team / directory / path).exists() for directory in ("first", "second") for path in MANY)

    def _redrive(self) -> str:
        """Redrive the failed session; return the ARN of its execution."""
        states = self._cloud.client("stepfunctions")
        (failed,) = states.list_executions(stateMachineArn=machine(self._cloud), statusFilter="FAILED")[
            "executions"
        ]
        states.redrive_execution(executionArn=failed["executionArn"])
        return str(failed["executionArn"])

    def _executions(self, name: str) -> list[str]:
        arn = machine(self._cloud).replace("restore-session", name)
        found = self._cloud.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
        return [one["executionArn"] for one in found]

    def _await(self, execution: str) -> None:
        states, deadline = self._cloud.client("stepfunctions"), time.monotonic() + SECONDS
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            assert time.monotonic() < deadline, f"{execution} has not ended"
            time.sleep(0.2)
        assert status == "SUCCEEDED"

    def kill(self) -> None:
        """End commands that still run."""
        for _, process in self._running:
            process.kill()
            process.wait()

    def _root(self, name: str) -> Path:
        return self._cloud.directory_of(self._cloud.file_systems[name].id)


@contextmanager
def restores(cloud: LocalCloud, home: Path) -> Iterator[Restores]:
    """Return the restores, to be started; check their results at the end."""
    home.mkdir()
    started = Restores(cloud, home)
    try:
        yield started
        started.check()
    finally:
        started.kill()


def machine(cloud: LocalCloud) -> str:
    """Return the ARN of the state machine of restores."""
    return f"arn:aws:states:{cloud.region}:{cloud.account_id}:stateMachine:tidemark-restore-session"


def leave_restore(cloud: LocalCloud) -> None:
    """Leave a session with the turn of its file system, and a drill, whose executions are gone."""
    dynamodb = cloud.client("dynamodb")
    _leave_drill(cloud)
    texts = {
        "restore_id": STOPPED,
        "plan_id": "plan",
        "file_system": f"{cloud.account_id}/{cloud.region}/fs-0123456789abcdef0",
        "execution_arn": f"{machine(cloud).replace(':stateMachine:', ':execution:')}:{STOPPED}",
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


def _leave_drill(cloud: LocalCloud) -> None:
    """Leave a drill that has created and marked a file system with a mount target."""
    efs, home = cloud.client("efs"), cloud.file_systems["home"].id
    tags = {"tidemark:deployment": "tidemark", "tidemark:restore": DRILL, "tidemark:temporary": DRILL}
    made = efs.create_file_system(CreationToken=DRILL)["FileSystemId"]
    efs.tag_resource(ResourceId=made, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    subnet = efs.describe_mount_targets(FileSystemId=home)["MountTargets"][0]["SubnetId"]
    efs.create_mount_target(FileSystemId=made, SubnetId=subnet)
    job = RestoreJob(
        job_id="job",
        point=0,
        first=0,
        end=1,
        attempt=0,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        state="COMPLETED",
        created=made,
    )
    session = RestoreSession(
        restore_id=DRILL,
        plan_id="drill",
        file_system=FileSystem(cloud.account_id, cloud.region, home),
        execution_arn=f"{machine(cloud).replace(':stateMachine:', ':execution:')}:{DRILL}",
        started_at=job.started_at,
        phase="placing",
        jobs=(job,),
        is_new=True,
        kind="drill",
    )
    item = {name: _SERIALIZER.serialize(_plain(value)) for name, value in session.to_item().items()}
    cloud.client("dynamodb").put_item(TableName="tidemark-restores", Item=item)


def _plain(value: Any) -> Any:
    """Return a value of a record as the tables' client takes it."""
    return list(value) if isinstance(value, tuple) else value


def check_restore_swept(cloud: LocalCloud) -> None:
    """Check that the sweeper has closed the session and released its turn."""
    dynamodb = cloud.client("dynamodb")
    found = dynamodb.get_item(
        TableName="tidemark-restores", Key={"restore_id": {"S": STOPPED}}, ConsistentRead=True
    )["Item"]
    assert found["status"]["S"] == "aborted"
    drill = dynamodb.get_item(
        TableName="tidemark-restores", Key={"restore_id": {"S": DRILL}}, ConsistentRead=True
    )["Item"]
    assert (drill["status"]["S"], "is_removed" in drill) == ("aborted", True)
    records = dynamodb.scan(TableName="tidemark-indexes", ConsistentRead=True)["Items"]
    assert [one["restore_id"]["S"] for one in records if one["record"]["S"] == "restore"] == []
