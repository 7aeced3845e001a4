"""The history logs: the versions of a path are those of a reading of each index."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.building import directory, identity_of, index_rows, row
from tests.index.test_side_files import trees
from tidemark.index.files import history_log
from tidemark.index.query.browse import as_shown, find_entry
from tidemark.index.query.history import history
from tidemark.index.query.verify import verify
from tidemark.index.storage.catalog import list_indexes, read_manifest
from tidemark.index.storage.object_store import FileStore


class Counting:
    """A store that counts requests."""

    def __init__(self, store: FileStore) -> None:
        self._store, self.asked = store, []
        self.url, self.at_once = store.url, 1

    def __getattr__(self, name):
        def ask(key, *arguments, **options):
            self.asked.append((name, key))
            return getattr(self._store, name)(key, *arguments, **options)

        return ask


def oracle(store, path):
    """Return the versions of a path from a reading of every index."""
    said = [
        (index.index_id, index.crawl_started_at, find_entry(store, index, path))
        for index in list_indexes(store)
    ]
    found = []
    for index_id, crawled_at, entry in said:
        if entry is None and not found:
            continue
        if found and found[-1][0] == entry:
            found[-1][1].append((index_id, crawled_at))
        else:
            found.append((entry, [(index_id, crawled_at)]))
    return found


def read_history(store, path, numbers):
    found = history(store, [identity_of(number) for number in numbers], path)
    return [(each.entry, [(one.index_id, one.crawled_at) for one in each.indexes]) for each in found]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), span=st.integers(1, 3))
def test_history_equals_a_reading_of_every_index(tmp_path_factory, monkeypatch, data, span):
    """With any changes, any span of the logs, and any deleted indexes."""
    monkeypatch.setattr(history_log, "SPAN", span)
    monkeypatch.setattr(history_log, "_ROW_GROUP_ROWS", data.draw(st.integers(1, 4)))
    scratch = tmp_path_factory.mktemp("history")
    store = FileStore(scratch / "repository")
    rows = data.draw(trees())
    paths = {each.path for each in rows}
    numbers: list[int] = []
    for number in range(1, data.draw(st.integers(2, 8))):
        index_rows(store, scratch, rows, number=number, row_group_rows=3)
        numbers.append(number)
        kept = data.draw(st.lists(st.sampled_from(rows), unique=True)) if rows else []
        rows = kept + [each for each in data.draw(trees()) if each.path not in {one.path for one in kept}]
        paths |= {each.path for each in rows}
        gone = data.draw(st.sampled_from([*numbers, 0, 0, 0]))
        if gone and len(numbers) > 1:
            shutil.rmtree(store._directory / identity_of(gone).prefix)
            numbers.remove(gone)
    for path in sorted(paths):
        shown = as_shown(path.decode("utf-8", "surrogateescape"))
        assert read_history(store, shown, numbers) == oracle(store, shown)
    for index in list_indexes(store):
        assert list(verify(store, index)) == []


@pytest.fixture
def forty(store, tmp_path):
    """Forty indexes: one path changes every tenth time, one once, one never."""
    for number in range(40):
        rows = [
            row("/often", size=number // 10),
            row("/once", size=number > 15),
            row("/same"),
            *([row("/late")] if number > 35 else []),
            *(row(f"/other{each}", size=number) for each in range(20)),
        ]
        index_rows(store, tmp_path, rows, number=number)
    return [identity_of(number) for number in range(40)]


def test_the_history_of_a_path_over_many_indexes_takes_ten_requests(store, forty):
    for path, count in {"/often": 4, "/once": 2, "/same": 1, "/late": 1, "/other3": 40, "/never": 0}.items():
        watched = Counting(store)
        found = history(watched, forty, path)
        assert len(found) == count
        assert len(watched.asked) <= 7, watched.asked  # and three listings that find the indexes
        assert sum(len(each.indexes) for each in found) in (0, 4, 40)


def test_logs_stop_growing(store, tmp_path, monkeypatch):
    monkeypatch.setattr(history_log, "SPAN", 2)
    rows = []
    for number in range(20):
        made = index_rows(store, tmp_path, [row(f"/{each}", size=number) for each in range(3)], number=number)
        if number >= 5:
            shutil.rmtree(store._directory / identity_of(number - 5).prefix)
        rows.append(sum(file.rows for file in made.side_files if file.file.startswith("history")))
    assert max(rows[10:]) <= max(rows[:10]) <= 3 * 10
    assert read_history(store, "/1", range(15, 20)) == oracle(store, "/1")


@pytest.mark.parametrize("name", ["history.parquet", "history-recent.parquet"])
@pytest.mark.parametrize("damage", ["missing", "cut", "altered"])
def test_without_a_log_the_indexes_are_read(store, tmp_path, monkeypatch, name, damage):
    monkeypatch.setattr(history_log, "SPAN", 2)
    for number in range(8):
        index_rows(store, tmp_path, [directory("/d"), row("/d/f", size=number // 2)], number=number)
    files = sorted(store._directory.rglob(name))
    assert files
    for file in files:
        body = file.read_bytes()
        if damage == "missing":
            file.unlink()
        else:
            file.write_bytes(body[:-3] if damage == "cut" else body[:-20] + bytes(20))
    found = read_history(store, "/d/f", range(8))
    assert found == oracle(store, "/d/f")
    assert len(found) == 4


def test_an_index_that_is_being_written_is_skipped(store, tmp_path):
    for number in range(4):
        index_rows(store, tmp_path, [row("/f", size=number)], number=number)
    (store._directory / identity_of(3).prefix / "manifest.json").unlink()
    assert [len(indexes) for _, indexes in read_history(store, "/f", range(4))] == [1, 1, 1]
    assert read_history(store, "/f", range(4)) == oracle(store, "/f")


def test_more_changes_than_fit_in_memory_start_a_new_log(store, tmp_path, monkeypatch):
    for number in range(3):
        index_rows(store, tmp_path, [row(f"/{each}", size=number) for each in range(5)], number=number)
    monkeypatch.setattr(history_log, "_MOST_CHANGES", 4)
    index_rows(store, tmp_path, [row(f"/{each}", size=3) for each in range(5)], number=3)
    monkeypatch.undo()
    for number in (4, 5):
        index_rows(store, tmp_path, [row(f"/{each}", size=number) for each in range(5)], number=number)
    made = [read_manifest(store, identity_of(number)) for number in range(6)]
    assert [bool(each.side_file("history-recent.parquet")) for each in made] == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]
    assert read_history(store, "/2", range(6)) == oracle(store, "/2")
