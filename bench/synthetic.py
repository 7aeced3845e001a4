"""A crawl of a synthetic tree of any size, with names and structure like a file server's.

Nearly half of the entries are copies of directories of a real tree (names, sizes, modes, times of its files),
as in home directories and server backups; the rest are photographs, office files, objects named by their
digests, web pages, mail and logs. The same seed and the same real tree give the same entries.

`python -m bench.synthetic --entries N --repository URL` indexes one and prints the costs of sorting and
writing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import stat
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from random import Random

from bench.uninterrupted import UninterruptedCrawl
from tidemark.crawl.batch import Batch, BytesColumn
from tidemark.index.build.pipeline import build_index
from tidemark.index.format.manifest import IndexIdentity
from tidemark.index.storage.object_store import file_store

_BATCH_ROWS = 16_384
_FILE, _DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
_WORDS = (
    "report invoice Photo draft data image backup Note Budget plan minutes Letter scan Export contract offer "
    "project customer supplier meeting Agenda summary final review Quarterly Annual Sales team Marketing "
    "training travel Übersicht Größe présentation 会議"
).encode().split()  # fmt: skip
_OFFICE = b"xlsx xlsx docx docx pdf pdf pptx txt csv msg".split()
NEEDLE = b"Minutes of the lighthouse keeper.docx"  # one file in the middle of all, for search benchmarks
_NOW_US = 1_790_000_000_000_000  # some day in 2026, so that a seed gives the same times on any day
_INODES = 11400714819323198485  # EFS's look random: multiples of a large odd number, so that none repeats

# name, mode, nlink, size, mtime_us, ctime_us, target
_Item = tuple[bytes, int, int, int, int, int, bytes]
_Tree = dict[bytes, list[_Item]]  # by the path below its top: b"" or b"a/b/"


class SyntheticCrawl(UninterruptedCrawl):
    """A `tidemark.crawl.crawler.Crawl` without a file system. `seconds` is the time spent on generation."""

    def __init__(self, entries: int, *, seed: int = 1, real: Path = Path("/usr")) -> None:
        self._wanted, self._chance = entries, Random(seed)
        self._real = _subtrees(real)
        self._entries = self._bytes = 0
        self.seconds = 0.0

    def batches(self) -> Iterator[Batch]:
        started = time.thread_time()
        rows = _Rows(0)
        for path, items in self._directories():
            rows.add(path, items)
            if len(rows.names) >= _BATCH_ROWS:
                self._entries += len(rows.names)
                batch, rows = rows.batch(), _Rows(self._entries)
                self.seconds += time.thread_time() - started
                yield batch
                started = time.thread_time()
        self._entries += len(rows.names)
        self.seconds += time.thread_time() - started
        yield rows.batch()

    def _directories(self) -> Iterator[tuple[bytes, list[_Item]]]:
        """Yield directories with their entries, in an order unfavorable to the sorter."""
        chance, made, number = self._chance, 0, 0
        makers: list[Callable[[Random], _Tree]] = [
            self._copied, _photographs, _office, _objects, _web, _mail, _logs,
        ]  # fmt: skip
        share = [45, 14, 14, 9, 8, 7, 3]
        counts = [0] * len(makers)
        above: dict[bytes, dict[bytes, _Item]] = {b"/": {}}
        hidden = False
        while made < self._wanted:
            which = min(range(len(makers)), key=lambda each: counts[each] / share[each])
            tree = makers[which](chance)
            owner = b"%s%d" % (
                chance.choice((b"home/user", b"srv/team", b"backup/host-")),
                chance.randrange(400),
            )
            steps = [*owner.split(b"/"), b"%s %d" % (chance.choice(_WORDS), number)]
            number += 1
            path = b"/"
            for step in steps:
                above[path].setdefault(step, _directory(step, chance))
                path += step + b"/"
                above.setdefault(path, {})
            del above[path]
            below = list(tree.items())
            chance.shuffle(below)
            if not hidden and made >= self._wanted // 2:
                hidden = True
                below[0][1].append(_file(NEEDLE, 12_345, _NOW_US))
            for inside, items in below:
                made += len(items)
                counts[which] += len(items)
                yield path + inside, items
        for path, directories in above.items():
            yield path, list(directories.values())

    def _copied(self, chance: Random) -> _Tree:
        """Return a copy of a real directory, written file by file; half of the copies keep their times."""
        moment = _past(chance)
        copy: _Tree = {}
        for path, items in chance.choice(self._real).items():
            copy[path] = copied = []
            for name, mode, nlink, size, mtime, _ctime, target in items:
                moment += chance.randrange(400)
                kept = mtime if chance.random() < 0.5 else moment
                copied.append((name, mode, nlink, size, kept, moment, target))
        return copy


class _Rows:
    """A batch being filled."""

    def __init__(self, first: int) -> None:
        self._first = first
        self.names: list[bytes] = []
        self._items: list[_Item] = []
        self._paths: list[bytes] = []
        self._directory = array("i")
        self._owner = array("q")

    def add(self, path: bytes, items: list[_Item]) -> None:
        """Add a directory; its owner is derived from its path."""
        self._directory.extend([len(self._paths)] * len(items))
        self._owner.extend([1000 + sum(b"/".join(path.split(b"/", 3)[:3])) % 400] * len(items))
        self._paths.append(path)
        self._items += items
        self.names += [item[0] for item in items]

    def batch(self) -> Batch:
        """Return the filled batch."""
        columns = list(zip(*self._items, strict=True)) or [()] * 7
        _, mode, nlink, size, mtime, ctime, target = columns
        inode = [_INODES * (self._first + number) % 2**63 for number in range(len(self.names))]
        return Batch(
            rows=len(self.names),
            directories=bytes_column(self._paths),
            directory=self._directory,
            names=bytes_column(self.names),
            targets=bytes_column(list(target)),
            mode=array("i", mode),
            nlink=array("i", nlink),
            uid=self._owner,
            gid=self._owner,
            size=array("q", size),
            inode=array("q", inode),
            mtime_us=array("q", mtime),
            ctime_us=array("q", ctime),
            mtime_ns=array("h", bytes(2 * len(self.names))),
            ctime_ns=array("h", bytes(2 * len(self.names))),
        )


def bytes_column(values: list[bytes]) -> BytesColumn:
    """Return texts as a crawler's column."""
    return BytesColumn(offsets=array("i", accumulate(map(len, values), initial=0)), data=b"".join(values))


def _subtrees(top: Path) -> list[_Tree]:
    """Return the subtrees of a real directory that have 50 to 5,000 entries."""
    listed: _Tree = {}
    device = top.stat().st_dev
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        try:
            found = sorted(os.scandir(os.fsencode(top) + b"/" + path), key=lambda entry: entry.name)
        except OSError:
            continue
        listed[path] = []
        for entry in found:
            status = entry.stat(follow_symlinks=False)
            target = os.readlink(entry.path) if entry.is_symlink() else b""  # noqa: PTH115 - the name is bytes
            times = (status.st_mtime_ns // 1000, status.st_ctime_ns // 1000)
            listed[path].append((entry.name, status.st_mode, status.st_nlink, status.st_size, *times, target))
            if entry.is_dir(follow_symlinks=False) and status.st_dev == device:
                waiting.append(path + entry.name + b"/")
    of_top: dict[bytes, _Tree] = {path: {} for path in listed}
    for path, items in listed.items():
        pieces = path.split(b"/")[:-1]
        for depth in range(len(pieces) + 1):
            above = b"".join(piece + b"/" for piece in pieces[:depth])
            of_top[above][path[len(above) :]] = items
    return [tree for _, tree in sorted(of_top.items()) if 50 <= sum(map(len, tree.values())) <= 5000]


def _past(chance: Random) -> int:
    """Return a moment of the last years; later ones are more likely."""
    return _NOW_US - int(chance.expovariate(1 / 5e13))


def _directory(name: bytes, chance: Random) -> _Item:
    moment = _past(chance)
    return name, _DIRECTORY, 2 + chance.randrange(4), 4096, moment, moment, b""


def _file(name: bytes, size: float, mtime: int, ctime: int | None = None) -> _Item:
    return name, _FILE, 1, int(size), mtime, mtime if ctime is None else ctime, b""


def _tree(below: _Tree, chance: Random) -> _Tree:
    """Return a tree of directories at one level."""
    return {b"": [_directory(path[:-1], chance) for path in below], **below}


def _photographs(chance: Random) -> _Tree:
    """Photographs: times in whole seconds, numbered names; copying keeps the time."""
    below: _Tree = {}
    number, day = chance.randrange(10_000), _past(chance)
    camera = chance.choice((b"DSC%05d.JPG", b"IMG_%04d.jpg", b"P%07d.JPG", b""))
    for _ in range(chance.randrange(2, 20)):
        day += 86_400_000_000 * chance.randrange(1, 30)
        when, copied = day // 1_000_000, day + 10**11
        items = []
        for _ in range(chance.randrange(10, 200)):
            number += 1
            when += chance.randrange(3, 200)
            copied += chance.randrange(20_000, 100_000)
            moment = datetime.fromtimestamp(when, UTC)
            name = camera % (number % 100_000) if camera else f"IMG_{moment:%Y%m%d_%H%M%S}.jpg".encode()
            items.append(_file(name, chance.gauss(4.5e6, 1e6), when * 1_000_000, copied))
        below[f"{datetime.fromtimestamp(day // 1_000_000, UTC):%Y-%m-%d}/".encode()] = items
    return _tree(below, chance)


def _office(chance: Random) -> _Tree:
    below: _Tree = {}
    for _ in range(chance.randrange(3, 30)):
        moment, subject = _past(chance), chance.choice(_WORDS)
        items = {}
        for _ in range(chance.randrange(5, 60)):
            moment += int(chance.expovariate(1e-10))
            end = chance.choice(
                (b"", b" v%d" % chance.randrange(9), b" %d" % chance.randrange(2015, 2027), b" final")
            )
            name = b"%s %s%s.%s" % (subject, chance.choice(_WORDS), end, chance.choice(_OFFICE))
            if chance.random() < 0.0014:
                name = "Entwürfe für ".encode("latin-1") + name
            items[name] = _file(name, chance.lognormvariate(11, 1.5), moment)
        below[b"%s %d/" % (subject, chance.randrange(2010, 2027) * 100 + len(below))] = list(items.values())
    return _tree(below, chance)


def _objects(chance: Random) -> _Tree:
    moment = _past(chance)
    below: _Tree = {b"%02x/" % number: [] for number in range(256)}
    for _ in range(chance.randrange(500, 8000)):
        moment += chance.randrange(2000)
        items = below[b"%02x/" % chance.randrange(256)]
        items.append(_file(b"%038x" % chance.getrandbits(152), chance.lognormvariate(8, 2), moment))
    return _tree(below, chance)


def _web(chance: Random) -> _Tree:
    below: _Tree = {}
    moment = _past(chance)
    for _ in range(chance.randrange(5, 60)):
        page = b"-".join(chance.choices(_WORDS, k=4)).lower() + b"-%d/" % len(below)
        moment += chance.randrange(10_000)
        items = [_file(b"index.html", chance.lognormvariate(9, 0.5), moment)]
        for ending in chance.choices((b"css", b"js", b"js", b"png", b"svg", b"jpg"), k=chance.randrange(60)):
            moment += chance.randrange(1000)
            name = b"%s.%08x.%s" % (chance.choice(_WORDS).lower(), chance.getrandbits(32), ending)
            items.append(_file(name, chance.lognormvariate(9, 2), moment))
        below[page] = items
    return _tree(below, chance)


def _mail(chance: Random) -> _Tree:
    """A Maildir: delivered, and later moved from `new` to `cur`."""
    moment, host = _past(chance), b"mx%d" % chance.randrange(4)
    items = []
    for _ in range(chance.randrange(100, 3000)):
        moment += int(chance.expovariate(1e-9))
        size = int(chance.lognormvariate(9.5, 1.5))
        name = b"%d.M%dP%d.%s,S=%d,W=%d:2,%s" % (
            moment // 10**6, moment % 10**6, chance.randrange(1000, 32_000), host, size, size + size // 40,
            chance.choice((b"S", b"S", b"RS", b"")),
        )  # fmt: skip
        items.append(_file(name, size, moment, moment + int(chance.expovariate(1e-10))))
    return _tree({b"cur/": items, b"new/": [], b"tmp/": []}, chance)


def _logs(chance: Random) -> _Tree:
    below: _Tree = {}
    for service in dict.fromkeys(chance.choices(_WORDS, k=chance.randrange(1, 12))):
        day = _past(chance)
        items = []
        for _ in range(chance.randrange(10, 400)):
            day += 86_400_000_000
            moment = day + chance.randrange(10**6)
            name = f"{service.decode()}-{datetime.fromtimestamp(day // 10**6, UTC):%Y%m%d}.log.gz".encode()
            items.append(_file(name, chance.lognormvariate(13, 1), moment, moment + chance.randrange(10**6)))
        below[service + b"/"] = items
    return _tree(below, chance)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--repository", default=None, help="file:///path; default: a temporary one")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = file_store(given.repository or (Path(scratch) / "repository").as_uri())
        made = datetime.now(UTC)
        identity = IndexIdentity(
            account="local",
            region="local",
            file_system_id=f"fs-{given.seed:016x}",
            index_id=f"fs-{given.seed:016x}-{made:%Y%m%dT%H%M%SZ}-{given.seed:06x}",
        )
        crawl = SyntheticCrawl(given.entries, seed=given.seed)
        wall, cpu = time.monotonic(), time.process_time()
        manifest = build_index(
            crawl, store, identity, scratch=Path(scratch), now=lambda: made, worker="bench"
        )
        wall, cpu = time.monotonic() - wall - crawl.seconds, time.process_time() - cpu - crawl.seconds
    entries = manifest.totals.entries
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if given.json:
        result = {"entries": entries, "cpu_seconds": cpu, "wall_seconds": wall, "memory_mb": memory}
        print(json.dumps(result))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores: {entries:,} entries, {store.url} {manifest.index_id}"
    )
    print(f"generation (not counted below) {crawl.seconds:.1f} s")
    print(
        f"sort + write + side files: "
        f"{cpu / entries * 1e6:.2f} us CPU per entry, {wall / entries * 1e6:.2f} us wall time"
    )
    parts = sum(part.bytes for part in manifest.parts)
    print(f"peak memory {memory:.0f} MB; bytes per entry: parts {parts / entries:.2f}")
    for file in manifest.side_files:
        print(f"  {file.file} {file.bytes / entries:.2f}")


if __name__ == "__main__":
    main()
