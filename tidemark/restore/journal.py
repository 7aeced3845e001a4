"""The journal of a placement: every action is recorded before it is taken.

The journal is a file in the restored directory, of lines in JSON:

    ["placement", 1]                                     format and version
    ["to", destination]                                  an attempt begins
    ["intent", action, outcome, path, name, extra]       before an action; the n-th intent has the number n
    ["done", [n, ...]]  ["void", [n, ...]]               after it; void: not taken, or superseded
    ["created", target, inode, atime_ns, mtime_ns]       before a directory is moved to its place

Paths are escaped text. `name` is the name at the target if it differs, else null. `extra` is the list of the
attributes of a directory to merge, the inode of a placeholder, or null. Intents are flushed to the server
before the first of their actions; a result is flushed with the next intents. After an interruption, an
intent without a result is therefore one of a few, and was carried out if its path has left the restored
directory, because only the holder of the journal's lock removes anything from there. What a machine wrote
but did not flush before it died may be lost or torn: the journal ends before the first line that is invalid.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Callable, Sequence
from errno import EACCES, EAGAIN
from typing import Any

from tidemark.errors import WorkerCannotRun, WorkerStopped
from tidemark.escape import escape, unescape
from tidemark.restore.descriptors import Attributes

_VERSION = 1
_FLUSH_RESULTS = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An action on one path of the restored directory."""

    action: str  # see moves.py
    outcome: str  # when the action was carried out
    path: bytes  # in the restored directory
    target: bytes  # from the root
    attributes: Attributes | None = None  # of a directory to merge, before anything was removed from it
    placeholder: int | None = None  # the inode of the file that reserves the target


@dataclasses.dataclass(frozen=True, slots=True)
class Created:
    """A directory that a placement created above something that it placed."""

    target: bytes
    inode: int
    atime_ns: int
    mtime_ns: int


@dataclasses.dataclass(slots=True)
class Replayed:
    """What earlier attempts left to do."""

    pending: dict[int, Intent] = dataclasses.field(default_factory=dict)  # intents without a result
    attributes: dict[bytes, Attributes] = dataclasses.field(default_factory=dict)  # of directories to merge
    created: dict[bytes, Created] = dataclasses.field(default_factory=dict)


class Journal:
    """An open, locked journal."""

    def __init__(self, fd: int) -> None:
        """Lock the file, which the journal closes. Raises WorkerStopped if another process holds the lock."""
        self._fd = fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno not in (EACCES, EAGAIN):
                raise
            raise WorkerStopped(
                "another worker is placing the files of this restore; wait until it has ended, and retry"
            ) from error
        self._destination = b""
        self._intents = 0
        self._end = 0
        self._results: dict[str, list[int]] = {"done": [], "void": []}

    def replay(self, on_done: Callable[[Intent], None]) -> Replayed:
        """Pass each intent that was carried out to `on_done`; return the rest. Call it once, first.

        Raises WorkerCannotRun if a newer Tidemark wrote the journal.
        """
        replayed = Replayed()
        with open(os.dup(self._fd), "rb") as lines:
            for line in lines:
                record = _parsed(line)
                if record is None:
                    break
                self._end += len(line)
                self._apply(record, replayed, on_done)
        os.ftruncate(self._fd, self._end)
        return replayed

    def begin(self, destination: bytes) -> None:
        """Begin an attempt."""
        self._destination = destination
        header: list[object] = [] if self._end else [["placement", _VERSION]]
        self._write([*header, ["to", escape(destination)]])

    def record(self, intents: Sequence[Intent]) -> list[int]:
        """Record intents durably; return their numbers.

        Raises WorkerStopped if they cannot be written, for example because the server gave the lock to
        another worker; no action may be taken then. So do the other methods that write.
        """
        numbers = list(range(self._intents, self._intents + len(intents)))
        if intents:
            self._write([self._line(intent) for intent in intents])
            self._intents += len(intents)
        return numbers

    def created(self, created: Created) -> None:
        """Record durably that a directory will be moved to its place."""
        fields = (created.inode, created.atime_ns, created.mtime_ns)
        self._write([["created", escape(created.target), *fields]])

    def done(self, number: int) -> None:
        """Record that an intent was carried out."""
        self._result("done", number)

    def void(self, number: int) -> None:
        """Record that an intent was not carried out and will not be."""
        self._result("void", number)

    def flush(self) -> None:
        """Write the results that are still in memory."""
        self._write([])

    def close(self) -> None:
        """Release the lock."""
        os.close(self._fd)

    def _result(self, kind: str, number: int) -> None:
        self._results[kind].append(number)
        if len(self._results[kind]) >= _FLUSH_RESULTS:
            self.flush()

    def _line(self, intent: Intent) -> list[object]:
        name = None
        if intent.target != joined(self._destination, intent.path):
            name = escape(intent.target.rpartition(b"/")[2])
        extra: object = intent.placeholder
        if intent.attributes is not None:
            extra = dataclasses.astuple(intent.attributes)
        return ["intent", intent.action, intent.outcome, escape(intent.path), name, extra]

    def _write(self, records: list[object]) -> None:
        results = [[kind, numbers] for kind, numbers in self._results.items() if numbers]
        text = b"".join(json.dumps(record).encode() + b"\n" for record in [*results, *records])
        if not text:
            return
        at = self._end
        try:
            while text:
                written = os.pwrite(self._fd, text, at)
                at, text = at + written, text[written:]
            os.fsync(self._fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end)  # lines of a write that failed must not become valid
            raise WorkerStopped(
                f"the journal in the restored directory cannot be written: {error.strerror}; retry when the "
                f"file system accepts writes again"
            ) from error
        self._end = at
        self._results = {"done": [], "void": []}

    def _apply(self, record: list[Any], replayed: Replayed, on_done: Callable[[Intent], None]) -> None:
        kind, *fields = record
        match kind:
            case "placement":
                if fields[0] != _VERSION:
                    raise WorkerCannotRun(
                        "the journal of this restore was written by a newer Tidemark; use that version"
                    )
            case "to":
                self._destination = unescape(fields[0])
            case "intent":
                intent = self._intent(*fields)
                replayed.pending[self._intents] = intent
                if intent.attributes is not None:
                    replayed.attributes.setdefault(intent.path, intent.attributes)
                self._intents += 1
            case "done":
                for intent in filter(None, (replayed.pending.pop(number, None) for number in fields[0])):
                    replayed.attributes.pop(intent.path, None)
                    on_done(intent)
            case "void":
                for number in fields[0]:
                    replayed.pending.pop(number, None)
            case "created":
                created = Created(unescape(fields[0]), *fields[1:])
                replayed.created[created.target] = created

    def _intent(self, action: str, outcome: str, path: str, name: str | None, extra: Any) -> Intent:
        raw = unescape(path)
        target = joined(self._destination, raw)
        if name is not None:
            target = joined(target.rpartition(b"/")[0], unescape(name))
        return Intent(
            action=action,
            outcome=outcome,
            path=raw,
            target=target,
            attributes=Attributes(*extra) if isinstance(extra, list) else None,
            placeholder=extra if isinstance(extra, int) else None,
        )


def joined(directory: bytes, name: bytes) -> bytes:
    """Return a path below a path from the root, either of which may be the root (`b""`)."""
    return directory + b"/" + name if directory and name else directory or name


def _parsed(line: bytes) -> list[Any] | None:
    """Return the record in a line, None if the line is torn."""
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, list) and record else None
