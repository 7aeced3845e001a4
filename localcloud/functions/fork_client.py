"""Forks function processes from a server process that has imported the runtime; see fork_server.py."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from localcloud.core.processes import ChildProcesses

FORK_SERVER = Path(__file__).with_name("fork_server.py")


class Forked:
    """A child of the fork server, with the part of subprocess.Popen's interface that is used here."""

    def __init__(self, pid: int, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout: IO[bytes] | None = stdout
        self.returncode: int | None = None
        self._ended = threading.Event()

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises TimeoutExpired."""
        if not self._ended.wait(timeout) or self.returncode is None:
            raise subprocess.TimeoutExpired("function", timeout or 0)
        return self.returncode

    def end(self, code: int) -> None:
        """Record that the process has ended."""
        self.returncode = code
        self._ended.set()


class ForkServer:
    """One fork server and its children."""

    def __init__(self, processes: ChildProcesses, path: Sequence[Path]) -> None:
        """Start the server; `path` lists the import path of it and its children after the standard
        library."""
        ours, hers = socket.socketpair()
        self._socket = ours
        self._forked: queue.Queue[int] = queue.Queue()
        self._living: dict[int, Forked] = {}
        self._ended: dict[int, int] = {}  # exits reported before `spawn` registered the process
        self._lock = threading.Lock()
        self._one_birth = threading.Lock()
        self._process = processes.spawn(
            # -S -P: imports come only from the path and the standard library, in that order
            [sys.executable, "-S", "-P", FORK_SERVER],
            name="runtime",
            kind="runtime",
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "en_US.UTF-8",
                "PYTHONPATH": ":".join(str(part) for part in path),
                "PYTHONUNBUFFERED": "1",
            },
            cwd=path[0].parent,
            stdin=hers.fileno(),
        )
        hers.close()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the server can fork more children."""
        return self._process.popen.poll() is None

    def spawn(self, handler: str, environment: Mapping[str, str], directory: Path) -> Forked:
        """Return a new process that runs `handler` under awslambdaric with exactly this environment."""
        request = {"handler": handler, "environment": dict(environment), "directory": str(directory)}
        read_end, write_end = os.pipe()
        try:
            with self._one_birth:
                socket.send_fds(self._socket, [json.dumps(request).encode() + b"\n"], [write_end])
                pid = self._forked.get(timeout=30)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        child = Forked(pid, os.fdopen(read_end, "rb"))
        with self._lock:
            self._living[pid] = child
            if pid in self._ended:
                child.end(self._ended.pop(pid))
        return child

    def _listen(self) -> None:
        with self._socket, self._socket.makefile("rb") as lines:
            for line in lines:
                self._handle(json.loads(line))
        with self._lock:  # the server has ended, and its children with it
            left, self._living = self._living, {}
        for child in left.values():
            child.end(-9)

    def _handle(self, answer: dict[str, int]) -> None:
        """Handle one line from the server; see fork_server.py."""
        if "forked" in answer:
            self._forked.put(answer["forked"])
            return
        with self._lock:
            child = self._living.pop(answer["exited"], None)
            if child is None:
                self._ended[answer["exited"]] = answer["code"]
        if child is not None:
            child.end(answer["code"])
