"""One local cloud with Tidemark deployed from the real template, for all tests in this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud
from tests.crawl.trees import make_pitfalls
from tests.e2e.account import make_mount_targets, make_network
from tests.infra.assemblies import assembly
from tidemark.answers.connection import Connection, connect
from tidemark.cli.support.local_deployment import configuration
from tidemark.errors import SessionNotFound
from tidemark.policy.policy import Policy

TIDEMARK = Path(sys.executable).with_name("tidemark")
SECONDS = 240  # for a session on a busy machine


MORE_POLICIES = """\
  pair:
    file_systems: [{team}, {bare}]
    keep: 35 days
    index: false
  part:
    file_systems: [{team}]
    keep: 35 days
    index: {{exclude: [/scratch]}}
  instance:
    file_systems: [{bare}]
    keep: forever
    index: {{exclude: [/scra*/much], operations_per_second: 10000}}
    worker: {{type: ec2, instance_type: m7g.large}}
  drilled:
    file_systems: [{desk}]
    keep: 35 days
    drill: {{schedule: {{rate: 30 days}}, files: 3}}
  public:
    file_systems: [{public}]
    keep: 35 days
    worker: {{network: {{public_address: true}}}}
  tested:
    file_systems: [{probe}]
    keep: 35 days
    restore_testing: {{schedule: {{cron: 0 4 1 1 ? 2099}}}}
  flagged:
    file_systems: [{kept}]
    schedules: {{monthly: {{at: 02:30, on: [15, last friday], keep: 1 year}}, time_zone: Europe/Berlin}}
    keep: 35 days
    index: false
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The output and exit code of a CLI command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The deployment, with access through the CLI and through an independent AWS client."""

    cloud: LocalCloud
    outputs: dict[str, dict[str, str]]
    directories: dict[str, Path]
    home: Path  # an empty HOME for the CLI
    environment: dict[str, str] = field(default_factory=dict)

    def tidemark(self, *arguments: str, **environment: str | None) -> Answer:
        """Run the CLI as a user would; None removes a variable."""
        variables = {
            **self.cloud.environment,
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            **environment,
        }
        result = subprocess.run(
            [TIDEMARK, *arguments],
            env={name: value for name, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(code=result.returncode, out=result.stdout, err=result.stderr)

    def run(self, policy: str) -> dict[str, Any]:
        """Run a policy of one file system and return its session, which must have a recovery point."""
        answer = self.tidemark("run", policy, "--wait", "--json")
        assert answer.code == 0, answer.err
        (session,) = answer.json["sessions"]
        return session

    def start(self, policy: str) -> str:
        """Start a policy of one file system and return the session's id."""
        answer = self.tidemark("run", policy, "--json")
        assert answer.code == 0, answer.err
        return answer.json["sessions"][0]["session_id"]

    def session(self, session_id: str) -> dict[str, Any]:
        """Wait for a session to be opened and return it."""
        opened = until(
            lambda: self.tidemark("session", session_id, "--json"),
            lambda answer: answer.code != SessionNotFound.exit_code,
        )
        assert opened.code == 0, opened.err
        return opened.json

    def ended(self, session_id: str) -> dict[str, Any]:
        """Wait for a session to end and return it."""
        return until(lambda: self.session(session_id), lambda session: session["status"] != "running")

    def machine(self, name: str) -> str:
        return f"arn:aws:states:{self.cloud.region}:{self.cloud.account_id}:stateMachine:tidemark-{name}"

    def executions(self, name: str) -> dict[str, str]:
        """Return the names of a state machine's executions with their ARNs."""
        pages = (
            self.cloud.client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=self.machine(name))
        )
        return {one["name"]: one["executionArn"] for page in pages for one in page["executions"]}

    def records(self, table: str) -> list[dict[str, Any]]:
        """Return a table's items, by an independent client."""
        resource = self.cloud.session().resource("dynamodb", endpoint_url=self.cloud.endpoint_url)
        return resource.Table(f"tidemark-{table}").scan(ConsistentRead=True)["Items"]

    def associations(self) -> dict[str, str]:
        return {
            item["recovery_point_arn"]: item["index_id"]
            for item in self.records("indexes")
            if item["record"].startswith("association#")
        }

    def sweep(self) -> None:
        """Invoke the sweeper as Scheduler does."""
        answer = self.cloud.client("lambda").invoke(FunctionName="tidemark-sweep", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()


def until(ask: Callable[[], Any], enough: Callable[[Any], bool], seconds: float = SECONDS) -> Any:
    """Poll until the result is sufficient."""
    end = time.monotonic() + seconds
    while not enough(answer := ask()):
        assert time.monotonic() < end, f"still {answer} after {seconds} s"
        time.sleep(0.2)
    return answer


def tasks(deployed: Deployed) -> dict[str, Any]:
    """Return the workers' tasks that have stopped."""
    ecs = deployed.cloud.client("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return {task["taskArn"]: task for task in found}


@contextmanager
def start_cloud(directories: dict[str, Path], *, region: str) -> Iterator[LocalCloud]:
    """Run a local cloud for whole sessions: with a process for each function, and with short jobs.

    Heartbeats are shortened to 30 s, so that a dead worker is detected during a test.
    """
    with LocalCloud.start(
        file_systems=directories, time_scale=0.01, timeout_scale=0.1, warm_functions=20, region=region
    ) as cloud:
        cloud.set_job_durations(
            backup=60, copy=60, restore=60
        )  # in AWS's seconds: each is polled at least twice
        yield cloud


@contextmanager
def deployment(root: Path) -> Iterator[Deployed]:
    """Run a local cloud with the policies of these tests in it; `root` is an empty directory."""
    directories = {name: root / name for name in ("home", "team", "bare", "desk", "probe", "kept", "public")}
    for directory in directories.values():
        directory.mkdir()
        (directory / "readme.txt").write_text(directory.name)
    for name in ("home", "desk", "probe"):
        make_pitfalls(directories[name])
    for path in ("home/ann/thesis.tex", "finance/2026.xlsx"):  # those of docs/restore.md
        (directories["desk"] / path).parent.mkdir(parents=True, exist_ok=True)
        (directories["desk"] / path).write_text(path)
    shutil.rmtree(directories["desk"] / "chain")  # `cp` cannot copy paths as long as these
    for name in ("team", "bare"):
        (directories[name] / "scratch" / "much").mkdir(parents=True)
        (directories[name] / "scratch" / "much" / "of it").write_text("")
    home = root / "nobody"
    home.mkdir()
    with start_cloud(directories, region="eu-central-1") as cloud:
        ids = {name: one.id for name, one in cloud.file_systems.items()}
        _move_to_public_subnets(cloud, ids["public"])
        own = {name: value for name, value in ids.items() if name != "public"}
        outputs = cloud.deploy(assembly(configuration(own) + MORE_POLICIES.format(**ids)))
        yield Deployed(cloud=cloud, outputs=outputs, directories=directories, home=home)


def _move_to_public_subnets(cloud: LocalCloud, file_system: str) -> None:
    """Replace the mount targets of a file system by some in subnets as `make test-aws` creates them."""
    efs = cloud.client("efs")
    for target in efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    with ExitStack() as undo:
        network = make_network(cloud.client("ec2"), undo, "public", pause=0.1)
        make_mount_targets(efs, undo, file_system, network, pause=0.1)
        undo.pop_all()  # they end with the cloud


@dataclass
class Deployments:
    """The deployment that consecutive tests of this folder share."""

    stack: ExitStack = field(default_factory=ExitStack)
    running: Deployed | None = None

    def get(self, paths: pytest.TempPathFactory) -> Deployed:
        """Return the running deployment, after starting it if there is none."""
        if self.running is None:
            self.running = self.stack.enter_context(deployment(paths.mktemp("e2e")))
        return self.running

    def close(self) -> None:
        """Stop it."""
        self.running = None
        self.stack.close()


DEPLOYMENTS = pytest.StashKey[Deployments]()


@pytest.fixture(scope="session")
def _deployments(request: pytest.FixtureRequest) -> Iterator[Deployments]:
    deployments = request.config.stash[DEPLOYMENTS] = Deployments()
    yield deployments
    deployments.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the deployment after the last consecutive test of this folder.

    The session's end would be minutes later, and an idle local cloud with its processes takes memory and
    processor time from the other tests.
    """
    ours = nextitem is not None and nextitem.path.is_relative_to(Path(__file__).parent)
    if not ours and (deployments := item.config.stash.get(DEPLOYMENTS, None)):
        deployments.close()


@pytest.fixture(scope="module")
def deployed(_deployments: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The deployment, shared with the modules before and after this one."""
    return _deployments.get(tmp_path_factory)


@pytest.fixture(autouse=True)
def _no_faults(deployed: Deployed) -> Iterator[None]:
    yield
    deployed.cloud.faults.clear()


@pytest.fixture
def connection(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection of this process to the deployment."""
    for name, value in deployed.cloud.environment.items():
        monkeypatch.setenv(name, value)
    return connect()


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def home(connection: Connection) -> Policy:
    return connection.policy("home")
