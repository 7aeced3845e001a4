"""Forks function processes from one that has imported the runtime; see fork_server.py."""

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
    """A child of the mother's, with what the local cloud uses of subprocess.Popen."""

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
        """Note that the process has ended."""
        self.returncode = code
        self._ended.set()


class ForkServer:
    """One mother, and her children."""

    def __init__(self, processes: ChildProcesses, path: Sequence[Path]) -> None:
        """Start the mother; `path` is what she and her children can import beside the standard library."""
        ours, hers = socket.socketpair()
        self._socket = ours
        self._born: queue.Queue[int] = queue.Queue()
        self._living: dict[int, Forked] = {}
        self._ended: dict[int, int] = {}  # before we knew them
        self._lock = threading.Lock()
        self._one_birth = threading.Lock()
        self._process = processes.spawn(
            # -S -P: the path and the standard library are all there is to import, in that order
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
        """Whether the mother can have more children."""
        return self._process.popen.poll() is None

    def spawn(self, handler: str, environment: Mapping[str, str], directory: Path) -> Forked:
        """Return a new process that runs `handler` under awslambdaric with exactly this environment."""
        request = {"handler": handler, "environment": dict(environment), "directory": str(directory)}
        read_end, write_end = os.pipe()
        try:
            with self._one_birth:
                socket.send_fds(self._socket, [json.dumps(request).encode() + b"\n"], [write_end])
                pid = self._born.get(timeout=30)
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
                self._hear(json.loads(line))
        with self._lock:  # the mother is gone, and took her children along
            left, self._living = self._living, {}
        for child in left.values():
            child.end(-9)

    def _hear(self, answer: dict[str, int]) -> None:
        """Take in one line of the mother's; see fork_server.py."""
        if "born" in answer:
            self._born.put(answer["born"])
            return
        with self._lock:
            child = self._living.pop(answer["died"], None)
            if child is None:
                self._ended[answer["died"]] = answer["code"]
        if child is not None:
            child.end(answer["code"])
