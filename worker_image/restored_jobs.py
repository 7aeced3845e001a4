"""Places what one restore job after the other has restored, and records the results in the repository.

    jobs.json                     the completed jobs, written by the Lambda that launched the worker
    results/root.json             the attributes of the root, for a new file system
    results/directories.json      the restored directory of each job, written before the first file is moved
    results/problems-JOB.jsonl    the items of a job that were not placed, and why
    results/differences-JOB.jsonl what differs from the index
    results/totals-JOB.json       the totals of a job, written before its restored directory is removed
    results/left.json             the restored directories that are left, with what was not placed
    results/progress.json         the totals so far

Each is complete when it is written, so a worker that is run again skips what is recorded.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidemark.errors import IndexDamaged, IndexFormatNotSupported, IndexNotFound, TidemarkError
from tidemark.escape import escape, unescape
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import IndexIdentity, Manifest
from tidemark.index.query.lookup import whole_entries_of
from tidemark.index.query.search import search
from tidemark.index.reading.filters import Filters
from tidemark.index.storage.catalog import read_manifest
from tidemark.index.storage.object_store import ObjectMissing, Store
from tidemark.restore.compare import Difference, compare
from tidemark.restore.finish import finish
from tidemark.restore.outcomes import Placed
from tidemark.restore.place import place
from tidemark.restore.placed_differences import Judged, judged, times_of
from tidemark.restore.plan import Item, Plan, PointPlan
from tidemark.restore.planner import is_complete
from tidemark.restore.point_comparison import indexes_around
from tidemark.restore.restored import find_restored

_LOG = logging.getLogger("tidemark.worker")
_NOT_PLACED = {"conflict", "failed"}
MOST_LISTED = 10_000  # problems and differences of a job that are listed; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedJob:
    """A restore job that AWS Backup has completed."""

    job_id: str
    point: int  # the number of the point in the plan
    first: int  # its requests
    end: int
    began_at: datetime
    completed_at: datetime


class RestoreResults:
    """The objects of a restore session in the repository."""

    def __init__(self, store: Store, prefix: str, now: Callable[[], datetime]) -> None:
        self._store, self._prefix, self._now = store, prefix, now
        self._totals: Counter[str] = Counter()

    @property
    def totals(self) -> Mapping[str, int]:
        """The totals of all jobs so far."""
        return dict(self._totals)

    def jobs(self) -> list[FinishedJob]:
        """Return the completed jobs, in the order in which AWS Backup ran them."""
        found = [
            FinishedJob(
                job_id=job["job_id"],
                point=job["point"],
                first=job["first"],
                end=job["end"],
                began_at=datetime.fromisoformat(job["began_at"]),
                completed_at=datetime.fromisoformat(job["completed_at"])
                if job["completed_at"]
                else self._now(),
            )
            for job in json.loads(self._store.get(f"{self._prefix}jobs.json"))
        ]
        return sorted(found, key=lambda job: job.began_at)

    def add(self, totals: Mapping[str, int]) -> None:
        """Add to the totals."""
        self._totals.update(totals)

    def totals_so_far(self, totals: Mapping[str, int]) -> None:
        """Replace the totals."""
        self._totals = Counter(totals)

    def read(self, name: str) -> Any:
        """Return a result that was written earlier, from its JSON; None if there is none."""
        try:
            return json.loads(self._store.get(f"{self._prefix}results/{name}"))
        except ObjectMissing:
            return None

    def write(self, name: str, value: object) -> None:
        """Write a result as JSON."""
        self._store.put(f"{self._prefix}results/{name}", json.dumps(value).encode())

    def write_lines(self, name: str, values: list[dict[str, str]]) -> None:
        """Write results as JSON, one per line."""
        text = "".join(json.dumps(value) + "\n" for value in values)
        self._store.put(f"{self._prefix}results/{name}", text.encode())

    def write_progress(self) -> None:
        """Write the totals so far; log an error, because progress is only informational."""
        moment = self._now().isoformat(timespec="seconds").replace("+00:00", "Z")
        try:
            self.write("progress.json", {"totals": self.totals, "updated_at": moment})
        except (TidemarkError, BotoCoreError, ClientError) as error:
            _LOG.warning("cannot write progress", extra={"reason": str(error)})


class JobPlacer:
    """Places the restored files of a session's jobs."""

    def __init__(
        self,
        root: bytes,
        store: Store,
        plan: Plan,
        results: RestoreResults,
        *,
        may_continue: Callable[[], None],
    ) -> None:
        self._root, self._store, self._plan, self._results = root, store, plan, results
        self._may_continue = may_continue
        self._directories: dict[str, str] = results.read("directories.json") or {}  # escaped names by job id
        self._left: list[str] = []  # escaped names of restored directories that this worker left
        self._recorded_left: list[str] = results.read("left.json") or []  # possibly by an earlier worker
        self._destination = unescape(plan.destination.directory).strip(b"/")
        self._suffix = f".restored-{plan.created_at:%Y%m%dT%H%M%SZ}".encode()

    def place(self, job: FinishedJob) -> None:
        """Place what a job has restored, compare it with the index, and remove its directory.

        Raises RestoreFailed if the directory cannot be found, OSError, and what `may_continue` raises.
        """
        point = self._plan.points[job.point]
        items = list(items_of(point, job))
        raw = [unescape(item.path).strip(b"/") for item in items]
        totals = self._results.read(f"totals-{job.job_id}.json")
        restored = self._directory(job, point)
        # After a redrive, what had not been placed is tried again.
        if totals is None or (_NOT_PLACED & totals.keys() and self._exists(restored)):
            self._place(job, point, items, raw, restored)
        else:
            self._results.add(totals)
        finished = finish(self._root, restored, raw, may_continue=self._may_continue)
        for problem in finished.problems:
            _LOG.warning("an entry of the restored directory was not removed", extra={"reason": problem})
        if not finished.gone:
            self._results.add({"left_directories": 1})
            self._left.append(escape(restored))
        if self._left != self._recorded_left:
            self._recorded_left = list(self._left)
            self._results.write("left.json", self._left)
        if finished.gone and self._is_exact(point):
            self._restore_root()

    def _is_exact(self, point: PointPlan) -> bool:
        """Return whether the file system is to contain all of this point, and nothing else."""
        # A point without requests is restored as a whole, possibly for the sake of some of its items.
        return self._plan.new_file_system is not None and [item.path for item in point.items] == ["/"]

    def _record_root(self, restored: bytes) -> None:
        """Record the attributes of the restored directory, which are those of the root of the backup."""
        status = os.stat(os.path.join(self._root, restored))  # noqa: PTH116 - bytes
        fields = ("st_mode", "st_uid", "st_gid", "st_atime_ns", "st_mtime_ns")
        self._results.write("root.json", {field: getattr(status, field) for field in fields})

    def _restore_root(self) -> None:
        """Give the root of the new file system the recorded attributes; log an error."""
        root = self._results.read("root.json")
        try:
            os.chown(self._root, root["st_uid"], root["st_gid"])
            os.chmod(self._root, stat.S_IMODE(root["st_mode"]))  # noqa: PTH101 - bytes
            # Last, and after the removal of the restored directory, which changes the time.
            os.utime(self._root, ns=(root["st_atime_ns"], root["st_mtime_ns"]))
        except OSError as error:
            _LOG.warning("the root does not have the attributes of the backup", extra={"reason": str(error)})

    def _exists(self, restored: bytes) -> bool:
        return os.path.isdir(os.path.join(self._root, restored))  # noqa: PTH112 - bytes

    def _directory(self, job: FinishedJob, point: PointPlan) -> bytes:
        known = self._directories.get(job.job_id)
        if known is not None:
            return unescape(known)
        restored = find_restored(
            self._root,
            [unescape(path).strip(b"/") for path in point.requests[job.first : job.end]],
            began_at=job.began_at,
            completed_at=job.completed_at,
            taken={unescape(name) for name in self._directories.values()},
        )
        if self._is_exact(point):
            self._record_root(restored)
        self._directories[job.job_id] = escape(restored)
        self._results.write("directories.json", self._directories)
        return restored

    def _place(
        self, job: FinishedJob, point: PointPlan, items: list[Item], raw: list[bytes], restored: bytes
    ) -> None:
        problems: list[dict[str, str]] = []
        totals: Counter[str] = Counter()
        # What was not placed at its own target, and what is below it.
        targets: dict[bytes, bytes | None] = {}
        # Directories that already existed and kept their attributes; what is below them may be new.
        existing: set[bytes] = set()
        keeps_attributes = self._plan.on_conflict != "replace"

        def report(placed: Placed) -> None:
            self._results.add({placed.outcome: 1})
            totals[placed.outcome] += 1
            own = b"/".join(filter(None, (self._destination, placed.path)))
            if placed.outcome in _NOT_PLACED:
                if len(problems) < MOST_LISTED:
                    problems.append(
                        {
                            "path": f"/{escape(placed.path)}",
                            "outcome": placed.outcome,
                            "reason": placed.reason or "it exists",
                        }
                    )
                targets[placed.path] = None
            elif placed.outcome == "skipped":
                targets[placed.path] = None
            elif placed.outcome == "merged":
                if keeps_attributes:
                    existing.add(placed.path)
            elif placed.target != own:
                targets[placed.path] = placed.target

        place(
            self._root,
            restored,
            raw,
            destination=self._destination,
            on_conflict=self._plan.on_conflict,
            suffix=self._suffix,
            report=report,
            may_continue=self._may_continue,
        )
        compared = self._compare(
            job,
            point,
            items,
            lambda path: None if path in existing else self._target(path, targets),
        )
        self._results.add(compared)
        self._results.write_lines(f"problems-{job.job_id}.jsonl", problems)
        self._results.write(f"totals-{job.job_id}.json", {**totals, **compared})

    def _compare(
        self,
        job: FinishedJob,
        point: PointPlan,
        items: list[Item],
        target_of: Callable[[bytes], bytes | None],
    ) -> dict[str, int]:
        """Write the differences between the placed files and the point's index; return the totals.

        Differences that the indexes prove to be changes since the backup are counted apart.
        """
        listed: dict[str, list[dict[str, str]]] = {"loss": [], "changed-since-backup": []}
        totals = Counter(differences=0)
        try:
            manifest = self._manifest(point)
            differences = self._differences(manifest, point, items, target_of)
            first = next(differences, None)
            if first is not None:
                indexes = indexes_around(self._store, manifest, backup_started_at=point.created_at)
                times = times_of(indexes, point.created_at, point.completed_at)
                for each in judged(chain([first], differences), indexes, times):
                    totals["differences" if each.kind == "loss" else "changed_since_backup"] += 1
                    if len(listed[each.kind]) < MOST_LISTED:
                        listed[each.kind].append(_line(each))
        except (IndexNotFound, IndexDamaged, IndexFormatNotSupported) as error:
            # The files are in place; every further attempt would end here, too.
            _LOG.warning("the restored files are not compared", extra={"reason": str(error)})
            totals["not_compared"] = 1
        lines = [*listed["loss"], *listed["changed-since-backup"]]
        self._results.write_lines(f"differences-{job.job_id}.jsonl", lines)
        return dict(totals)

    def _differences(
        self,
        manifest: Manifest,
        point: PointPlan,
        items: list[Item],
        target_of: Callable[[bytes], bytes | None],
    ) -> Iterator[tuple[str, Difference]]:
        """Return the differences of the placed files, each with its path in the index, escaped."""
        last = b""

        def remembered(path: bytes) -> bytes | None:
            nonlocal last
            last = path
            return target_of(path)

        entries = self._entries(manifest, items)
        exact = self._is_exact(point) and is_complete(manifest)
        for each in compare(self._root, entries, target_of=remembered, exact=exact):
            # What is extra has no entry; with `exact`, targets are the paths of the index.
            yield f"/{escape(each.path if each.field == 'extra' else last)}", each

    def _target(self, path: bytes, targets: Mapping[bytes, bytes | None]) -> bytes | None:
        """Return where an entry of the backup was placed; None if it was not."""
        names = path.split(b"/")
        for depth in range(len(names), 0, -1):
            above = b"/".join(names[:depth])
            if above in targets:
                target = targets[above]
                return None if target is None else b"/".join((target, *names[depth:]))
        return b"/".join(filter(None, (self._destination, path)))

    def _manifest(self, point: PointPlan) -> Manifest:
        """Return a point's index: not by its id alone, because the worker can list only its file system."""
        plan = self._plan
        return read_manifest(
            self._store,
            IndexIdentity(
                account=plan.account,
                region=plan.region,
                file_system_id=plan.file_system_id,
                index_id=point.index_id,
            ),
        )

    def _entries(self, manifest: Manifest, items: list[Item]) -> Iterator[Entry]:
        """Return the entries of an index that the items contain: the items, then what is below."""
        found = whole_entries_of(self._store, manifest, (item.path for item in items))
        yield from sorted(found.values(), key=lambda entry: (entry.parent, entry.name))
        for item in items:
            if item.type == "d":
                for entry in search(self._store, manifest, filters=Filters(under=item.path)):
                    self._may_continue()
                    yield entry


def _line(judged: Judged) -> dict[str, str]:
    difference = judged.difference
    return {
        "path": f"/{escape(difference.path)}",
        "field": difference.field,
        "expected": difference.expected,
        "found": difference.found,
        "verdict": judged.kind,
        "evidence": judged.evidence,
    }


def items_of(point: PointPlan, job: FinishedJob) -> Iterator[Item]:
    """Return the items of a point that a job has restored: those that its requests cover."""
    if not point.requests:
        yield from point.items
        return
    requests = set(point.requests[job.first : job.end])
    for item in point.items:
        if any(above in requests for above in _and_above(item.path)):
            yield item


def _and_above(path: str) -> Iterator[str]:
    """Return a path and the directories above it, without the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]
