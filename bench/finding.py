"""Measures search and related commands on a synthetic file server's index: in cold processes, and as if in
S3."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most, plain
from bench.measure import REMOTE, Cost, FarStore, run
from bench.synthetic import NEEDLE
from tidemark.index.format.entry import Entry
from tidemark.index.format.manifest import Manifest
from tidemark.index.query.browse import list_directory
from tidemark.index.query.search import count, search
from tidemark.index.query.usage import totals_of_subdirectories
from tidemark.index.storage.catalog import newest_index
from tidemark.index.storage.object_store import FileStore, Store

TIDEMARK = Path(sys.executable).with_name("tidemark")
ABSENT = "qxzjkv"
RARE = "lighthouse"  # bench.synthetic hides one file of such a name
RARE_NAME = NEEDLE.decode()
COMMON = "invoice"
EXPRESSION = "^[a-m]+_[0-9]{3}.*x$"  # without a literal that could narrow the search


def figures(repository: Path, file_system: str, scratch: Path) -> Iterator[Figure]:
    """Yield the size of the newest index and the costs of searches, compared with plocate if installed."""
    store = FileStore(repository)
    index = newest_index(store, file_system)
    yield from _sizes(index)
    digest = _digest(store, index)

    def cold(*arguments: str) -> Cost:
        return run([TIDEMARK, "search", *arguments, "--repository", repository.as_uri(), "--count"])

    for what, arguments in {
        "an absent text": [ABSENT],
        "a rare text": [RARE],
        "a name of 38 hexadecimal digits": [digest],
        f"a common text, `{COMMON}`": [COMMON],
        "the same regardless of case": ["--ignore-case", COMMON],
        "a glob, `*.xlsx`": ["*.xlsx"],
        f"an expression, `{EXPRESSION}`": ["--regex", EXPRESSION],
    }.items():
        cost = cold(*arguments)
        found = f"hits: {int(cost.output):,}, {cost.cpu:.1f} s CPU"
        yield at_most(f"cold `tidemark search --count`: {what} ({found})", cost.wall, 1, " s")
    exact, ending = cold("--exact", RARE_NAME), cold("--ext", "xlsx")
    if shutil.which("plocate-build") or Path("/usr/sbin/plocate-build").exists():
        names = _plocate(store, index, scratch)
        theirs = run(["plocate", "--database", names, "--count", "--basename", f"\\{RARE_NAME}"])
        yield at_most("exact name; the target is plocate's time", exact.wall, round(theirs.wall, 2), " s")
        theirs = run(["plocate", "--database", names, "--count", "--basename", "*.xlsx"])
        yield at_most(
            "count of `.xlsx`; the target is plocate's time", ending.wall, round(theirs.wall, 2), " s"
        )
        parts = sum(part.bytes for part in index.parts)
        yield at_most("size of the parts / size of plocate.db", parts / names.stat().st_size, 1.1)
        names.unlink()
    else:
        yield plain("exact name; count of `.xlsx`", f"{exact.wall:.2f} s; {ending.wall:.2f} s")
    yield from _remote(repository, index, digest)


def _sizes(index: Manifest) -> Iterator[Figure]:
    entries = index.totals.entries
    parts = sum(part.bytes for part in index.parts)
    yield plain("entries", f"{entries:,}")
    yield at_most("parts, bytes per entry", parts / entries, 17.7, "", 1)
    for file in index.side_files:
        yield plain(f"{file.file}, bytes per entry", f"{file.bytes / entries:.2f}")
    everything = parts + sum(file.bytes for file in index.side_files)
    yield at_most("all files, bytes per entry", everything / entries, 18.5, "", 1)


def _digest(store: Store, index: Manifest) -> str:
    """Return a hexadecimal name; its trigrams are in nearly every block."""
    return next(entry.name for entry in search(store, index, "0123", trigrams=True) if len(entry.name) > 30)


def _plocate(store: Store, index: Manifest, scratch: Path) -> Path:
    listed, names = scratch / "paths.txt", scratch / "all.plocate"
    with listed.open("wb") as file:
        for entry in search(store, index):
            if b"\n" not in entry.raw_path:
                file.write(entry.raw_path + b"\n")
    run(["/usr/sbin/plocate-build", "--require-visibility", "no", "--plaintext", listed, names], runs=1)
    listed.unlink()
    return names


def _remote(repository: Path, index: Manifest, digest: str) -> Iterator[Figure]:
    def ask(question: Callable[[FarStore], Any]) -> tuple[float, FarStore]:
        there = FarStore(repository)
        started = time.monotonic()
        there.get(index.key)  # every command first reads the manifest
        question(there)
        return time.monotonic() - started, there

    def found(needle: str) -> Callable[[FarStore], list[Entry]]:
        return lambda there: list(search(there, index, needle))

    folder = next(search(FileStore(repository), index, RARE)).parent
    for what, question, seconds, megabytes, gets in (
        ("an absent text", found(ABSENT), 0.5, 0.3, None),
        ("a rare text", found(RARE), 0.8, 2.0, None),
        ("a name of hexadecimal digits", found(digest), 2.1, 29, None),
        ("full scan", lambda there: count(there, index, COMMON, trigrams=False), 1.7, 80, None),
        ("browse", lambda there: list(list_directory(there, index, folder)), None, 0.5, 5),
        (
            "sums of the subdirectories of /",
            lambda there: list(totals_of_subdirectories(there, index, "/")),
            0.58,
            5,
            12,
        ),
    ):
        took, there = ask(question)
        if seconds is not None:
            yield at_most(f"{what}, {REMOTE}", took, seconds, " s")
        yield at_most(f"{what}: bytes read", there.bytes / 1e6, megabytes, " MB")
        if gets is not None:
            yield at_most(f"{what}: requests", there.requests, gets, "", 0)
        else:
            yield plain(f"{what}: requests", f"{there.requests}")
