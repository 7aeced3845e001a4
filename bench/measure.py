"""Measures the costs of processes and the requests to stores."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tidemark.aws.s3_store import S3Store
from tidemark.index.storage.object_store import FileStore


@dataclasses.dataclass(frozen=True)
class Cost:
    """The resources that a process used."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, including children
    memory: float  # MB, peak; at least that of this process, because children are forked from it
    output: str


def run(command: Sequence[str | os.PathLike[str]], runs: int = 3) -> Cost:
    """Run a command `runs` times, cold except for the page cache; return the cost of the fastest run."""
    return min((_run(command) for _ in range(runs)), key=lambda cost: cost.wall)


def python(program: str, *arguments: object, runs: int = 3) -> Cost:
    """Run a short program in a new interpreter."""
    return run([sys.executable, "-c", program, *map(str, arguments)], runs)


def apart(function: Callable[..., object], *arguments: object) -> None:
    """Call a function in a separate process, because its memory would count towards later children."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} ended with {process.exitcode}")


def _run(command: Sequence[str | os.PathLike[str]]) -> Cost:
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        output = process.stdout.read()[-2000:]
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Cost(
        time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.decode()
    )


# The latency and bandwidth of FarStore, for labels of figures.
REMOTE = "at 30 ms per request and 100 MB/s"


class FarStore(FileStore):
    """A directory with S3's latency (30 ms per request, 100 MB/s each), which counts requests."""

    def __init__(self, directory: Path, seconds: float = 0.030, bytes_per_second: float = 100e6) -> None:
        super().__init__(directory)
        self.at_once = S3Store.at_once
        self._seconds, self._rate = seconds, bytes_per_second
        self._counting = threading.Lock()
        self.requests = self.lists = self.bytes = 0  # `requests` includes lists

    def get(self, key: str) -> bytes:
        return self._counted(super().get(key))

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        return self._counted(super().get_range(key, offset, length))

    def list_folders(self, prefix: str) -> Iterator[str]:
        self.lists += 1
        self._counted(b"")
        return super().list_folders(prefix)

    def list_keys(self, prefix: str) -> list[str]:
        self.lists += 1
        self._counted(b"")
        return super().list_keys(prefix)

    def _counted(self, body: bytes) -> bytes:
        with self._counting:
            self.requests += 1
            self.bytes += len(body)
        time.sleep(self._seconds + len(body) / self._rate)
        return body
