"""Jobs on disk, one JSON file per job, to describe them after a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from localcloud.backup.arns import VaultArn
from localcloud.backup.jobs import BackupJob, CopyJob, Job, RestoreJob
from localcloud.backup.points_store import write_json
from localcloud.backup.restore_metadata import NewFileSystem

KINDS: dict[str, type[Job]] = {kind.__name__: kind for kind in (BackupJob, CopyJob, RestoreJob)}
INTERRUPTED = "The local cloud stopped while the job was running."


def save_job(directory: Path, job: Job) -> None:
    """Write a job to its file."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / f"{job.id}.json", {"kind": type(job).__name__, **_plain(asdict(job))})


def load_jobs(directory: Path) -> Iterator[Job]:
    """Return the jobs of an earlier run; jobs that were unfinished when it ended are FAILED."""
    for path in sorted(directory.glob("*.json")):
        value = json.loads(path.read_text())
        kind = KINDS[value.pop("kind")]
        names = {field.name: str(field.type) for field in fields(kind)}
        job = kind(**{name: _restored(names[name], item) for name, item in value.items() if name in names})
        if job.unfinished:
            job = replace(job, state="FAILED", status_message=INTERRUPTED)
        yield job


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def _restored(kind: str, value: Any) -> Any:
    if value is not None and kind.startswith("datetime"):
        return datetime.fromisoformat(value)
    if kind == "VaultArn":
        return VaultArn(**value)
    if value is not None and kind.startswith("NewFileSystem"):
        return NewFileSystem(**value)
    return tuple(value) if kind.startswith("tuple") else value
