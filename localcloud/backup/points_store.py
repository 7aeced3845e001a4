"""Stores recovery points: their files and their metadata.

    STATE/backup/points/ACCOUNT/REGION/VAULT/UUID/recovery-point.json
                                                 /tree/                  the file system's root

A copy in another vault is a separate tree whose files are hard links to those of the first. Files in a vault
never change, so either point can be deleted without the other. For large trees this takes a fraction of the
time and no space. Damage to a file of one point (by a test or a disk) also affects its copies.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from localcloud.backup.arns import VaultArn
from localcloud.backup.recovery_points import RecoveryPoint
from localcloud.core.trees import remove_tree

TIMES = ("created_at", "initiated_at", "completed_at")


class PointsStore:
    """All recovery points of all accounts and Regions; safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.RLock()
        self._points: dict[str, RecoveryPoint] = {}
        for doomed in root.glob("*/*/*/deleting-*"):
            remove_tree(doomed)
        for record in root.glob("*/*/*/*/recovery-point.json"):
            point = _from_json(json.loads(record.read_text()))
            if point.finished:
                self._points[point.arn] = point
            else:  # the server ended while the point was being created; its job has failed
                remove_tree(record.parent)

    def find(self, arn: str) -> RecoveryPoint | None:
        """Return the point of this ARN."""
        with self._lock:
            return self._points.get(arn)

    def where(self, condition: Callable[[RecoveryPoint], bool]) -> list[RecoveryPoint]:
        """Return the points for which `condition` is true, newest first."""
        with self._lock:
            found = [point for point in self._points.values() if condition(point)]
        return sorted(found, key=lambda point: (point.initiated_at, point.arn), reverse=True)

    def in_vault(self, vault: VaultArn) -> list[RecoveryPoint]:
        """Return the points in a vault, newest first."""
        return self.where(lambda point: point.vault == vault)

    def save(self, point: RecoveryPoint) -> None:
        """Add or update a point."""
        directory = self._directory(point)
        with self._lock:
            directory.mkdir(parents=True, exist_ok=True)
            write_json(directory / "recovery-point.json", _to_json(point))
            self._points[point.arn] = point

    def change(self, arn: str, **changes: Any) -> RecoveryPoint:
        """Replace fields of a point and save it; raises KeyError if it no longer exists."""
        with self._lock:
            point = replace(self._points[arn], **changes)
            self.save(point)
        return point

    def remove(self, point: RecoveryPoint) -> None:
        """Delete a point; its files are removed in the background."""
        with self._lock:
            self._points.pop(point.arn, None)
            directory = self._directory(point)
            doomed = directory.with_name(f"deleting-{directory.name}")
            if directory.exists():
                directory.rename(doomed)
        # Removing hundreds of thousands of files takes seconds; on AWS no caller waits for that.
        threading.Thread(target=remove_tree, args=(doomed,), daemon=True).start()

    def tree(self, point: RecoveryPoint) -> Path:
        """Return the directory of a point's files, which may not exist yet."""
        return self._directory(point) / "tree"

    def _directory(self, point: RecoveryPoint) -> Path:
        vault = point.vault
        name = quote(vault.name, safe="")
        return self.root / vault.account / vault.region / name / point.arn.rsplit(":", 1)[1]


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)


def _to_json(point: RecoveryPoint) -> dict[str, Any]:
    value = asdict(point)
    for name in TIMES:
        value[name] = value[name].isoformat() if value[name] else None
    return value


def _from_json(value: dict[str, Any]) -> RecoveryPoint:
    known = {name: item for name, item in value.items() if name in {f.name for f in fields(RecoveryPoint)}}
    for name in TIMES:
        known[name] = datetime.fromisoformat(known[name]) if known[name] else None
    source = known["source_vault"]
    known |= {"vault": VaultArn(**known["vault"]), "source_vault": VaultArn(**source) if source else None}
    return RecoveryPoint(**known)
