"""The paths to request from AWS Backup so that it restores all items of a recovery point.

`ItemsToRestore` has limits that items do not have: a path is text, all paths of a job fit into its metadata,
and a job takes few paths. A requested directory is restored with everything below it. Three rules turn
items into requests:

1. A path that is not valid UTF-8, or does not fit, cannot be requested. The deepest directory above it that
   can be requested replaces it.
2. If the items are everything in a directory, the directory replaces them, which restores nothing else.
3. While the requests need more jobs than allowed, a directory replaces all requests below it: the one that
   adds the least time for each request that it saves. At worst this is the root, which is the whole point.

Rules 1 and 3 restore more than the items. The plan shows both numbers.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from tidemark.escape import is_utf8, unescape
from tidemark.index.query.lookup import Subtree
from tidemark.restore.items import Limits, batches, metadata_bytes
from tidemark.restore.plan import Item, outermost, path_order

_ROOT = "/"
_MOST_BYTES = 12  # of a character in `metadata_bytes`: two surrogates, each escaped
# The documented speeds, 1,500 files/s and 200 MB/s, as costs in units of 1/600,000,000 second.
_ENTRY, _BYTE = 400_000, 3


class Request(NamedTuple):
    """A path to request, and what AWS Backup restores for it as far as the index contains it."""

    path: str  # escaped; `/` is the whole point
    entries: int  # without directories above the items, which every restore contains
    bytes: int


def requestable(path: str, limits: Limits) -> str:
    """Return the path if it can be requested, otherwise the deepest directory above it that can be."""
    if "\\x" in path:  # a byte that is not UTF-8, or an escaped backslash
        names = path.split("/")
        valid = next((number for number, name in enumerate(names) if not is_utf8(unescape(name))), len(names))
        path = "/".join(names[:valid]) or _ROOT
    while _MOST_BYTES * len(path) + len('[""],') > limits.most_bytes and path != _ROOT:
        if len("[]") + metadata_bytes(path) <= limits.most_bytes:
            break
        path = _parent_of(path)
    return path


def directories_above(items: Collection[Item], limits: Limits) -> set[str]:
    """Return the directories whose totals `cover` needs."""
    if len(items) == 1:  # rules 2 and 3 need several
        return {requestable(item.path, limits) for item in items} - {item.path for item in items}
    found: set[str] = set()
    for item in items:
        for directory in _above(item.path):
            if directory in found:
                break
            found.add(directory)
    return found


def cover(
    items: Sequence[Item], subtrees: Mapping[str, Subtree], limits: Limits, *, is_complete: bool
) -> tuple[Request, ...]:
    """Return the requests for some items, in path order, none below another; `/` alone is the whole point.

    Every item is a request or below one. `subtrees` are the totals of `directories_above`. `is_complete` is
    whether the index contains every entry of the point; otherwise rule 2 is not applied, because a directory
    may contain more than its totals show.
    """
    paths = outermost(requestable(item.path, limits) for item in items)
    if is_complete:
        paths = _whole_directories(paths, subtrees)
    totals = _Totals(items, subtrees)
    requests = _measured(paths, items, totals)
    if len(batches(paths, limits)) > limits.most_jobs:
        requests = _Merger(requests, totals).fitted(limits)
    return tuple(requests[path] for path in sorted(requests, key=path_order))


class _Totals:
    """What AWS Backup restores for a directory, as far as the index contains it."""

    def __init__(self, items: Collection[Item], subtrees: Mapping[str, Subtree]) -> None:
        self._subtrees = subtrees
        self._leading: Counter[str] = Counter()  # directory -> those at or below it that lead to items
        for directory in {each for item in items for each in _above(item.path)} - {_ROOT}:
            self._leading.update((directory, *_above(directory)))

    def request(self, path: str, entries: int, size: int) -> Request:
        """Return the request for a path; at least with the totals of its items, which the index may lack."""
        totals = self._subtrees.get(path, Subtree(0, 0, 0))
        with_itself = totals.entries + (path != _ROOT) - self._leading[path]
        return Request(path, max(with_itself, entries), max(totals.bytes, size))


def _measured(paths: Sequence[str], items: Sequence[Item], totals: _Totals) -> dict[str, Request]:
    """Return the requests for disjoint paths that cover the items."""
    entries: Counter[str] = Counter()
    size: Counter[str] = Counter()
    requested = frozenset(paths)
    for item in items:
        path = item.path
        while path not in requested:
            path = _parent_of(path)
        entries[path] += item.entries
        size[path] += item.bytes
    return {path: totals.request(path, entries[path], size[path]) for path in paths}


def _whole_directories(paths: Sequence[str], subtrees: Mapping[str, Subtree]) -> list[str]:
    """Apply rule 2 to disjoint paths, except to the root: restoring the whole point is left to the caller."""
    requested_children: Counter[str] = Counter()
    whole = set(paths)
    for path in paths:
        while (parent := _parent_of(path)) != _ROOT:
            requested_children[parent] += 1
            totals = subtrees.get(parent)
            if totals is None or requested_children[parent] < totals.children:
                break
            whole.add(parent)
            path = parent
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        top = path
        for directory in _above(path):
            if directory not in whole:
                break
            top = directory
        groups[top].append(path)
    return [top if len(group) > 1 else group[0] for top, group in groups.items()]


class _Merger:
    """Applies rule 3: a tree of the directories above the requests, and a queue of the cheapest merges."""

    def __init__(self, requests: Mapping[str, Request], totals: _Totals) -> None:
        self._requests, self._totals = requests, totals
        self.count = len(requests)
        self._merged: dict[str, Request] = {}
        self._below: Counter[str] = Counter()  # directory -> requests below it
        self._entries: Counter[str] = Counter()  # directory -> entries of the requests below it
        self._bytes: Counter[str] = Counter()
        for path, request in requests.items():
            self._add(path, 1, request.entries, request.bytes)
        self._queue: list[tuple[float, int, str]] = []

    def fitted(self, limits: Limits) -> dict[str, Request]:
        """Return requests that need no more jobs than allowed. One request always fits."""
        most = limits.most_jobs * limits.most_items
        while True:
            # Prices rise as fewer requests remain to be saved: an outdated one is only looked at too early.
            self._queue = [
                self._queued(path, self.count) for path, number in self._below.items() if number > 1
            ]
            heapq.heapify(self._queue)
            while (excess := self.count - max(most, 1)) > 0:
                self._merge(self._cheapest(excess))
            requests = self._current()
            if len(batches(sorted(requests, key=path_order), limits)) <= limits.most_jobs:
                return requests
            most = self.count * 9 // 10  # long paths: the metadata is full before the number of items is

    def _cheapest(self, excess: int) -> str:
        """Return the directory with the lowest price that is not below a merged one."""
        while True:
            queued = heapq.heappop(self._queue)
            path = queued[-1]
            if self._below[path] < 2 or any(above in self._merged for above in _above(path)):
                continue
            now = self._queued(path, excess)
            if now <= queued:
                return path
            heapq.heappush(self._queue, now)

    def _merge(self, path: str) -> None:
        whole = self._whole(path)
        self._merged[path] = whole
        saved = self._below[path] - 1
        self.count -= saved
        self._add(path, -saved, whole.entries - self._entries[path], whole.bytes - self._bytes[path])
        self._below[path] = 1
        for directory in _above(path):
            if self._below[directory] > 1:
                heapq.heappush(self._queue, self._queued(directory, self.count))

    def _add(self, path: str, requests: int, entries: int, size: int) -> None:
        for directory in _above(path):
            self._below[directory] += requests
            self._entries[directory] += entries
            self._bytes[directory] += size

    def _queued(self, path: str, excess: int) -> tuple[float, int, str]:
        """Return the price of requesting a directory instead of all requests below it, to order by.

        It is the added time for each request that this saves, of which no more than `excess` count. Of equal
        ones, a directory precedes those above it.
        """
        whole = self._whole(path)
        more = (whole.entries - self._entries[path]) * _ENTRY + (whole.bytes - self._bytes[path]) * _BYTE
        return more / min(self._below[path] - 1, excess), -len(path), path

    def _whole(self, path: str) -> Request:
        return self._totals.request(path, self._entries[path], self._bytes[path])

    def _current(self) -> dict[str, Request]:
        current: dict[str, Request] = {}
        for path, request in self._requests.items():
            merged = [above for above in _above(path) if above in self._merged]
            current[merged[-1] if merged else path] = self._merged[merged[-1]] if merged else request
        return current


def _above(path: str) -> Iterator[str]:
    """Return the directories above a path, nearest first; the last is the root."""
    while path != _ROOT:
        path = _parent_of(path)
        yield path


def _parent_of(path: str) -> str:
    return path[: path.rfind("/")] or _ROOT
