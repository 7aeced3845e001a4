"""A simulated file system, which records its changes between two crawls as an index does."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tidemark.index.format.schema import PART_SCHEMA
from tidemark.index.reading.part_reader import ROW_COLUMNS
from tidemark.index.rows.arrow_batch import extension
from tidemark.index.rows.compare import ADDED, BEFORE, DELETED, MODIFIED, UNREAD

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAY_US = 86_400_000_000
_LEVELS = 3  # /home/user is 3 levels
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A regular file. Times are microseconds since 1970."""

    size: int
    mtime_us: int
    ctime_us: int
    mode: int = 0o644
    uid: int = 1000


class FileSystem:
    """Files by path, a clock, and the changes since the last crawl."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.day = 0
        self.totals: dict[str, list[int]] = {"/": [0, 0]}  # files and bytes below each directory
        self._extensions: Counter[str] = Counter()
        self._before: dict[str, File | None] = {}
        self._clock_us = self._morning_us()
        self._below: dict[str, set[str]] = {}  # the files below each directory of the first levels

    @property
    def crawled_at(self) -> datetime:
        """The start of the crawl at the end of this day."""
        return BEGIN + timedelta(days=self.day, hours=2)

    def now_us(self) -> int:
        """Return a new time on this day, before its crawl."""
        self._clock_us += 1_000
        return self._clock_us

    def write(self, path: str, size: int, *, age_days: float = 0, mode: int = 0o644, uid: int = 1000) -> None:
        """Create or overwrite a file; `age_days` sets its time of modification back."""
        now = self.now_us()
        self._set(path, File(size, now - int(age_days * DAY_US), now, mode, uid))

    def put(self, path: str, file: File) -> None:
        """Create or replace a file with all its attributes, except the time of the change."""
        self._set(path, dataclasses.replace(file, ctime_us=self.now_us()))

    def change(self, path: str, **attributes: int) -> None:
        """Change attributes of a file, which sets the time of the change."""
        self.put(path, dataclasses.replace(self.files[path], **attributes))

    def delete(self, path: str) -> None:
        """Remove a file."""
        self._set(path, None)

    def move(self, path: str, target: str) -> None:
        """Rename a file."""
        file = self.files[path]
        self.delete(path)
        self.put(target, file)

    def below(self, directory: str) -> list[str]:
        """Return the files below a directory, whose path ends with a slash, sorted."""
        above = "/".join(directory.split("/")[:-1][:_LEVELS]) + "/"
        if directory.count("/") > _LEVELS - 1:
            found = self._below.get(above, set())
        else:
            found = set[str]().union(
                *(files for each, files in self._below.items() if each.startswith(above))
            )
        return sorted(path for path in found if path.startswith(directory))

    def next_day(self) -> None:
        """Begin the next day after a crawl."""
        self._before = {}
        self.day += 1
        self._clock_us = self._morning_us()

    def extensions(self) -> pa.Table:
        """Return the extensions of all files, as rows of an index have them."""
        return pa.table({"ext": pa.array([name for name, number in self._extensions.items() if number])})

    def directories(self) -> pa.Table:
        """Return the totals of all directories, as rows of dirs.parquet."""
        found = sorted(path for path, (files, _) in self.totals.items() if files)
        split = [path[:-1].rpartition("/") for path in found]
        numbers = [self.totals[path] for path in found]
        none = pa.nulls(len(found), pa.int64())
        return pa.table(
            {
                "parent": [
                    "" if path == "/" else above + "/"
                    for path, (above, _, _) in zip(found, split, strict=True)
                ],
                "name": [name for _, _, name in split],
                "files": [files for files, _ in numbers],
                "bytes": [size for _, size in numbers],
                "subtree_files": none,
                "subtree_bytes": none,
            }
        )

    def changes(self) -> pa.Table:
        """Return the changes since the last crawl, as the builder of changes.parquet reports them."""
        rows: list[tuple[str, str, str, File]] = []
        for path, before in self._before.items():
            now = self.files.get(path)
            if before == now:
                continue
            parent, _, name = path.rpartition("/")
            if before is None and now is not None:
                rows.append((parent + "/", name, ADDED, now))
            elif now is None and before is not None:
                rows.append((parent + "/", name, DELETED, before))
            elif before is not None and now is not None:
                rows += [(parent + "/", name, BEFORE, before), (parent + "/", name, MODIFIED, now)]
        rows.sort(key=lambda row: (row[0], row[1], row[2]))
        return _table(rows)

    def _morning_us(self) -> int:
        return (self.crawled_at - timedelta(hours=20) - _EPOCH) // timedelta(microseconds=1)

    def _set(self, path: str, file: File | None) -> None:
        before = self.files.get(path)
        self._before.setdefault(path, before)
        for each, sign in ((before, -1), (file, 1)):
            if each is not None:
                self._count(path, each.size, sign)
        above = "/".join(path.split("/")[:-1][:_LEVELS]) + "/"
        if file is None:
            del self.files[path]
            self._below[above].remove(path)
        else:
            self.files[path] = file
            self._below.setdefault(above, set()).add(path)

    def _count(self, path: str, size: int, sign: int) -> None:
        name = path.rpartition("/")[2]
        if "." in name[1:]:
            self._extensions[name.rpartition(".")[2].lower()] += sign
        at = path.rfind("/")
        while at >= 0:
            totals = self.totals.setdefault(path[: at + 1], [0, 0])
            totals[0] += sign
            totals[1] += sign * size
            at = path.rfind("/", 0, at)


def _table(rows: Iterable[tuple[str, str, str, File]]) -> pa.Table:
    parents, names, ops, files = zip(*rows, strict=True) if (rows := list(rows)) else ((), (), (), ())
    number = len(names)
    name, kind = pa.array(names, pa.string()), pa.array(["f"] * number, pa.string())
    columns = {
        "op": pa.array(ops, pa.string()),
        "parent": pa.array(parents, pa.string()).dictionary_encode(),
        "name": name,
        "ext": extension(name, kind),
        "type": kind,
        "size": [file.size for file in files],
        "mtime": [file.mtime_us for file in files],
        "ctime": [file.ctime_us for file in files],
        "uid": [file.uid for file in files],
        "gid": [1000] * number,
        "mode": [file.mode for file in files],
        "nlink": [1] * number,
        "inode": [None] * number,
        "target": [None] * number,
    }
    arrays = {
        each: column
        if isinstance(column, pa.Array)
        else pa.array(column, pa.int64()).cast(PART_SCHEMA.field(each).type)
        for each, column in columns.items()
        if each != "target"
    }
    arrays["target"] = pa.nulls(number, pa.string())
    arrays[UNREAD] = pa.repeat(pa.scalar(False), number)
    return pa.table({each: arrays[each] for each in ["op", *ROW_COLUMNS, UNREAD]})
