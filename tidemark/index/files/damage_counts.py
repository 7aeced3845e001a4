"""Counts an index's changes by directory, for the damage alarm. Memory does not grow with the changes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidemark.damage.facts import ROOT, SIGNALS, Counts, above_of
from tidemark.index.rows.compare import ADDED, BEFORE, DELETED, UNREAD

_MOST_DIRECTORIES = 16_384  # counted individually; more are counted with the directory above
_MOST_MOVED = 1 << 19  # deleted files that are looked for among the added ones; more are sampled
_DAY_US = 86_400_000_000
_NUMBER_OF = {name: number for number, name in enumerate(SIGNALS)}
_ODD = -7046029254386353131  # 2^64 divided by the golden ratio, as a signed number: spreads bits


class ChangeCounter:
    """Counts the changes that `ChangesBuilder` reports to its `watch`, in order.

    `since_us` is the start of the previous crawl in microseconds since 1970, `known` are the extensions of
    the previous index, and a file is old after `old_days` without modification.
    """

    def __init__(self, *, since_us: int, known: Collection[str], old_days: int) -> None:
        self._since, self._old = since_us, since_us - old_days * _DAY_US
        self._known = pa.array(sorted(known), pa.string())
        self._directories: dict[str, list[int]] = {ROOT: [0] * len(SIGNALS)}
        self._moves = _Moves()
        self.extensions: Counter[str] = Counter()  # new ones, with their added files

    def add(self, changes: pa.Table) -> None:
        """Count sorted changes, with UNREAD and with modified rows as they were before."""
        rows = changes.combine_chunks()
        op = rows.column("op").combine_chunks()
        unread = rows.column(UNREAD).combine_chunks()
        is_file = pc.equal(rows.column("type").combine_chunks().cast(pa.string()), "f")
        self._count_modified(rows, op, unread, is_file)
        gone = rows.filter(pc.and_(pc.equal(op, DELETED), is_file))
        come = rows.filter(pc.and_(pc.and_(pc.equal(op, ADDED), is_file), pc.invert(unread)))
        if len(gone):
            self._count_deleted(gone, _replaced(gone, come))
        if len(come):
            self._count_added(come)
        while len(self._directories) > _MOST_DIRECTORIES:
            self._fold()

    def subtrees(self) -> dict[str, Counts]:
        """Return the counts of each directory and everything below it. Call this once, at the end."""
        self._subtract_moves()
        self._pair_new_extensions()
        sums = {path: list(counts) for path, counts in self._directories.items()}
        for path, counts in self._directories.items():
            for above in above_of(path):
                into = sums.setdefault(above, [0] * len(SIGNALS))
                for number, value in enumerate(counts):
                    into[number] += value
        return {path: Counts(**dict(zip(SIGNALS, values, strict=True))) for path, values in sums.items()}

    def _count_modified(self, rows: pa.Table, op: pa.Array, unread: pa.Array, is_file: pa.Array) -> None:
        before = pc.indices_nonzero(pc.equal(op, BEFORE))
        if not len(before):
            return
        after = pc.add(before, 1)  # an entry directly follows its earlier row
        known = pc.invert(pc.or_(unread.take(before), unread.take(after)))
        both = pc.and_(known, pc.and_(is_file.take(before), is_file.take(after)))
        before, after = before.filter(both), after.filter(both)
        if not len(before):
            return
        was, now = rows.take(before), rows.take(after)
        was_mtime, now_mtime = (_us(each.column("mtime")) for each in (was, now))
        was_size, now_size = was.column("size").combine_chunks(), now.column("size").combine_chunks()
        same_time, same_size = pc.equal(was_mtime, now_mtime), pc.equal(was_size, now_size)
        # A file that has the content and the time of another one was moved or rotated into its place.
        written = pc.or_(pc.greater_equal(now_mtime, self._since), same_time)
        changed = pc.and_(pc.invert(pc.and_(same_time, same_size)), written)
        attributes = pc.and_(same_time, same_size)
        for name in ("uid", "gid", "mode", "nlink"):
            attributes = pc.and_(attributes, pc.equal(was.column(name), now.column(name)))
        disguised = pc.and_(attributes, pc.not_equal(_ctime(was), _ctime(now)))
        grown = pc.subtract(now_size, was_size)
        self._add(
            now,
            {
                "changed": changed,
                "overwritten": pc.and_(changed, pc.less(was_mtime, self._old)),
                "emptied": pc.and_(changed, pc.and_(pc.greater(was_size, 0), pc.equal(now_size, 0))),
                "disguised": disguised,
                "gained_bytes": pc.max_element_wise(grown, 0),
                "lost_bytes": pc.max_element_wise(pc.negate(grown), 0),
            },
        )

    def _count_deleted(self, gone: pa.Table, replaced: pa.Array) -> None:
        others = pc.invert(replaced)
        size = gone.column("size").combine_chunks()
        numbers = {
            "replaced": replaced,
            "deleted": others,
            "lost_bytes": pc.if_else(others, size, 0),
            "replaced_bytes": pc.if_else(replaced, size, 0),
        }
        self._add(gone, numbers)
        self._moves.add_deleted(gone.filter(others))

    def _count_added(self, come: pa.Table) -> None:
        extension = come.column("ext").combine_chunks()
        if pa.types.is_dictionary(extension.type):
            extension = extension.cast(pa.string())
        known = pc.or_(pc.is_null(extension), pc.is_in(extension, value_set=self._known))
        new = pc.invert(known)
        size = come.column("size").combine_chunks()
        ones = pa.repeat(pa.scalar(True), len(come))
        self._add(come, {"added": ones, "new_extension": new, "gained_bytes": size})
        for each in pc.value_counts(extension.filter(new)).to_pylist():
            self.extensions[each["values"]] += each["counts"]
        if len(self.extensions) > _MOST_DIRECTORIES:
            self.extensions = Counter(dict(self.extensions.most_common(_MOST_DIRECTORIES // 2)))
        self._moves.add_added(come)

    def _add(self, rows: pa.Table, numbers: Mapping[str, Any]) -> None:
        """Add numbers of rows to their directories."""
        parent = rows.column("parent").combine_chunks()
        if not pa.types.is_dictionary(parent.type):
            parent = parent.dictionary_encode()
        columns = {name: each.cast(pa.int64()) for name, each in numbers.items()}
        table = pa.table({"parent": parent.indices, **columns})
        sums = table.group_by("parent", use_threads=False).aggregate([(name, "sum") for name in columns])
        names = parent.dictionary.to_pylist()
        places = [_NUMBER_OF[name] for name in columns]
        values = (sums.column(f"{name}_sum").to_pylist() for name in columns)
        for code, *found in zip(sums.column("parent").to_pylist(), *values, strict=True):
            if any(found):
                counts = self._directories.setdefault(names[code], [0] * len(SIGNALS))
                for place, value in zip(places, found, strict=True):
                    counts[place] += value

    def _fold(self) -> None:
        """Count the directories with the fewest changes together with the directory above."""
        byte_places = {_NUMBER_OF[name] for name in SIGNALS if name.endswith("bytes")}

        def files(counts: list[int]) -> int:
            return sum(value for place, value in enumerate(counts) if place not in byte_places)

        few = sorted(self._directories, key=lambda path: files(self._directories[path]))
        folded = sorted(few[: _MOST_DIRECTORIES // 2], key=lambda path: -path.count("/"))
        for path in folded:
            if path != ROOT:
                counts = self._directories.pop(path)
                into = self._directories.setdefault(next(above_of(path)), [0] * len(SIGNALS))
                for number, value in enumerate(counts):
                    into[number] += value

    def _subtract_moves(self) -> None:
        """Count the deleted files that were moved; a sample gives their share."""
        samples: dict[str, list[int]] = {}
        whole = [0, 0, 0, 0]
        for path, sample in self._moves.samples():
            into = samples.setdefault(self._resolved(path), [0, 0, 0, 0])
            for number, value in enumerate(sample):
                into[number] += value
                whole[number] += value
        for path, counts in self._directories.items():
            unsampled = [0, 0, 0, 0] if self._moves.is_complete else whole
            files, moved, size, moved_size = samples.get(path, unsampled)
            for source, target, part, of in (
                ("deleted", "moved", moved, files),
                ("lost_bytes", "moved_bytes", moved_size, size),
            ):
                at = _NUMBER_OF[source]
                number = min(counts[at], part) if self._moves.is_complete else counts[at] * part // max(of, 1)
                counts[at] -= number
                counts[_NUMBER_OF[target]] += number

    def _pair_new_extensions(self) -> None:
        """Count deleted files as replaced where as many files with new extensions were added."""
        replaced, deleted, new = (_NUMBER_OF[name] for name in ("replaced", "deleted", "new_extension"))
        for counts in self._directories.values():
            pairs = min(counts[deleted], max(0, counts[new] - counts[replaced]))
            counts[replaced] += pairs
            counts[deleted] -= pairs

    def _resolved(self, path: str) -> str:
        return next(each for each in (path, *above_of(path)) if each in self._directories)


class _Moves:
    """Finds deleted files that were added with their size and time, and their name or directory: moved ones.

    Of many files, a sample is compared.
    """

    def __init__(self) -> None:
        self._bits = 0  # one in 2^bits files is compared
        self._paths: list[str] = []
        self._number_of: dict[str, int] = {}
        self._deleted = _Sample()
        self._added = _Sample()

    def add_deleted(self, rows: pa.Table) -> None:
        self._add(self._deleted, rows, with_directories=True)

    def add_added(self, rows: pa.Table) -> None:
        self._add(self._added, rows, with_directories=False)

    @property
    def is_complete(self) -> bool:
        """Whether all files are in the sample."""
        return not self._bits

    def samples(self) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
        """Yield directories with the deleted files in the sample, the moved ones, and the bytes of both."""
        there = {*self._added.named, *self._added.renamed}
        found: dict[int, list[int]] = {}
        for named, renamed, directory, size in zip(*self._deleted.columns()[1:], strict=True):
            numbers = found.setdefault(directory, [0, 0, 0, 0])
            numbers[0] += 1
            numbers[2] += size
            if named in there or renamed in there:
                numbers[1] += 1
                numbers[3] += size
        for directory, (files, moved, size, moved_size) in found.items():
            yield self._paths[directory], (files, moved, size, moved_size)

    def _add(self, sample: _Sample, rows: pa.Table, *, with_directories: bool) -> None:
        size, time = rows.column("size").combine_chunks(), _us(rows.column("mtime"))
        mixed = pc.multiply(pc.bit_wise_xor(pc.multiply(size, _ODD), time), _ODD)
        chance = pc.bit_wise_and(pc.shift_right(mixed, 24), (1 << 32) - 1)
        if self._bits:
            chosen = pc.equal(pc.bit_wise_and(chance, (1 << self._bits) - 1), 0)
            rows, size, time, chance = (each.filter(chosen) for each in (rows, size, time, chance))
        sizes, times = size.to_pylist(), time.to_pylist()
        named, renamed = (
            [hash(each) for each in zip(*columns, sizes, times, strict=True)]
            for columns in (
                (rows.column("name").to_pylist(),),
                (_plain(rows.column("parent")), _plain(rows.column("ext"))),
            )
        )
        directories = self._numbers(rows) if with_directories else [0] * len(sizes)
        sample.extend(chance.to_pylist(), named, renamed, directories, sizes)
        while max(len(self._deleted), len(self._added)) > _MOST_MOVED:
            self._bits += 1
            for each in (self._deleted, self._added):
                each.thin(self._bits)

    def _numbers(self, rows: pa.Table) -> list[int]:
        parent = rows.column("parent").combine_chunks()
        if not pa.types.is_dictionary(parent.type):
            parent = parent.dictionary_encode()
        codes = parent.indices.to_pylist()
        names = parent.dictionary
        known: dict[int, int] = {}
        for code in set(codes):
            path = names[code].as_py()
            number = self._number_of.setdefault(path, len(self._paths))
            if number == len(self._paths):
                self._paths.append(path)
            known[code] = number
        return [known[code] for code in codes]


class _Sample:
    """Columns of the compared files."""

    def __init__(self) -> None:
        self.chances = array("q")  # what decides whether a file is in the sample
        self.named = array("q")  # digests of name, size and time
        self.renamed = array("q")  # digests of directory, extension, size and time
        self.directories, self.sizes = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.chances)

    def extend(self, *columns: list[int]) -> None:
        for own, more in zip(self.columns(), columns, strict=True):
            own.extend(more)

    def thin(self, bits: int) -> None:
        mask = (1 << bits) - 1
        kept = [number for number, chance in enumerate(self.chances) if not chance & mask]
        for own in self.columns():
            own[:] = array("q", [own[number] for number in kept])

    def columns(self) -> tuple[array[int], ...]:
        return self.chances, self.named, self.renamed, self.directories, self.sizes


def _replaced(gone: pa.Table, come: pa.Table) -> pa.Array:
    """Return, for deleted files, whether a file with a related name and another extension was added.

    `report.docx` is replaced by `report.docx.locked` and by `report.locked`. Numbers are no extensions: logs
    are rotated by them.
    """
    if not len(come):
        return pa.repeat(pa.scalar(False), len(gone))
    come_stem, gone_stem = _stems(come), _stems(gone)
    by_suffix = pc.is_in(_paths(gone), value_set=come_stem)
    by_stem = pc.is_in(gone_stem, value_set=come_stem, skip_nulls=True)
    return pc.or_(by_suffix, by_stem)


def _stems(rows: pa.Table) -> pa.Array:
    """Return the paths without their extension; null for those without one, or with a number."""
    paths = _paths(rows)
    stem = pc.replace_substring_regex(paths, r"([^/])\.[^./]*$", r"\1")
    is_number = pc.match_substring_regex(paths, r"\.[0-9]*$")
    usable = pc.and_(pc.not_equal(stem, paths), pc.invert(is_number))
    return pc.if_else(usable, stem, pa.scalar(None, pa.string()))


def _paths(rows: pa.Table) -> pa.Array:
    parent = rows.column("parent").combine_chunks().cast(pa.string())
    return pc.binary_join_element_wise(parent, rows.column("name").combine_chunks(), "")


def _plain(column: pa.ChunkedArray) -> list[str | None]:
    values: list[str | None] = column.combine_chunks().cast(pa.string()).to_pylist()
    return values


def _us(times: pa.ChunkedArray) -> pa.Array:
    return times.combine_chunks().cast(pa.int64())


def _ctime(rows: pa.Table) -> pa.Array:
    """Return the times of the last change, which are null in rows where they equal the modification."""
    return pc.coalesce(_us(rows.column("ctime")), _us(rows.column("mtime")))
