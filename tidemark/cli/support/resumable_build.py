"""Record interrupted builds, so that the next build with the same parameters resumes them."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import psutil

from tidemark.exclusions import Exclusion
from tidemark.index.build.checkpoint import Checkpoint, load_checkpoint
from tidemark.index.format.manifest import MANIFEST, IndexIdentity
from tidemark.index.storage.object_store import ObjectMissing, Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildParameters:
    """The parameters of a build. The next build resumes it if all of them are equal."""

    host: str
    directory: str
    excluded: tuple[str, ...]
    flags: tuple[str, ...]


def build_parameters(
    directory: Path, excluded: Iterable[Exclusion], flags: tuple[str, ...]
) -> BuildParameters:
    """Return the parameters of a build on this machine."""
    return BuildParameters(
        host=platform.node(),
        directory=str(directory.resolve()),
        excluded=tuple(map(str, excluded)),
        flags=flags,
    )


def record_parameters(
    store: Store, identity: IndexIdentity, parameters: BuildParameters, *, here: bool
) -> None:
    """Record the parameters of a build in the repository; `here`: this process is running it now."""
    process = {"pid": os.getpid(), "process_began": psutil.Process().create_time()} if here else None
    content = {**dataclasses.asdict(parameters), "process": process}
    store.put(_key(identity), json.dumps(content).encode())


def forget_parameters(store: Store, identity: IndexIdentity) -> None:
    """Discard the recorded parameters of a complete index."""
    store.discard(_key(identity))


def unfinished(
    store: Store, like: IndexIdentity, parameters: BuildParameters
) -> tuple[IndexIdentity, Checkpoint] | None:
    """Return the newest unfinished index of a file system with these parameters, and its checkpoint, if any.

    Stops at the newest complete index. Skips builds that a process of this machine is still running. Discards
    the objects of builds without a checkpoint.
    """
    parent = like.prefix.removesuffix(f"{like.index_id}/")
    for index_id in sorted(store.list_folders(parent), reverse=True):
        identity = dataclasses.replace(like, index_id=index_id)
        if _read(store, identity.prefix + MANIFEST) is not None:
            return None
        if _recorded_parameters(store, identity) != parameters:
            continue
        checkpoint = load_checkpoint(store, identity)
        if checkpoint is not None:
            return identity, checkpoint
        give_up(store, identity)
    return None


def give_up(store: Store, identity: IndexIdentity, *, but: str | None = None) -> None:
    """Discard the objects of an index, except those in its folder `but`."""
    for key in store.list_keys(identity.prefix):
        if but is None or not key.startswith(f"{identity.prefix}{but}/"):
            store.discard(key)


def _recorded_parameters(store: Store, identity: IndexIdentity) -> BuildParameters | None:
    """Return the parameters of an interrupted build; None if it is still running or nothing is recorded."""
    try:
        content = json.loads(_read(store, _key(identity)) or b"")
        process = content.pop("process")
        if process is not None and _is_alive(**process):
            return None
        content |= {name: tuple(content[name]) for name in ("excluded", "flags")}
        return BuildParameters(**content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_alive(*, pid: int, process_began: float) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended, but its parent has not waited for it
            return False
        return abs(process.create_time() - process_began) < 1  # otherwise the pid was reused
    except psutil.Error:
        return False


def _read(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key)
    except ObjectMissing:
        return None


def _key(identity: IndexIdentity) -> str:
    return f"{identity.prefix}checkpoint/begun.json"
