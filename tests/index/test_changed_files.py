from __future__ import annotations

import random
from datetime import timedelta

from tests.index.building import index_rows, row
from tidemark.index.query import changed_files as module
from tidemark.index.query.changed_files import changed_files
from tidemark.index.storage.object_store import FileStore


def history(tmp_path, days, seed=1):
    """Build an index for each day of a random history; return them with the sizes of each day's files."""
    store, chance = FileStore(tmp_path / "store"), random.Random(seed)  # noqa: S311 - not a secret
    (tmp_path / "store").mkdir(exist_ok=True)
    files = {f"/{number:02}": (10, 0) for number in range(30)}
    indexes, states = [], []
    for day in range(days):
        for name in chance.sample(sorted(files), 5):
            files[name] = (chance.randrange(1, 100), day)
        files[f"/new-{day}"] = (chance.randrange(1, 100), day)
        del files[chance.choice(sorted(files))]
        rows = [
            row(name, size=size, mtime_us=1_000_000 * (at + 1)) for name, (size, at) in sorted(files.items())
        ]
        indexes.append(index_rows(store, tmp_path, rows, number=day))
        states.append(dict(files))
    return store, indexes, states


def test_each_file_counts_once_with_its_last_size(tmp_path):
    store, indexes, states = history(tmp_path, 8)
    found = list(changed_files(store, indexes))
    assert [each.interval for each in found] == [timedelta(days=number) for number in range(1, 8)]
    for number, each in enumerate(found, start=1):
        # Written at some time within the interval, even if it was removed later.
        written = {}
        for day in range(len(states) - number, len(states)):
            before = states[day - 1]
            now = states[day].items()
            written |= {name: state[0] for name, state in now if before.get(name) != state}
        assert (each.files, each.bytes) == (len(written), sum(written.values()))


def test_an_index_that_was_not_compared_ends_the_measurement(tmp_path):
    store, indexes, _ = history(tmp_path, 5)
    without = [*indexes[:2], *indexes[3:]]  # the fourth was compared with the third
    assert [each.interval for each in changed_files(store, without)] == [timedelta(days=1)]
    assert list(changed_files(store, indexes[:1])) == []
    assert list(changed_files(store, [])) == []


def test_the_number_of_remembered_files_is_bounded(tmp_path, monkeypatch):
    store, indexes, _ = history(tmp_path, 6)
    monkeypatch.setattr(module, "MOST_FILES", 7)
    assert len(list(changed_files(store, indexes))) == 2
