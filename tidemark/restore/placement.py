"""One call of `place`: the walk through the restored directory."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from errno import EEXIST, ENOENT, ENOTEMPTY
from typing import cast

from tidemark.restore import moves
from tidemark.restore.decision import decide
from tidemark.restore.descriptors import Attributes, Descent, is_in, names_in, status_of
from tidemark.restore.journal import Intent, joined
from tidemark.restore.moves import Entry, LinkRefused, TargetChanged, name_with_suffix
from tidemark.restore.outcomes import (
    KEEPS_CHANGING,
    NOT_RESTORED,
    OnConflict,
    Outcome,
    Placed,
    PlaceTotals,
    Stays,
    failed,
)
from tidemark.restore.recovery import recover
from tidemark.restore.target_directories import NO_DIRECTORY, TargetDirectories
from tidemark.restore.threads import Threads
from tidemark.restore.workspace import Workspace

CHUNK = 256  # entries whose intents are written together
THREADS = 16  # that look up and place the entries of a chunk, because each operation waits for the server
_MOST_TRIES = 10  # for an entry whose target keeps changing
_MOST_NAMES = 1000  # with the suffix
_MOST_LISTINGS = 3  # of a directory in which entries appear while it is being merged


_Found = tuple[os.stat_result | None, os.stat_result | None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of `place` that apply to all items."""

    destination: tuple[bytes, ...]
    on_conflict: OnConflict
    suffix: bytes
    report: Callable[[Placed], None]
    may_continue: Callable[[], None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Merge:
    """A directory that is to be merged into an existing one."""

    number: int
    intent: Intent
    tries: int

    @property
    def name(self) -> bytes:
        return self.intent.path.rpartition(b"/")[2]


@dataclasses.dataclass(slots=True)
class _Directory:
    """A directory whose entries are being placed."""

    path: bytes
    target: bytes
    names: Iterator[bytes]
    merge: _Merge | None = None  # None for a directory above the items, which is not removed here
    to_merge: list[_Merge] = dataclasses.field(default_factory=list)  # directories of the current chunk
    left: int = 0  # entries that stay in the restored directory
    listings: int = 1


class Placement:
    """Places items. The position of both descents is the directory that is being placed."""

    def __init__(self, workspace: Workspace, options: Options) -> None:
        """Start at the restored directory."""
        self._workspace = workspace
        self._journal = workspace.journal
        self._options = options
        self._source = Descent(workspace.restored)
        self._target = Descent(workspace.root, forbidden=workspace.status)
        self._directories = TargetDirectories(
            self._target, options.destination, workspace.journal, workspace.staging
        )
        self._counts: collections.Counter[str] = collections.Counter()
        self._placeholders = itertools.count()
        self._threads = Threads(THREADS)
        self._attributes: dict[bytes, Attributes] = {}
        self._done: set[bytes] = set()  # items that earlier attempts placed

    def close(self) -> None:
        """Wait for running operations, and close all descriptors."""
        self._threads.close()
        self._source.close()
        self._target.close()

    def totals(self) -> PlaceTotals:
        """Return the number of reports so far."""
        return PlaceTotals(**self._counts)

    def resume(self, items: frozenset[bytes]) -> None:
        """Complete interrupted actions of earlier attempts; report all that was done with the items."""

        def on_done(intent: Intent) -> None:
            self._options.may_continue()
            if intent.path in items:
                self._done.add(intent.path)
            if is_in(intent.path, items):
                self._report(intent.path, intent.target, cast(Outcome, intent.outcome))

        replayed = self._journal.replay(on_done)
        self._attributes = replayed.attributes
        self._directories.created_before(replayed.created)
        self._journal.begin(b"/".join(self._options.destination))
        for number, intent in replayed.pending.items():
            if recover(intent, self._source, self._target):
                self._journal.done(number)
                self._attributes.pop(intent.path, None)
                on_done(intent)
            else:
                self._journal.void(number)
        self._journal.flush()
        self._workspace.clear_staging()

    def place_items(self, above: Sequence[bytes], names: Sequence[bytes]) -> None:
        """Place items of one directory."""
        path = b"/".join(above)
        waiting = [name for name in names if joined(path, name) not in self._done]
        directory = self._directory(path, waiting)
        if not waiting:
            return
        self._options.may_continue()
        try:
            self._enter_both(above, waiting)
        except Stays as stays:
            for name in waiting:
                self._stay(directory, name, stays)
        else:
            self._walk(directory)

    def place_all(self) -> None:
        """Place the entries of the restored directory, which itself stays."""
        directory = self._directory(b"", ())
        try:
            self._enter_both((), ())
            names = names_in(self._source.fd)
        except Stays as stays:
            self._stay(directory, b"", stays)
            return
        except OSError as error:
            self._stay(directory, b"", failed(error))
            return
        directory.names = (name for name in names if name != self._workspace.control)
        self._walk(directory)
        self._report(b"", directory.target, "merged", _left(directory.left))

    def restore_times(self) -> None:
        """Set the times of the directories that were created above the items."""
        for target, why in self._directories.restore_times().items():
            path = target[len(b"/".join(self._options.destination)) :].removeprefix(b"/")
            self._report(path, target, "failed", why)

    def _directory(self, path: bytes, names: Sequence[bytes]) -> _Directory:
        return _Directory(path, joined(b"/".join(self._options.destination), path), iter(names))

    def _enter_both(self, above: Sequence[bytes], names: Sequence[bytes]) -> None:
        try:
            self._source.go_to(above)
        except OSError as error:
            if error.errno in {*NO_DIRECTORY, ENOENT}:
                raise Stays("failed", NOT_RESTORED) from error
            raise failed(error) from error
        if names and not any(self._exists(name) for name in names):
            raise Stays("failed", NOT_RESTORED)  # before directories are created for nothing
        self._directories.go_to(above, self._source)

    def _exists(self, name: bytes) -> bool:
        try:
            return status_of(name, self._source.fd) is not None
        except OSError:
            return True  # which placing it reports

    def _walk(self, first: _Directory) -> None:
        """Place the entries of a directory, and of those below it that are merged."""
        stack = [first]
        while stack:
            directory = stack[-1]
            if directory.to_merge:
                below = self._enter(directory, directory.to_merge.pop())
                if below is not None:
                    stack.append(below)
            elif names := list(itertools.islice(directory.names, CHUNK)):
                self._place_chunk(directory, names)
            else:
                stack.pop()
                again = self._leave(stack[-1], directory) if stack else None
                if again is not None:
                    stack.append(again)

    def _place_chunk(self, directory: _Directory, names: Sequence[bytes]) -> None:
        try:
            look_up = functools.partial(_look_up, self._source.fd, self._target.fd)
        except OSError as error:
            for name in names:
                self._stay(directory, name, failed(error))
            return
        lookups = [self._threads.start(functools.partial(look_up, name)) for name in names]
        intents = list(filter(None, map(self._intent, itertools.repeat(directory), names, lookups)))
        numbers = self._journal.record(intents)
        attempts = []
        for intent in intents:
            self._options.may_continue()
            attempt = self._attempt(intent)
            attempts.append(self._threads.start(attempt) if intent.action in moves.CONCURRENT else attempt)
        for number, intent, attempt in zip(numbers, intents, attempts, strict=True):
            self._take(directory, number, intent, attempt)

    def _intent(self, directory: _Directory, name: bytes, look_up: Callable[[], _Found]) -> Intent | None:
        """Return what is to be done with an entry; None after reporting that it stays."""
        path = joined(directory.path, name)
        try:
            source, target = look_up()
            decision = decide(source, target, self._options.on_conflict)
            target_name = self._free_name(name) if decision.other_name else name
        except OSError as error:
            self._stay(directory, name, failed(error))
            return None
        except Stays as stays:
            self._stay(directory, name, stays)
            return None
        attributes = None
        if decision.action == moves.MERGE:
            attributes = self._attributes.get(path) or Attributes.of(cast(os.stat_result, source))
        return Intent(
            action=decision.action,
            outcome=decision.outcome,
            path=path,
            target=joined(directory.target, target_name),
            attributes=attributes,
        )

    def _free_name(self, name: bytes) -> bytes:
        for number in range(1, _MOST_NAMES + 1):
            candidate = name_with_suffix(name, self._options.suffix, number)
            if status_of(candidate, self._target.fd) is None:
                return candidate
        raise Stays("conflict", f"{_MOST_NAMES:,} names with the suffix are taken")

    def _entry(self, intent: Intent) -> Entry:
        name, target_name = (path.rpartition(b"/")[2] for path in (intent.path, intent.target))
        return Entry(self._source.fd, name, self._target.fd, target_name)

    def _attempt(self, intent: Intent) -> Callable[[], None]:
        linked = intent.outcome == "placed"
        return functools.partial(self._entry(intent).attempt, intent.action, linked=linked)

    def _take(
        self, directory: _Directory, number: int, intent: Intent, attempt: Callable[[], None], tries: int = 1
    ) -> None:
        """Wait for an attempt, and conclude it."""
        if intent.action == moves.MERGE:
            directory.to_merge.append(_Merge(number, intent, tries))
            return
        try:
            try:
                attempt()
            except LinkRefused:
                number = self._reserve(number, intent)
        except TargetChanged:
            self._decide_again(directory, number, intent, tries)
        except OSError as error:
            self._stay(directory, intent.path.rpartition(b"/")[2], failed(error))
        else:
            self._journal.done(number)
            self._report(intent.path, intent.target, cast(Outcome, intent.outcome))

    def _reserve(self, number: int, intent: Intent) -> int:
        """Place an entry that the server does not link; return the number of the intent for this."""
        staging, placeholder = self._workspace.staging, b"placeholder-%d" % next(self._placeholders)
        fd = os.open(placeholder, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0, dir_fd=staging)
        inode = os.fstat(fd).st_ino
        os.close(fd)
        self._journal.void(number)
        reserving = dataclasses.replace(intent, action=moves.RESERVE, placeholder=inode)
        [number] = self._journal.record([reserving])
        try:
            self._entry(intent).reserve(placeholder, staging)
        except TargetChanged:
            self._journal.void(number)
            raise
        finally:
            os.unlink(placeholder, dir_fd=staging)
        return number

    def _decide_again(self, directory: _Directory, number: int, intent: Intent, tries: int) -> None:
        """Place an entry whose target has changed since its intent was recorded."""
        name = intent.path.rpartition(b"/")[2]
        self._journal.void(number)
        if tries == _MOST_TRIES:
            self._stay(directory, name, Stays("failed", KEEPS_CHANGING))
            return
        look_up = functools.partial(_look_up, self._source.fd, self._target.fd, name)
        changed = self._intent(directory, name, look_up)
        if changed is not None:
            [number] = self._journal.record([changed])
            self._take(directory, number, changed, self._attempt(changed), tries + 1)

    def _enter(self, directory: _Directory, merge: _Merge, listings: int = 1) -> _Directory | None:
        """Enter a directory to merge; return None if that is not possible."""
        self._options.may_continue()
        depth = self._source.depth
        try:
            self._source.enter(merge.name)
            names = names_in(self._source.fd)
            self._target.enter(merge.name)
        except OSError as error:
            if self._source.depth > depth:
                self._source.leave()
            if error.errno not in {*NO_DIRECTORY, ENOENT}:
                self._stay(directory, merge.name, failed(error))
                return None
            self._decide_again(directory, merge.number, merge.intent, merge.tries)
            return None
        if merge.intent.attributes is not None:
            self._attributes.setdefault(merge.intent.path, merge.intent.attributes)
        return _Directory(merge.intent.path, merge.intent.target, names, merge, listings=listings)

    def _leave(self, above: _Directory, directory: _Directory) -> _Directory | None:
        """Remove a directory whose entries were placed; return it again if entries have appeared in it."""
        merge = cast(_Merge, directory.merge)
        stays: Stays | None = None
        try:
            if self._options.on_conflict == "replace" and merge.intent.attributes is not None:
                merge.intent.attributes.apply(self._target.fd)
        except OSError as error:
            stays = failed(error)
        self._source.leave()
        self._target.leave()
        above.left += directory.left
        if not directory.left and not stays:
            try:
                self._remove(merge)
            except OSError as error:
                if error.errno in {EEXIST, ENOTEMPTY} and directory.listings < _MOST_LISTINGS:
                    return self._enter(above, merge, listings=directory.listings + 1)
                stays = failed(error)
        if stays:
            self._stay(above, merge.name, stays)
        else:
            self._report(merge.intent.path, merge.intent.target, "merged", _left(directory.left))
        return None

    def _remove(self, merge: _Merge) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(merge.name, dir_fd=self._source.fd)
        self._journal.done(merge.number)
        self._attributes.pop(merge.intent.path, None)

    def _stay(self, directory: _Directory, name: bytes, stays: Stays) -> None:
        directory.left += 1
        path, target = joined(directory.path, name), joined(directory.target, name)
        self._report(path, target, stays.outcome, stays.reason)

    def _report(self, path: bytes, target: bytes, outcome: Outcome, why: str = "") -> None:
        self._counts[outcome] += 1
        self._options.report(Placed(path, target, outcome, why))


def _look_up(source: int, target: int, name: bytes) -> _Found:
    """Return the status of an entry and that of its target."""
    return status_of(name, source), status_of(name, target)


def _left(number: int) -> str:
    """Return the reason that a merged directory still exists in the restored directory."""
    return f"{number:,} {'entry' if number == 1 else 'entries'} in it not placed" if number else ""
