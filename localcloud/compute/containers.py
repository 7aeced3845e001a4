"""Converts an image and its mounts to a command and environment on this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.compute.dockerfile import find_dockerfile, read_dockerfile

PYTHON = re.compile(r"^(/usr/(local/)?bin/)?python(3(\.\d+)?)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A directory of this machine and its mount point in the container."""

    container_path: str
    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRun:
    """What to run in a container; None and empty mean the image's own."""

    context: Path  # the image's build context
    entry_point: Sequence[str] | None = None
    command: Sequence[str] | None = None
    environment: Mapping[str, str]
    mounts: Sequence[Mount] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCommand:
    """The process on this machine that runs a container."""

    command: list[str]
    environment: dict[str, str]


def host_command(run: ContainerRun, credentials: Mapping[str, str], scratch: Path) -> HostCommand:
    """Return the process to run for a container.

    Only PATH is taken from this process's environment. `credentials` come from `Cloud.role_credentials`.
    Raises NoSuchImage.
    """
    image = read_dockerfile(find_dockerfile(run.context).read_text())
    entry_point = tuple(run.entry_point or image.entry_point)
    # As in Docker, overriding the entry point drops the image's command.
    command = tuple(run.command or (() if run.entry_point else image.command))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **{name: value for name, value in image.environment.items() if name != "PATH"},
        **credentials,
        **run.environment,
    }
    environment = {name: on_host(value, run.mounts) for name, value in environment.items()}
    # The local cloud's own interpreter has the packages that the image would install.
    environment["PYTHONPATH"] = str(run.context)
    words = [on_host(word, run.mounts) for word in (*entry_point, *command)]
    if words and PYTHON.match(words[0]):
        words[0] = sys.executable
    return HostCommand(command=words, environment=environment)


def on_host(value: str, mounts: Sequence[Mount]) -> str:
    """Return `value`; a path at or below a mount point is mapped to its directory on this machine."""
    for mount in sorted(mounts, key=lambda mount: len(mount.container_path), reverse=True):
        path = mount.container_path.rstrip("/")
        if value == path or value.startswith(path + "/"):
            return str(mount.directory) + value[len(path) :].rstrip("/")
    return value
