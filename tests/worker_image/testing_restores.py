"""A restored file system for the verification worker: its backup, its indexes, what AWS Backup wrote."""

from __future__ import annotations

import copy
import json
import os
import stat
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.aws.account import ACCOUNT, FS, REGION
from tests.worker_image.restoring import States
from tidemark.crawl import open_crawl
from tidemark.crawl.crawler import RESTORE_DIRECTORIES, CrawlOptions
from tidemark.exclusions import Exclusion
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.storage.object_store import FileStore
from tidemark.settings import VerificationWorkerSettings
from worker_image import verification_worker

RUN, JOB = "test-1", "4D0A6A7F-0000-0000-0000-000000000001"
PREFIX = f"restores/{FS}/{RUN}/"
RESTORED_AT = datetime(2026, 11, 29, 15, 30, tzinfo=UTC)


class RestoreTest:
    """One restore test: the original file system, its backup, its indexes and the restored file system."""

    def __init__(self, directory: Path, build: Any) -> None:
        """Create the original by `build`, which receives its directory."""
        self.directory, self.original = directory, directory / "original"
        self.restored = directory / "restored"
        self.written = self.restored / f"aws-backup-restore_{RESTORED_AT:%Y-%m-%dT%H-%M-%S}-123456789Z"
        for made in (self.original, self.restored):
            made.mkdir(parents=True)
        build(self.original)
        self.store: Any = FileStore(directory / "repository")
        self.exact: Any = FileStore(directory / "repository" / PREFIX)
        self.states = States()
        self.backed_up_at = self.backup_ended_at = RESTORED_AT
        self._indexes: list[Manifest] = []

    def copied_to(self, directory: Path) -> RestoreTest:
        """Return another test in the same state."""
        _copy(self.directory, directory)
        copied = copy.copy(self)
        copied.directory, copied.restored = directory, directory / "restored"
        copied.written = copied.restored / self.written.name
        copied.store, copied.states = FileStore(directory / "repository"), States()
        copied.exact = FileStore(directory / "repository" / PREFIX)
        return copied

    def back_up(self) -> None:
        """Back up the original as AWS Backup does, and restore it to a new file system."""
        self.backed_up_at = _tick()
        _copy(self.original, self.written)
        for path in self.written.rglob("*"):
            if stat.S_ISFIFO(path.lstat().st_mode):
                path.unlink()  # as AWS Backup omits them
        self.backup_ended_at = _tick()

    def index(self, *exclude: str) -> Manifest:
        """Index the original."""
        number = len(self._indexes)
        excluded = (*RESTORE_DIRECTORIES, *map(Exclusion.parse, exclude))
        scratch = self.directory / f"scratch-{number}"
        scratch.mkdir()
        made = build_index(
            open_crawl(os.fsencode(self.original), CrawlOptions(threads=1, exclude=excluded)),
            self.store,
            IndexIdentity(
                account=ACCOUNT,
                region=REGION,
                file_system_id=FS.file_system_id,
                index_id=f"{FS.file_system_id}-20261129T12000{number}Z-0a1b2c",
            ),
            scratch=scratch,
            now=_tick,
            worker="tests",
            excluded=excluded,
        )
        self._indexes.append(made)
        return made

    def run(self, *, index: int = -1, store: Any = None, exact: Any = None) -> int:
        """Run the worker; `index` is the number of the point's index."""
        scratch = self.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        settings = VerificationWorkerSettings(
            task_token="token",
            restore_id=RUN,
            account=ACCOUNT,
            region=REGION,
            file_system_id=FS.file_system_id,
            repository=self.store.url,
            recovery_point_arn="arn:point",
            index_id=self._indexes[index].index_id,
            exact_index_id=f"{FS.file_system_id}-20261129T153000Z-000000",
            backup_started_at=self.backed_up_at.isoformat(),
            backup_ended_at=self.backup_ended_at.isoformat(),
            restore_job_id=JOB,
            restored_file_system_id="fs-0fedcba9876543210",
            restore_began_at=(RESTORED_AT - timedelta(minutes=1)).isoformat(),
            restore_completed_at=(RESTORED_AT + timedelta(minutes=1)).isoformat(),
            root=str(self.restored),
            heartbeat_seconds=3_600,
        )
        states: Any = self.states
        return verification_worker.run(
            settings,
            store=store or self.store,
            exact=exact or self.exact,
            states=states,
            now=_tick,
            scratch=scratch,
        )

    @property
    def totals(self) -> dict[str, int]:
        """The totals that the worker has answered, without zeros and without the compared entries."""
        (answer,) = self.states.successes
        return {name: number for name, number in answer.items() if number and name != "compared"}

    @property
    def findings(self) -> set[tuple[str, str, str]]:
        """Path, field and verdict of each listed difference."""
        lines = self.store.get(f"{PREFIX}results/differences-{JOB}.jsonl").splitlines()
        found = [json.loads(line) for line in lines]
        assert all(each["evidence"] for each in found)
        return {(each["path"], each["field"], each["verdict"]) for each in found}


def _tick() -> datetime:
    """Return the time, after the clock of the file system has passed it, too."""
    moment = datetime.now(UTC)
    time.sleep(0.02)  # the kernel's clock for files advances every 4 to 10 ms
    return moment + timedelta(seconds=0.01)


def _copy(source: Path, target: Path) -> None:
    """Copy a tree with links, special files and attributes."""
    subprocess.run(["cp", "-a", source, target], check=True)
