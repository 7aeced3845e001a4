"""Keeps some function processes warm."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.core.cloud import AwsError, Cloud
from localcloud.functions.fork_client import ForkServer
from localcloud.functions.logs import FunctionLogs
from localcloud.functions.runtime import AssetNotRunnable, Code
from localcloud.functions.sandbox import FunctionSettings, Outcome, Sandbox


@dataclass(slots=True)
class _Shelf:
    idle: list[Sandbox] = field(default_factory=list)  # least recently used first
    busy: int = 0


class Pool:
    """Runs any number of functions concurrently, and keeps at most `cloud.warm_functions` idle processes."""

    def __init__(self, cloud: Cloud, logs: FunctionLogs) -> None:
        self._cloud, self._logs, self._warm = cloud, logs, cloud.warm_functions
        self._code = Code(cloud.state_dir / "functions")
        self._shelf = _Shelf()
        self._fork_servers: dict[Path, ForkServer] = {}
        self._lock = threading.Lock()

    def run(self, function: FunctionSettings, payload: bytes) -> Outcome:
        """Return the outcome of one invocation; raises AwsError if the function cannot be started."""
        sandbox = self._take(function)
        try:
            return sandbox.invoke(payload)
        finally:
            self._put_back(sandbox)

    def close(self) -> None:
        """Drop the idle processes; the local cloud kills all processes itself."""
        with self._lock:
            self._shelf.idle.clear()
        self._logs.close()

    def _take(self, function: FunctionSettings) -> Sandbox:
        with self._lock:
            shelf = self._shelf
            warm = next((s for s in reversed(shelf.idle) if s.function.key == function.key), None)
            if warm:
                shelf.idle.remove(warm)
            evicted = []
            while not warm and shelf.idle and len(shelf.idle) + shelf.busy >= self._warm:
                evicted.append(shelf.idle.pop(0))
            shelf.busy += 1
        if warm and warm.alive:
            return warm
        for sandbox in [*evicted, *([warm] if warm else [])]:
            sandbox.close()
        try:
            path = self._code.import_path(function.code_sha, function.code)
            return Sandbox(
                self._cloud,
                function,
                path,
                self._fork_server(path),
                lambda stream, line: self._logs.write(function, stream, line),
            )
        except BaseException as error:
            with self._lock:
                self._shelf.busy -= 1
            if isinstance(error, AssetNotRunnable):
                raise AwsError("InvalidZipFileException", str(error)) from error
            raise

    def _fork_server(self, path: list[Path]) -> ForkServer:
        """Return the fork server of an asset; each asset needs its own, because import paths differ."""
        with self._lock:
            fork_server = self._fork_servers.get(path[1])
            if fork_server is None or not fork_server.alive:
                fork_server = self._fork_servers[path[1]] = ForkServer(self._cloud.processes, path)
            return fork_server

    def _put_back(self, sandbox: Sandbox) -> None:
        with self._lock:
            self._shelf.busy -= 1
            keep = sandbox.alive and len(self._shelf.idle) + self._shelf.busy < self._warm
            if keep:
                self._shelf.idle.append(sandbox)
        if not keep:
            sandbox.close()
