"""Puts restored files in place: from the directory that AWS Backup wrote to where they belong.

A restore never overwrites or removes anything unless the user asked for it. After an interruption at any
moment, each file is where AWS Backup wrote it or at its target, and a call with the same arguments completes
the placement:

* Each entry is moved by an operation that is atomic on an NFS server, or by two, between which both names
  lead to the same file (`moves`).
* Each action is recorded in a journal in the restored directory before it is taken (`journal`). A later call
  reports the entries that earlier calls placed as if it had placed them itself, so that the reports of the
  last call are complete, and can distinguish an entry that was placed from one that was never restored.
* The journal is locked: one worker at a time places the files of a restore. A worker that loses the lock
  because the server believed it dead cannot write to the journal and so takes no further action.
* `place` removes nothing but the sources of what it placed or skipped. `finish` (`tidemark.restore.finish`)
  removes the remainder, and with it the journal. A caller first stores the totals of `place`, then calls
  `finish`, and after an interruption calls only `finish` if the totals are stored.

The entries of a directory are placed by several threads, in chunks whose intents are recorded together.

Directories are entered through descriptors, name by name, never through a symbolic link. A directory whose
target does not exist is moved by one rename, with everything in it. One whose target is a directory is merged
into it. Directories that are missing above the target of an item are created with the attributes of their
restored counterparts: they are prepared in a staging directory and then moved to their place.

An operation that fails for one entry (EIO, ESTALE, EACCES, ENOSPC, EDQUOT) leaves it in the restored
directory, and is reported. A read-only file system, and a journal that cannot be written, end the placement.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator

from tidemark.errors import ConfigurationError
from tidemark.restore.descriptors import names_of
from tidemark.restore.outcomes import OnConflict, Placed, PlaceTotals
from tidemark.restore.placement import Options, Placement
from tidemark.restore.workspace import open_workspace


def place(
    root: bytes,
    restored: bytes,
    items: Collection[bytes],
    *,
    destination: bytes,
    on_conflict: OnConflict,
    suffix: bytes,
    report: Callable[[Placed], None],
    may_continue: Callable[[], None],
) -> PlaceTotals:
    """Move items from the restored directory (a name in `root`) to `destination`, with their hierarchy.

    Items are paths from the root of the backup, `b""` for all of it; an item includes everything below it.
    `on_conflict` decides about files and links whose target exists: `fail` leaves them in the restored
    directory, `skip` discards them, `rename` places them under their name with `suffix`, `replace` replaces
    the existing ones, and gives directories that are merged the restored attributes. A directory never
    replaces a file, nor a file a directory: except with `rename`, this is a conflict. `report` is called for
    each entry after its action, and `may_continue` before each action; what they raise ends the placement,
    which another call completes.

    Raises ConfigurationError for an invalid path or suffix, PathNotFound if there is no restored directory,
    WorkerStopped if another worker is placing its files or the journal cannot be written, WorkerCannotRun if
    the journal belongs to another user or a newer Tidemark, and OSError for a read-only file system.
    """
    wanted = _outermost(map(names_of, items))
    to = names_of(destination)
    if to[:1] == (restored,):
        raise ConfigurationError(f"{destination!r} is in the restored directory; choose another destination")
    if not suffix or b"/" in suffix or b"\0" in suffix or len(suffix) > 100:
        raise ConfigurationError(f"{suffix!r} is not a suffix of a name; use at most 100 bytes without '/'")
    with open_workspace(root, restored) as workspace:
        options = Options(
            destination=to, on_conflict=on_conflict, suffix=suffix, report=report, may_continue=may_continue
        )
        placement = Placement(workspace, options)
        try:
            placement.resume(frozenset(b"/".join(names) for names in wanted))
            if wanted == [()]:
                placement.place_all()
            else:
                for above, group in itertools.groupby(wanted, key=lambda names: names[:-1]):
                    placement.place_items(above, [names[-1] for names in group])
            placement.restore_times()
            workspace.journal.flush()
        finally:
            placement.close()
    return placement.totals()


def _outermost(paths: Iterator[tuple[bytes, ...]]) -> list[tuple[bytes, ...]]:
    """Return the paths that are not below another one, those of one directory together."""
    outermost: list[tuple[bytes, ...]] = []
    for names in sorted(set(paths)):
        if not outermost or names[: len(outermost[-1])] != outermost[-1]:
            outermost.append(names)
    return sorted(outermost, key=lambda names: (names[:-1], names))
