"""The counts of changes, compared with a plain computation over two states of a tree."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.damage.file_system import BEGIN, DAY_US, File, FileSystem
from tidemark.damage.facts import SIGNALS, Counts
from tidemark.index.files import damage_counts
from tidemark.index.files.damage_counts import ChangeCounter

SINCE = int(BEGIN.timestamp()) * 1_000_000
OLD, RECENT, NEW = SINCE - 40 * DAY_US, SINCE - DAY_US, SINCE + 1_000
NAMES = st.sampled_from(
    ["a.txt", "a.txt.locked", "a.locked", "b.txt", "b.1", "b.2", ".rc", ".profile", "c", "d.TXT"]
)
PATHS = st.builds("{}{}".format, st.sampled_from(["/", "/x/", "/x/y/", "/z/"]), NAMES)
FILES = st.builds(
    File,
    size=st.integers(0, 2),
    mtime_us=st.sampled_from([OLD, RECENT, NEW]),
    ctime_us=st.sampled_from([OLD, RECENT, NEW]),
    mode=st.sampled_from([0o644, 0o600]),
)
STATES = st.dictionaries(PATHS, FILES, max_size=12)


def counted(before: dict[str, File], after: dict[str, File], known: set[str]) -> dict[str, Counts]:
    fs = FileSystem()
    fs.files, fs._before = after, {path: before.get(path) for path in (*before, *after)}
    counter = ChangeCounter(since_us=SINCE, known=known, old_days=30)
    counter.add(fs.changes())
    return counter.subtrees()


def directory(path: str) -> str:
    return path.rpartition("/")[0] + "/"


def extension(path: str) -> str | None:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name[1:] else None


def stem(path: str) -> str | None:
    found = extension(path)
    return None if found is None or found.isdigit() else path.rpartition(".")[0]


def expected(before: dict[str, File], after: dict[str, File], known: set[str]) -> dict[str, Counts]:
    own: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SIGNALS, 0))
    gone, come = set(before) - set(after), set(after) - set(before)
    stems = {stem(path) for path in come} - {None}
    added = {(path.rpartition("/")[2], after[path].size, after[path].mtime_us) for path in come}
    added |= {(directory(path), extension(path), after[path].size, after[path].mtime_us) for path in come}
    for path in gone:
        counts, file = own[directory(path)], before[path]
        named = (path.rpartition("/")[2], file.size, file.mtime_us)
        renamed = (directory(path), extension(path), file.size, file.mtime_us)
        if path in stems or stem(path) in stems:
            counts["replaced"] += 1
            counts["replaced_bytes"] += file.size
        elif named in added or renamed in added:
            counts["moved"] += 1
            counts["moved_bytes"] += file.size
        else:
            counts["deleted"] += 1
            counts["lost_bytes"] += file.size
    for path in come:
        counts = own[directory(path)]
        counts["added"] += 1
        counts["gained_bytes"] += after[path].size
        counts["new_extension"] += extension(path) not in {None, *known}
    for counts in own.values():
        pairs = min(counts["deleted"], max(0, counts["new_extension"] - counts["replaced"]))
        counts["replaced"] += pairs
        counts["deleted"] -= pairs
    for path in set(before) & set(after):
        was, now, counts = before[path], after[path], own[directory(path)]
        written = now.mtime_us >= SINCE or now.mtime_us == was.mtime_us
        same = (was.size, was.mtime_us) == (now.size, now.mtime_us)
        changed = written and not same
        counts["changed"] += changed
        counts["overwritten"] += changed and was.mtime_us < SINCE - 30 * DAY_US
        counts["emptied"] += changed and was.size > 0 == now.size
        counts["disguised"] += same and was.mode == now.mode and was.ctime_us != now.ctime_us
        counts["gained_bytes"] += max(0, now.size - was.size)
        counts["lost_bytes"] += max(0, was.size - now.size)
    found = {}
    for path in {"/", *own, *(f"/{path.split('/')[1]}/" for path in own if path != "/")}:
        below = [counts for each, counts in own.items() if each.startswith(path)]
        found[path] = Counts(**{name: sum(int(each[name]) for each in below) for name in SIGNALS})
    return found


@settings(max_examples=100, deadline=None)
@given(STATES, STATES, st.sets(st.sampled_from(["txt", "locked"])))
def test_changes_are_counted_by_directory(before, after, known):
    found, right = counted(before, after, known), expected(before, after, known)
    nothing = Counts()
    for path in found.keys() | right.keys():
        assert found.get(path, nothing) == right.get(path, nothing), path


def attack(number: int) -> tuple[dict[str, File], dict[str, File]]:
    before = {f"/d{each % 40}/e{each % 7}/f{each}.txt": File(each, OLD + each, OLD) for each in range(number)}
    return before, {f"{path}.locked": File(file.size, NEW, NEW) for path, file in before.items()}


def test_many_directories_are_counted_with_those_above(monkeypatch):
    monkeypatch.setattr(damage_counts, "_MOST_DIRECTORIES", 16)
    before, after = attack(2_000)
    found = counted(before, after, {"txt"})
    assert found["/"].replaced == 2_000
    assert len(found) < 60


def test_of_many_moved_files_a_sample_is_compared(monkeypatch):
    monkeypatch.setattr(damage_counts, "_MOST_MOVED", 500)
    before, _ = attack(8_000)
    moved = {f"/elsewhere{path}": file for path, file in before.items()}
    root = counted(before, moved, {"txt"})["/"]
    assert root.moved + root.deleted == 8_000
    assert root.moved == pytest.approx(8_000, rel=0.05)
    gone = counted(before, {}, {"txt"})["/"]
    assert (gone.deleted, gone.moved) == (8_000, 0)


def test_what_could_not_be_read_does_not_count():
    fs = FileSystem()
    fs._before = {"/a.txt": File(1, OLD, OLD), "/b.txt": None}
    fs.files = {"/a.txt": File(0, NEW, NEW), "/b.txt": File(1, NEW, NEW)}
    changes = fs.changes()
    unread = pa.array([op != "B" for op in changes.column("op").to_pylist()])
    counter = ChangeCounter(since_us=SINCE, known=(), old_days=30)
    counter.add(changes.set_column(changes.column_names.index("unreadable"), "unreadable", unread))
    assert counter.subtrees() == {"/": Counts()}
