"""The directory of this machine that is the root of an EFS file system.

A file system that was created for a user's directory has that directory as its root until something writes
to it: a restore job, or a machine that mounts it read-write. It then gets a private copy below the state
directory, and everything that uses the file system later sees the copy. The user's directory is never
changed, unless the local cloud was started with `writable`. In the copy, inode numbers and change times are
new, and files of other users belong to the user of the local cloud, if that is not root.

All other file systems have a private directory from the start.
"""

from __future__ import annotations

import threading
from pathlib import Path

from localcloud.core.cloud import Cloud
from localcloud.core.trees import copy_tree, remove_tree

_LOCK = threading.Lock()  # a copy is made once, however many writers request it


def readable_directory(cloud: Cloud, file_system_id: str) -> Path:
    """Return the root directory of a file system, for programs that only read it."""
    with _LOCK:
        return _directory(cloud, file_system_id)


def writable_directory(cloud: Cloud, file_system_id: str) -> Path:
    """Return the root directory of a file system, for programs that write to it; may copy it first.

    Raises trees.NotCopied, for example if the disk is full.
    """
    with _LOCK:
        directory, private = _directory(cloud, file_system_id), _private(cloud, file_system_id)
        if cloud.writable or directory == private:
            return directory
        partial = private.with_name(f"{private.name}.partial")
        remove_tree(partial)
        partial.parent.mkdir(parents=True, exist_ok=True)
        copy_tree(cloud.processes, directory, partial, threading.Event(), mode="--whole")
        partial.rename(private)
        cloud.file_systems[file_system_id] = private
        return private


def forget_directory(cloud: Cloud, file_system_id: str) -> None:
    """Remove the private directory of a deleted file system; a user's directory stays."""
    with _LOCK:
        cloud.file_systems.pop(file_system_id, None)
        private = _private(cloud, file_system_id)
        if not private.exists():
            return
        doomed = private.with_name(f"{private.name}.deleted")
        private.rename(doomed)
    threading.Thread(target=remove_tree, args=(doomed,), daemon=True).start()


def remove_private_directories(cloud: Cloud) -> None:
    """Remove what an earlier run with the same state directory left: its file systems no longer exist."""
    remove_tree(cloud.state_dir / "file-systems")


def _directory(cloud: Cloud, file_system_id: str) -> Path:
    if file_system_id not in cloud.file_systems:
        private = _private(cloud, file_system_id)
        private.mkdir(parents=True, exist_ok=True)
        cloud.file_systems[file_system_id] = private
    return cloud.file_systems[file_system_id]


def _private(cloud: Cloud, file_system_id: str) -> Path:
    return cloud.state_dir / "file-systems" / file_system_id
