"""A restored file system for the restore worker: what was backed up, its index, and what AWS Backup wrote."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from tests.aws.account import ACCOUNT, FS, REGION
from tests.aws.restore_plans import plan_of, point_plan
from tests.restore import trees
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import CrawlOptions
from tidemark.escape import unescape
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import FileStore, ObjectMissing
from tidemark.restore.plan import Destination, Item, PointPlan
from tidemark.settings import RestoreWorkerSettings
from worker_image import restore_worker

STARTED = datetime(2026, 11, 29, 15, 30, tzinfo=UTC)
RUN = "restore-1"
PREFIX = f"restores/{FS}/{RUN}/"


class States:
    """Step Functions for one worker. `dead_after` heartbeats it no longer waits."""

    def __init__(self, dead_after: int | None = None) -> None:
        self.dead_after = dead_after
        self.heartbeats = 0
        self.successes: list[dict[str, int]] = []
        self.failures: list[tuple[str, str]] = []

    def _check(self) -> None:
        if self.dead_after is not None and self.heartbeats > self.dead_after:
            raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": "late"}}, "SendTask")

    def send_task_heartbeat(self, **_: Any) -> None:
        self.heartbeats += 1
        self._check()

    def send_task_success(self, *, output: str, **_: Any) -> None:
        self._check()
        self.successes.append(json.loads(output))

    def send_task_failure(self, *, error: str, cause: str, **_: Any) -> None:
        self._check()
        self.failures.append((error, cause))


class Restore:
    """One restore session: its backups, the file system `root`, and the repository `store`."""

    def __init__(self, directory: Path, live: trees.Tree) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        trees.build(os.fsencode(self.root), live)
        self.store: Any = FileStore(directory / "repository")
        self.states = States()
        self._points: list[PointPlan] = []
        self._jobs: list[dict[str, Any]] = []

    def copied_to(self, directory: Path) -> Restore:
        """Return another restore session in the same state."""
        shutil.copytree(self.directory, directory, symlinks=True)
        copied = copy.copy(self)
        copied.directory, copied.root = directory, directory / "root"
        copied.store, copied.states = FileStore(directory / "repository"), States()
        return copied

    def backup(
        self,
        tree: trees.Tree,
        items: Sequence[str],
        requests: Sequence[str] | None = None,
        now: datetime = STARTED,
    ) -> Path:
        """Index a tree, at a time, as the next point of the plan; return its directory."""
        number = len(self._points)
        source = self.directory / f"source-{number}"
        source.mkdir()
        trees.build(os.fsencode(source), tree, restored=True)
        index_id = f"{FS.file_system_id}-20261122T02000{number}Z-0a1b2c"
        scratch = self.directory / f"scratch-{number}"
        scratch.mkdir()
        build_index(
            open_crawl(os.fsencode(source), CrawlOptions(threads=1)),
            self.store,
            IndexIdentity(
                account=ACCOUNT, region=REGION, file_system_id=FS.file_system_id, index_id=index_id
            ),
            scratch=scratch,
            now=lambda: now,
            worker="tests",
        )
        point = point_plan([item_in(source, path) for path in items], requests, index_id=index_id)
        self._points.append(point)
        return source

    def restore(self, first: int = 0, end: int | None = None, point: int = -1) -> Path:
        """Restore requests of a point as AWS Backup does; return its directory in the root."""
        number = point % len(self._points)
        requests = self._points[number].requests
        end = max(1, len(requests)) if end is None else end
        began = STARTED + timedelta(minutes=10 * len(self._jobs))
        written = (
            self.root / f"aws-backup-restore_{began + timedelta(seconds=2):%Y-%m-%dT%H-%M-%S}-123456789Z"
        )
        written.mkdir()
        source = self.directory / f"source-{number}"
        for path in requests[first:end] or [""]:
            _copy(source, written, os.fsdecode(unescape(path.strip("/"))))
        self._jobs.append(
            {
                "job_id": f"job-{len(self._jobs)}",
                "point": number,
                "first": first,
                "end": end,
                "began_at": began.isoformat(),
                "completed_at": (began + timedelta(minutes=5)).isoformat(),
            }
        )
        return written

    def run(
        self,
        to: str = "",
        on_conflict: Literal["fail", "skip", "rename", "replace"] = "fail",
        store: Any = None,
    ) -> int:
        """Write the plan and the jobs, and run the worker."""
        destination = Destination(kind="directory", directory=to) if to else Destination(kind="in-place")
        plan = plan_of(*self._points, destination=destination, on_conflict=on_conflict)
        self.store.put(f"restores/{FS}/plans/plan-1.json", plan.to_json())
        self.store.put(f"{PREFIX}jobs.json", json.dumps(self._jobs).encode())
        settings = RestoreWorkerSettings(
            task_token="token",
            restore_id=RUN,
            plan_id="plan-1",
            account=ACCOUNT,
            region=REGION,
            file_system_id=FS.file_system_id,
            repository=self.store.url,
            root=str(self.root),
            heartbeat_seconds=3_600,
        )
        states: Any = self.states
        return restore_worker.run(settings, store=store or self.store, states=states, now=lambda: STARTED)

    def tree(self) -> trees.Tree:
        """Return the file system, without what Tidemark keeps in restored directories."""
        tree = trees.read(os.fsencode(self.root))
        return {
            name: {below: each for below, each in node.items() if not below.startswith(b".tidemark-")}
            if isinstance(node, dict)
            else node
            for name, node in tree.items()
        }

    def results(self) -> dict[str, Any]:
        """Return the objects that the worker wrote, by name, apart from the progress."""
        found = {}
        for key in self.store.list_keys(f"{PREFIX}results/"):
            name, body = key.rpartition("/")[2], self.store.get(key)
            if name != "progress.json":
                found[name] = [json.loads(line) for line in body.splitlines()]
        return found

    def lines(self, kind: str, job: int = 0) -> list[dict[str, str]]:
        """Return the listed problems or differences of a job."""
        try:
            return self.results()[f"{kind}-job-{job}.jsonl"]
        except (KeyError, ObjectMissing):
            raise AssertionError(f"job {job} has no {kind}") from None

    @property
    def totals(self) -> dict[str, int]:
        """The totals that the worker has answered, without zeros."""
        (answer,) = self.states.successes
        return {name: number for name, number in answer.items() if number}


def item_in(source: Path, path: str) -> Item:
    """Return an item of a plan, as the planner makes it of the index."""
    found = source / os.fsdecode(unescape(path.strip("/")))
    if found.is_symlink() or found.is_file():
        return Item(path=path, type="l" if found.is_symlink() else "f", entries=1, bytes=1)
    if found.is_dir():
        return Item(path=path, type="d", entries=1 + len(list(found.rglob("*"))), bytes=1)
    return Item(path=path, type="", entries=1, bytes=0, note="it was not read")


def _copy(source: Path, written: Path, path: str) -> None:
    """Copy a path with the directories above it, and their attributes."""
    above = Path()
    for name in Path(path).parts[:-1]:
        above /= name
        (written / above).mkdir(exist_ok=True)
    found, target = source / path, written / path
    if found.is_dir() and not found.is_symlink():
        shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
    elif os.path.lexists(found):
        shutil.copy2(found, target, follow_symlinks=False)
    for directory in [above, *above.parents]:
        shutil.copystat(source / directory, written / directory)


@dataclasses.dataclass
class EndingStore:
    """A store whose process ends at one of its writes, before or after the object is there."""

    store: Any
    ends: Any  # called with "before" and "after" for every write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put(self, key: str, body: bytes, **options: Any) -> None:
        """Write, unless the process ends before."""
        self.ends("before", key)
        self.store.put(key, body, **options)
        self.ends("after", key)
