"""Child processes of the local cloud; none outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, Protocol

Kind = Literal["function", "runtime", "worker"]
REAPER = Path(__file__).with_name("reaper.py")


class Process(Protocol):
    """The part of subprocess.Popen that is used here."""

    pid: int
    returncode: int | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


@dataclass(slots=True, kw_only=True)
class Child:
    """One process, leader of its own process group."""

    name: str
    kind: Kind
    popen: Process
    access_key: str | None  # in its environment; identifies the process in its calls
    started_at: datetime

    @property
    def pid(self) -> int:
        """The process id, which is also its group's id."""
        return self.popen.pid

    def signal(self, number: int) -> None:
        """Send a signal to the process group; does nothing if the process has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


@dataclass(slots=True)
class ChildProcesses:
    """Starts processes and ends them all.

    A helper process (reaper.py) kills the remaining processes if this process is killed. Unlike Linux's
    PR_SET_PDEATHSIG, this works on every Unix and does not fire when only the thread that started the process
    ends.
    """

    _children: dict[int, Child] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reaper: subprocess.Popen[bytes] | None = None
    _closed: bool = False

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        kind: Kind,
        env: Mapping[str, str],
        cwd: Path,
        output: IO[bytes] | int | None = None,
        access_key: str | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Child:
        """Start `command` with exactly `env`; standard output and error go to `output`.

        With output=subprocess.PIPE the caller must read `child.popen.stdout`. Call `wait` (or `forget` after
        reaping) to remove the process from the list.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the local cloud is shutting down and cannot start processes")
            popen = subprocess.Popen(
                [str(part) for part in command],
                env=dict(env),
                cwd=cwd,
                stdin=stdin,
                stdout=subprocess.DEVNULL if output is None else output,
                stderr=subprocess.DEVNULL if output is None else subprocess.STDOUT,
                start_new_session=True,
            )
            return self._adopt(popen, name, kind, access_key)

    def adopt(self, process: Process, *, name: str, kind: Kind, access_key: str | None = None) -> Child:
        """Add a process that a child started and that leads its own group."""
        with self._lock:
            return self._adopt(process, name, kind, access_key)

    def _adopt(self, process: Process, name: str, kind: Kind, access_key: str | None) -> Child:
        child = Child(
            name=name, kind=kind, popen=process, access_key=access_key, started_at=datetime.now(UTC)
        )
        self._children[child.pid] = child
        self._tell_reaper(f"+{child.pid}")
        return child

    def wait(self, child: Child, seconds: float | None = None) -> int:
        """Wait for the process and return its exit code (negative: the signal); raises TimeoutExpired after
        `seconds`."""
        code = child.popen.wait(seconds)
        child.signal(signal.SIGKILL)  # the rest of its group
        self.forget(child)
        return code

    def forget(self, child: Child) -> None:
        """Remove an ended process from the list."""
        with self._lock:
            if self._children.pop(child.pid, None):
                self._tell_reaper(f"-{child.pid}")

    def kill(self, child: Child) -> None:
        """Kill a process and its group immediately and reap it."""
        child.signal(signal.SIGKILL)
        self.wait(child)

    def running(self, kind: Kind | None = None) -> list[Child]:
        """Return the running processes, oldest first."""
        with self._lock:
            children = [c for c in self._children.values() if kind in (None, c.kind)]
        return [child for child in children if child.popen.poll() is None]

    def of_access_key(self, access_key: str) -> Child | None:
        """Return the running process that has this access key, or None."""
        return next((c for c in self.running() if c.access_key == access_key), None)

    def close(self, grace_seconds: float = 2.0) -> None:
        """End all processes: SIGTERM, then SIGKILL after `grace_seconds`. Later spawns are refused."""
        with self._lock:
            self._closed = True
            children = list(self._children.values())
        for child in children:
            child.signal(signal.SIGTERM if child.kind == "worker" else signal.SIGKILL)
        for child in children:
            try:
                self.wait(child, grace_seconds)
            except subprocess.TimeoutExpired:
                self.kill(child)
        if self._reaper and self._reaper.stdin:
            self._reaper.stdin.close()
            self._reaper.wait()

    def remove_at_the_end(self, directory: Path) -> None:
        """Remove a directory once this process and all its children have ended, however they end."""
        with self._lock:
            self._tell_reaper(f"/{directory}")

    def _tell_reaper(self, line: str) -> None:
        if self._reaper is None:
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(REAPER)], stdin=subprocess.PIPE, start_new_session=True
            )
        assert self._reaper.stdin is not None  # noqa: S101  # opened as a pipe above
        with contextlib.suppress(BrokenPipeError):
            self._reaper.stdin.write(line.encode() + b"\n")
            self._reaper.stdin.flush()
