"""Checkpoints of a crawl, from which the next worker resumes.

A checkpoint consists of the sorted runs and problems so far, and the directories that are not listed yet.
Its files are written once under unique names; `state.json`, which names them, is replaced atomically. So a
reader gets one complete checkpoint, even while another worker writes the next.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from tidemark.crawl.batch import Problem
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import ObjectMissing, Store

_VERSION = 1
_CODEC = "zstd"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The progress of an earlier worker of the same index."""

    started_at: datetime
    runs: tuple[str, ...]  # keys
    problems: tuple[str, ...]
    pending: str
    entries: int  # in the runs, for progress
    left_out: tuple[int, ...] | None = None  # see Crawl.left_out; None: not recorded by an earlier version

    def pending_directories(self, store: Store) -> Iterator[bytes]:
        """Return the directories that are not listed yet."""
        packed = store.get(self.pending)
        size = int.from_bytes(packed[:8], "little")
        paths = pa.Codec(_CODEC).decompress(packed[8:], decompressed_size=size, asbytes=True)
        return iter(bytes(paths).split(b"\0")[:-1])

    def earlier_problems(self, store: Store) -> Iterator[Problem]:
        """Return the problems so far."""
        for key in self.problems:
            for record in json.loads(store.get(key)):
                path = base64.b64decode(record.pop("path"))
                yield Problem(path=path, **record)


def load_checkpoint(store: Store, identity: IndexIdentity) -> Checkpoint | None:
    """Return the index's checkpoint, or None if there is no usable one."""
    try:
        content = json.loads(store.get(_state_key(identity)))
        if content["version"] != _VERSION:
            return None
        return Checkpoint(
            started_at=datetime.fromisoformat(content["started_at"]),
            runs=tuple(content["runs"]),
            problems=tuple(content["problems"]),
            pending=content["pending"],
            entries=content["entries"],
            left_out=None if content.get("left_out") is None else tuple(map(int, content["left_out"])),
        )
    except (ObjectMissing, ValueError, KeyError, TypeError):
        return None


class CheckpointWriter:
    """Writes the checkpoints of an index."""

    def __init__(
        self, store: Store, identity: IndexIdentity, started_at: datetime, earlier: Checkpoint | None
    ) -> None:
        self._store, self._identity, self._started_at = store, identity, started_at
        self._key_of_run: dict[Path, str] = {}
        self._problems = list(earlier.problems) if earlier else []
        self._any = earlier is not None

    def adopt(self, path: Path, key: str) -> None:
        """Register a run in scratch that was loaded from the checkpoint."""
        self._key_of_run[path] = key

    def save(
        self,
        runs: Iterable[Path],
        problems: list[Problem],
        pending: Iterable[bytes],
        entries: int,
        left_out: Sequence[int] | None,
    ) -> None:
        """Replace the checkpoint. `problems` are those since the last one, `runs` are all runs."""
        self._any = True
        keys = [self._key_of_run.get(path) or self._put_run(path) for path in runs]
        self.put_problems(problems)
        paths = b"".join(path + b"\0" for path in pending)
        packed = len(paths).to_bytes(8, "little") + bytes(pa.Codec(_CODEC).compress(paths, asbytes=True))
        state = {
            "version": _VERSION,
            "started_at": self._started_at.isoformat(),
            "runs": keys,
            "problems": self._problems,
            "pending": self._put("pending", packed),
            "entries": entries,
            "left_out": left_out,
        }
        self._store.put(_state_key(self._identity), json.dumps(state).encode())

    def put_problems(self, problems: Iterable[Problem]) -> None:
        """Store problems, to be named by the next checkpoint."""
        records = [
            {**dataclasses.asdict(problem), "path": base64.b64encode(problem.path).decode()}
            for problem in problems
        ]
        if records:
            self._any = True
            self._problems.append(self._put("problems", json.dumps(records).encode()))

    def remove(self) -> None:
        """Discard the checkpoint of a complete index."""
        if not self._any:
            return
        self._store.discard(_state_key(self._identity))  # first, because it must never name removed files
        for key in self._store.list_keys(_prefix(self._identity)):
            self._store.discard(key)

    def _put_run(self, path: Path) -> str:
        self._key_of_run[path] = self._put("run", path.read_bytes())
        return self._key_of_run[path]

    def _put(self, kind: str, body: bytes) -> str:
        key = f"{_prefix(self._identity)}{kind}-{uuid.uuid4().hex}"
        self._store.put(key, body)
        return key


def _prefix(identity: IndexIdentity) -> str:
    return f"{identity.prefix}checkpoint/"


def _state_key(identity: IndexIdentity) -> str:
    return f"{_prefix(identity)}state.json"
